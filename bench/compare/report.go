package main

import (
	"fmt"
	"io"
)

// series is the good pairs of one row in one environment.
type series struct {
	row   row
	pairs []pair
}

// summary is what a series comes to.
type summary struct {
	ours, peer spread // seconds
	ratio      float64
	ratios     spread // of the single pairs
}

func (s series) summary() summary {
	var ours, peer, ratios []float64
	for _, p := range s.pairs {
		ours, peer, ratios = append(ours, p.Ours.Seconds), append(peer, p.Peer.Seconds), append(ratios, p.ratio())
	}
	return summary{quartiles(ours), quartiles(peer), median(peer) / median(ours), quartiles(ratios)}
}

// bar is what a row asks of a class of machines.
func (r row) bar(class string) (least, stretch float64) {
	switch class {
	case "wide":
		return r.wide, r.stretch
	case "narrow":
		return r.narrow, 0
	}
	return 0, 0
}

// verdict of a row: the version of the peer that is fastest against ours decides.
func verdict(r row, class string, all []series) (words string, passed bool) {
	least, stretch := r.bar(class)
	worst := 0.0
	for _, s := range all {
		if s.row.name == r.name {
			if ratio := s.summary().ratio; worst == 0 || ratio < worst {
				worst = ratio
			}
		}
	}
	switch {
	case least == 0:
		return "no bar", true
	case worst == 0:
		return "not measured", false
	case worst < least:
		return fmt.Sprintf("MISSED: %.2f of %g", worst, least), false
	case stretch > 0 && worst >= stretch:
		return fmt.Sprintf("passed, and the stretch of %g", stretch), true
	}
	return "passed", true
}

// heading says what the tables after it were measured on.
func heading(w io.Writer, m machine) {
	fmt.Fprintf(w, "%s. %s. Times are in ms: median (quartiles).\n", m, m.Scheduling)
}

// report writes a workload's tables in Markdown and says whether every bar was met.
func report(w io.Writer, m machine, work workload, all []series, forms []form) bool {
	passed := true
	fmt.Fprintf(w, "\n%s.\n\n", work.title)
	fmt.Fprintf(w, "| peer's best form | version, variant, threads | n | peer | infer, %s | ratio | of single pairs | bar | |\n", work.ours[0].name)
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range work.rows {
		words, ok := verdict(r, m.Class, all)
		passed = passed && ok
		bar, n := "-", 0
		if least, _ := r.bar(m.Class); least > 0 {
			bar = fmt.Sprint(least)
		}
		for _, s := range all {
			if s.row.name != r.name {
				continue
			}
			n++
			sum := s.summary()
			fmt.Fprintf(w, "| %s | %s, %s, %d | %d | %s | %s | %.2f | %.2f - %.2f | %s | %s |\n", r.name, s.pairs[0].Peer.Version, s.pairs[0].Peer.Variant,
				max(s.pairs[0].Peer.Threads, s.pairs[0].Peer.Devices), len(s.pairs), milliseconds(sum.peer), milliseconds(sum.ours), sum.ratio, sum.ratios.lower, sum.ratios.upper, bar, words)
		}
		if n == 0 {
			fmt.Fprintf(w, "| %s | - | 0 | - | - | - | - | %s | not measured |\n", r.name, bar)
		}
	}
	if len(forms) == 0 {
		return passed
	}
	fmt.Fprintf(w, "\n| ours | n | ms | against %s |\n| --- | --- | --- | --- |\n", forms[0].name)
	first := quartiles(forms[0].seconds).median
	for _, f := range forms {
		q := quartiles(f.seconds)
		fmt.Fprintf(w, "| %s | %d | %s | %.2f |\n", f.name, len(f.seconds), milliseconds(q), q.median/first)
	}
	return passed
}

// form is the seconds of one of our own forms.
type form struct {
	name    string
	seconds []float64
}

func milliseconds(s spread) string {
	return fmt.Sprintf("%.4g (%.4g - %.4g)", s.median*1e3, s.lower*1e3, s.upper*1e3)
}
