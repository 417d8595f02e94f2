package strictyaml

import (
	"strings"
	"unicode/utf8"
)

// Nearest returns the one of known that is most like s, or "" where none is
// like it enough to have been meant. Case and the choice of "-" or "_" do not
// count.
func Nearest(s string, known []string) string {
	best, bestCost := "", len(s)/3+2
	if len(s) > maxKey {
		return ""
	}
	folded, length := fold(s), utf8.RuneCountInString(s)
	for _, k := range known {
		if diff := utf8.RuneCountInString(k) - length; diff > bestCost || -diff > bestCost {
			continue // they differ by more than that
		}
		c := distance(folded, fold(k))
		if c < max(len(k), 2) && (c < bestCost || c == bestCost && best != "" && k < best) {
			best, bestCost = k, c
		}
	}
	return best
}

// Hint is `; did you mean "owner"?` where one of known is near to s, else a
// list of all that is known where that is short, else "".
func Hint(s string, known []string) string {
	if n := Nearest(s, known); n != "" {
		return `; did you mean "` + n + `"?`
	}
	if len(known) == 0 || len(known) > 30 {
		return ""
	}
	return "; known are " + strings.Join(known, ", ")
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance is the number of insertions, deletions, changes and swaps of
// neighbours between a and b (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
