package draws_test

import (
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
)

func TestTextsThatAreRead(t *testing.T) {
	for _, c := range []struct {
		what, text, names string
		rows              [][]float64
	}{
		{"no names", "1,2\n3,4\n", "x0,x1", [][]float64{{1, 2}, {3, 4}}},
		{"no end of line", "1,2\n3,4", "x0,x1", [][]float64{{1, 2}, {3, 4}}},
		{"one number", "5", "x0", [][]float64{{5}}},
		{"one column", "mu\n1\n2\n", "mu", [][]float64{{1}, {2}}},
		{"names", "mu,log_tau\n1,2\n", "mu,log_tau", [][]float64{{1, 2}}},
		{"odd names", "mu[1],theta.2,Länge (cm)\n1,2,3\n", "mu[1],theta.2,Länge (cm)", [][]float64{{1, 2, 3}}},
		{"a comma in a name", "\"a,b\",\"say \"\"c\"\"\"\n1,2\n", "a,b,say \"c\"", [][]float64{{1, 2}}},
		{"tabs", "a\tb\n1\t2\n", "a,b", [][]float64{{1, 2}}},
		{"spaces", "a b\n 1   2 \n\t3\t 4\n", "a,b", [][]float64{{1, 2}, {3, 4}}},
		{"numpy.savetxt", "# x y\n1.000000000000000000e+00 -2.5e-01\n", "x0,x1", [][]float64{{1, -0.25}}},
		{"quotes between spaces", "\"a b\" c\n\"1\" 2\n", "a b,c", [][]float64{{1, 2}}},
		{"spaces around", " a , b \n 1 , 2 \n", "a,b", [][]float64{{1, 2}}},
		{"semicolons and points", "a;b\n1.5;2\n", "a,b", [][]float64{{1.5, 2}}},
		{"semicolons and commas", "1,5;2\n-0,25;1,5e3\n", "x0,x1", [][]float64{{1.5, 2}, {-0.25, 1500}}},
		{"tabs and commas", "a\tb\n0,435\t2\n", "a,b", [][]float64{{0.435, 2}}},
		{"comments anywhere", "# one\na,b\n# two\n1,2\n  # three\n3,4\n#", "a,b", [][]float64{{1, 2}, {3, 4}}},
		{"empty lines around", "\n\na,b\n1,2\n\n\n", "a,b", [][]float64{{1, 2}}},
		{"whole numbers from 0", "0,1\n1,0\n", "x0,x1", [][]float64{{0, 1}, {1, 0}}},
		{"signs", "+1,-.5\n-0,5.\n", "x0,x1", [][]float64{{1, -0.5}, {math.Copysign(0, -1), 5}}},
		{"digits", "0.1000000000000000055511151231257827,0." + strings.Repeat("0", 400) + "1e401\n", "x0,x1", [][]float64{{0.1, 1}}},
		{"halfway", "9007199254740993,1.00000000000000011102230246251565404236316680908203125\n", "x0,x1", [][]float64{{1 << 53, 1}}},
		{"just above halfway", "9007199254740993.0000000000000000000000000000000001,0\n", "x0,x1", [][]float64{{1<<53 + 2, 0}}},
		{"logp alone is a column", "logp\n1\n", "logp", [][]float64{{1}}},
	} {
		table := decoded(t, []byte(c.text), draws.Options{})
		if got := strings.Join(table.Names, ","); got != c.names {
			t.Errorf("%s: names %s, want %s", c.what, got, c.names)
		}
		if table.Points.Len() != len(c.rows) || table.LogProb != nil || table.Meta != nil {
			t.Errorf("%s: %d rows, log p %v, meta %q", c.what, table.Points.Len(), table.LogProb, table.Meta)
			continue
		}
		for i, row := range c.rows {
			sameColumn(t, fmt.Sprintf("%s, row %d", c.what, i), table.Points.Point(i, nil), row)
		}
	}
}

func TestLogProbIsAColumnOfItsOwn(t *testing.T) {
	for _, text := range []string{"a,b,logp\n1,2,-3\n4,5,-Inf\n", "a,logp,b\n1,-3,2\n4,-inf,5\n", "logp,a,b\n-3,1,2\n-Infinity,4,5\n"} {
		table := decoded(t, []byte(text), draws.Options{})
		if strings.Join(table.Names, ",") != "a,b" || table.Points.Dim() != 2 {
			t.Errorf("%q: names %v", text, table.Names)
			continue
		}
		sameColumn(t, text, table.LogProb, []float64{-3, math.Inf(-1)})
		sameColumn(t, text, table.Points.Row(0)[:2], []float64{1, 4})
		sameColumn(t, text, table.Points.Row(1)[:2], []float64{2, 5})
	}
}

func TestTextsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a,b\n1_000,2\n", `line 2: column a is "1_000": not a number`},
		{"1_000,2\n", `line 1: column x0 is "1_000": not a number`},
		{"a,b\n1,0x1p4\n", `line 2: column b is "0x1p4"`},
		{"a,b\n1,2\n3,1e\n", `line 3: column b is "1e"`},
		{"a,b\n1,.\n", `column b is "."`},
		{"a,b\n1,1.2.3\n", `column b is "1.2.3"`},
		{"a,b\n1,--2\n", `column b is "--2"`},
		{"a,b\n1,1d5\n", `column b is "1d5"`},
		{"a,b\n1,5%\n", `column b is "5%"`},
		{"a,b\n1,1 2\n", `column b is "1 2"`},
		{"a,b\n1,\u22122\n", "a typeset minus (U+2212)"},
		{"a,b\n1,١٢\n", "not a number"},
		{"a,b\n1,1e400\n", "beyond the largest float64"},
		{"a,b\n-1e309,1\n", "beyond the largest float64"},
		{"a,b\n1,Inf\n", "line 2, column b is +Inf"},
		{"a,b\n1,-infinity\n", "line 2, column b is -Inf"},
		{"a,b\n1,-nan\n", "line 2, column b is NaN"},
		{"nan,2\n1,2\n", "line 1, column x0 is NaN"},
		{"a,logp\n1,inf\n", "line 2, column logp is +Inf"},
		{"a,b\n1,NA\n", `line 2: column b is "NA": not a number`},
		{"NA,NA\n1,2\n", `line 1: column x0 is "NA"`},
		{"NA,2\n3,4\n", `line 1: column x0 is "NA"`},
		{"a,b\n1,\n", "line 2: column b is empty"},
		{"a,b\n,1\n", "line 2: column a is empty"},
		{"a,b\n1,2,\n", "line 2: 3 fields, and the first row has 2, separated by commas"},
		{"# c\na,b\n1,2\n\n", ""},
		{"a,b\n1,2\n3\n", "line 3: 1 fields, and the first row has 2"},
		{"a,b\n1,2\n\n3,4\n", "line 3 is empty, and rows follow"},
		{"a b\n1 2 3\n", "line 2: 3 fields, and the first row has 2, separated by spaces"},
		{"x0\n0,435\n", `line 2: column x0 is "0,435": a decimal comma in a file separated by spaces`},
		{"a,b\n\"0,435\",1\n", `line 2: column a is "0,435": a decimal comma in a file separated by commas`},
		{"x0,x1\n0,435,1,5\n", "line 2: 4 fields, and the first row has 2, separated by commas; decimal commas need semicolons"},
		{"0,435\n1,05\n", `line 2: column x1 is "05": a whole number that begins with 0, as the digits after a decimal comma do`},
		{"a;b\n1,5;2.5\n", `line 2: column b is "2.5": line 2 has ',' for a decimal mark`},
		{"a;b\n1.5;2\n3;1,234\n", `line 3: column b is "1,234": line 2 has '.' for a decimal mark`},
		{"a;b\n1,234,567;1\n", `column a is "1,234,567": not a number`},
		{"a;b\n1.234,5;1\n", `column a is "1.234,5": not a number`},
		{"a,a\n1,2\n", `line 1: two columns have the name "a"`},
		{",x0,x1\n0,1,2\n", "line 1: a column without a name stands beside"},
		{"a,2\n1,2\n", "is it a line of names or a row?"},
		{"0,1\n0.5,0.25\n", "is it a line of names, as pandas writes, or a row?"},
		{"a,1_0\n1,2\n", `"1_0" beside "a" is neither a name nor a number`},
		{"a,\x1b[31m\n1,2\n", "neither a name nor a number"},
		{"a,b\n\"1,2\n", "line 2: a quote is not closed on its line"},
		{"a,b\n\"1\"2,3\n", "follows a quoted field"},
		{"a b\n\"1\"2 3\n", "follows a quoted field"},
		{"a,b\r1,2\r", "line 1: a carriage return in its middle"},
		{"# nothing\n", "it holds no rows"},
		{"\n\n", "it holds no rows"},
		{"a,b\n", "it holds names and no rows"},
		{"\ufeff", "it holds no rows"},
	} {
		if c.want == "" {
			decoded(t, []byte(c.text), draws.Options{})
			continue
		}
		refused(t, c.text, []byte(c.text), draws.Options{}, c.want)
	}
}

func TestWordsOfNonFiniteNumbersAreReadWhereAllowed(t *testing.T) {
	table := decoded(t, []byte("NaN,-nan,+NAN\ninf,-Infinity,+Inf\n"), draws.Options{AllowNonFinite: true})
	nan, inf := math.NaN(), math.Inf(1)
	sameColumn(t, "row 0", table.Points.Point(0, nil), []float64{nan, nan, nan})
	sameColumn(t, "row 1", table.Points.Point(1, nil), []float64{inf, -inf, inf})
}

func TestManyColumnsInFewRowsAreRefusedBeforeTheyFillMemory(t *testing.T) {
	text := []byte(strings.Repeat("1,", 1000000) + "1\n")
	if bytes := allocated(func() {
		refused(t, "a wide row", text, draws.Options{}, "1 rows of 1000001 columns take")
	}); bytes > 2*uint64(len(text)) {
		t.Errorf("%d bytes allocated for %d", bytes, len(text))
	}
}

// A comment that is no text is no configuration: npz could not hold it unchanged.
func TestConfigurationIsText(t *testing.T) {
	table, err := draws.Decode(strings.NewReader("# infer: {\"\x91\":0}\nx0\n1\n"), 21, ".csv", draws.Options{})
	if err == nil && table.Meta != nil {
		t.Errorf("the configuration is %q", table.Meta)
	}
	if err := draws.Encode(io.Discard, ".npz", draws.Table{Points: lanes.New(1, 1), Meta: []byte("{\"\x91\":0}")}); err == nil {
		t.Error("a configuration that is no text is written")
	}
}
