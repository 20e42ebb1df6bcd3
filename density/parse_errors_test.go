package density

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/scorefield/infer/lanes"
)

var update = flag.Bool("update", false, "write testdata/parse_errors.txt anew")

// errorCases reads testdata/parse_errors.txt: a dimension and a quoted formula on a line, what Parse says of it
// indented below, an empty line.
func errorCases(t testing.TB) (dims []int, texts []string, file []byte) {
	t.Helper()
	file, err := os.ReadFile("testdata/parse_errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == ' ' || line[0] == '#' {
			continue
		}
		number, quoted, _ := strings.Cut(line, " ")
		dim, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		dims, texts = append(dims, dim), append(texts, text)
	}
	return dims, texts, file
}

var errorConstants = map[string]float64{"w": 0.033, "sigma": 2, "zero": 0}

func TestErrorMessages(t *testing.T) {
	dims, texts, want := errorCases(t)
	var got bytes.Buffer
	fmt.Fprintln(&got, "# What Parse says of faulty formulas. The constants are w, sigma and zero. go test -run ErrorMessages -update rewrites it.")
	for i, text := range texts {
		_, err := Parse(text, dims[i], errorConstants)
		var fault *ParseError
		if !errors.As(err, &fault) {
			t.Errorf("%q: %v, want a *ParseError", text, err)
			continue
		}
		checkFault(t, fault)
		fmt.Fprintf(&got, "\n%d %s\n    %s\n", dims[i], strconv.Quote(text), fault)
		for _, line := range strings.Split(fault.Picture(), "\n") {
			fmt.Fprintf(&got, "      %s\n", line)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/parse_errors.txt", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for i, line := range gotLines {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Fatalf("line %d is\n%s\nand should be\n%s", i+1, line, append(wantLines, "")[min(i, len(wantLines))])
		}
	}
	if len(texts) < 100 {
		t.Errorf("%d messages, want at least 100", len(texts))
	}
}

// checkFault checks that a fault is one sentence and lies within its text.
func checkFault(t *testing.T, e *ParseError) {
	t.Helper()
	lines := strings.Split(e.Text, "\n")
	if e.Line < 1 || e.Line > len(lines) {
		t.Fatalf("%q: line %d of %d", e.Text, e.Line, len(lines))
	}
	if columns := utf8.RuneCountInString(lines[e.Line-1]) + 1; e.Column < 1 || e.Column > columns {
		t.Errorf("%q: column %d of %d", e.Text, e.Column, columns)
	}
	if s := e.Error(); strings.ContainsAny(s, "\n\r\t\x00") || !utf8.ValidString(s) || !strings.HasPrefix(s, "column ") && !strings.HasPrefix(s, "line ") {
		t.Errorf("%q: the error is %q", e.Text, s)
	}
	if p := strings.Split(e.Picture(), "\n"); len(p) != 2 || !strings.HasSuffix(p[1], "^") || len([]rune(p[1])) > 60 {
		t.Errorf("%q: the picture is %q", e.Text, e.Picture())
	}
}

// What the public reports behind these formulas ask for, column and spelling.
func TestErrorsNameColumnAndSpelling(t *testing.T) {
	for _, c := range []struct {
		text     string
		dim      int
		column   int
		spelling string
	}{
		{"-1/2x[0]^2", 1, 5, "1/2*x[0]"},
		{"-x[0]^2/2 + 0*2^2^2^2^2", 1, 15, "2^2^2^2^2"},
		{"lgsumexp(x)", 2, 1, `"logsumexp"`},
		{"-(nrm(x)-2.6)^2", 2, 3, `"norm"`},
		{"-(norm(x)-2.6)^2/0,033", 2, 19, "0.5"},
		{"-x[2]^2", 2, 4, "x[1]"},
		{"0 < x[0] < 1", 1, 10, "0 < x[0] && x[0] < 1"},
		{"x[0]**2", 1, 5, "^"},
		{"-ln(x[0])", 1, 2, "log"},
		{"−x[0] − X", 1, 9, `"x"`}, // columns count characters, not bytes
	} {
		_, err := Parse(c.text, c.dim, nil)
		var fault *ParseError
		if !errors.As(err, &fault) || fault.Column != c.column || !strings.Contains(fault.Message, c.spelling) {
			t.Errorf("%s: %v, want column %d and %s", c.text, err, c.column, c.spelling)
		}
	}
}

