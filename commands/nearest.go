package commands

// nearest returns the candidate that is closest to what was typed, or "" where
// none is close enough to be a slip: one change in short words, two in longer
// ones. A first candidate wins ties.
func nearest(typed string, candidates []string) string {
	if len(typed) < 2 || len(typed) > 32 {
		return ""
	}
	best, bestDist := "", 3
	for _, c := range candidates {
		if len(c) < 3 {
			continue
		}
		limit := 2
		if min(len(typed), len(c)) <= 4 {
			limit = 1
		}
		if d := distance(typed, c); d <= limit && d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// distance is the number of single changes between a and b: insertions,
// deletions, replacements and swaps of neighbours.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, prev, cur := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(s); i++ {
		cur[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(t)]
}
