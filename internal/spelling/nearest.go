// Package spelling finds the name somebody probably meant, and writes numbers of things.
//
//	spelling.Nearest("langvin", []string{"langevin", "mala"}) // "langevin"
//	spelling.Counted(10_000, "draw")                          // "10,000 draws"
package spelling

import "strings"

// longest is the length in bytes beyond which no name is a misspelling.
const longest = 40

// Nearest is the known name that differs least from a mistyped one, or "" where none is near: at most a third of its
// letters, and at least 1 of 2, may differ. Letter case does not count. Of equally near names the first one wins.
func Nearest(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	if len(name) > longest {
		return ""
	}
	best, least := "", (len(name)+1)/3
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d > 0 && (d < least || d == least && best == "") {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters inserted, deleted, replaced or swapped with their neighbour between a and b
// (optimal string alignment).
func distance(a, b string) int {
	beforeLast, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], beforeLast[j-2]+1)
			}
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}
