// Package spelling finds what somebody meant who typed something else.
package spelling

// Nearest is the candidate with the smallest [Distance] from word, the first of several; "" without candidates.
func Nearest(word string, candidates []string) string {
	best, nearest := -1, ""
	for _, c := range candidates {
		if d := Distance(word, c); best < 0 || d < best {
			best, nearest = d, c
		}
	}
	return nearest
}

// Distance is the number of bytes that have to be put in, taken out or replaced to make b of a (Levenshtein's).
func Distance(a, b string) int {
	row := make([]int, len(b)+1) // from what was read of a to every beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