func TestConstantsAreChecked(t *testing.T) {
	for name, value := range map[string]float64{
		"x": 1, "exp": 1, "pi": 3, "e": 1, "inf": 1, "": 1, "1a": 1, "a b": 1, "σ": 1, "a-b": 1,
		"nan": math.NaN(), "big": math.Inf(1),
	} {
		if _, err := Parse("-x[0]^2", 1, map[string]float64{name: value}); err == nil || !strings.Contains(err.Error(), strconv.Quote(name)) {
			t.Errorf("constant %q = %v: %v", name, value, err)
		}
	}
	constants := map[string]float64{"w": 2}
	d := must(t, "-x[0]^2/w", 1, constants)
	constants["w"] = 5
	if logp, _ := evaluate(t, d, 2); logp != -2 {
		t.Errorf("the caller's map changed a density: %v, want -2", logp)
	}
}

func TestBadDimensionsAndSizes(t *testing.T) {
	for _, dim := range []int{0, -1, math.MaxInt} {
		if _, err := Parse("-dot(x, x)", dim, nil); err == nil || !strings.Contains(err.Error(), strconv.Itoa(dim)) {
			t.Errorf("dimension %d: %v", dim, err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{strings.Repeat("(", 100_000), "deeper than 1000"},
		{strings.Repeat("-", 100_000) + "x[0]", "deeper than 1000"},
		{strings.Repeat("x[0]^", 100_000) + "1", "deeper than 1000"},
		{strings.Repeat("exp(", 100_000) + "x" + strings.Repeat(")", 100_000), "deeper than 1000"},
		{strings.Repeat("[", 1<<20), "deeper than 1000"},
		{strings.Repeat(" ", 1<<20) + "x", "at most 1048576"},
		{strings.Repeat(" ", 1<<20), "no formula"},
		{"x[0]*(" + strings.Repeat("1+", 400_000) + "1) + y", `"y"`},
		{"x[0] + sum([" + strings.Repeat("1,", 50_000) + "1]" + strings.Repeat("*2", 400_000) + ")", "operations on constants"},
		{strings.Repeat("x", 1<<20), "unknown name"},
		{strings.Repeat("9", 1<<20), "overflows"},
		{strings.Repeat("x[0] ", 200_000), "x[0]*x[0]"},
		{"x" + strings.Repeat("[0:1]", 200_000) + ".exp()", "exp(x"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := Parse(c.text, 1, nil)
		runtime.ReadMemStats(&after)
		short := clip(c.text[:min(len(c.text), 1000)])
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1000 {
			t.Errorf("%s: %.200v, want %s", short, err, c.want)
		}
		t.Logf("%s: %v, %d MB", short, time.Since(start), (after.TotalAlloc-before.TotalAlloc)>>20)
	}
}

func TestDocumentationNamesEveryFunction(t *testing.T) {
	source, err := os.ReadFile("parse.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(source), "\nfunc Parse(")
	words := strings.FieldsFunc(comment, func(c rune) bool { return !isLetter(c) && !isDigit(c) })
	for name := range functions {
		if !slices.Contains(words, name) {
			t.Errorf("the comment of Parse does not name %s", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	dims, texts, _ := errorCases(f)
	for i, text := range texts {
		f.Add(text, uint8(dims[i]))
	}
	for _, m := range meanings {
		f.Add(m.text, uint8(m.dim))
	}
	f.Fuzz(func(t *testing.T, text string, dim uint8) {
		hang := time.AfterFunc(10*time.Second, func() { panic(fmt.Sprintf("%q hangs", text)) })
		defer hang.Stop()
		d, err := Parse(text, int(dim%8), errorConstants)
		var fault *ParseError
		if errors.As(err, &fault) {
			checkFault(t, fault)
			return
		} else if err != nil {
			return
		}
		x, logp := lanes.New(3, d.Dim()), make([]float64, 3)
		for j := range d.Dim() {
			x.Row(j)[1], x.Row(j)[2] = 0.7, -1.3
		}
		if err := d.LogProbGrad(context.Background(), logp, lanes.New(3, d.Dim()), x); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}
