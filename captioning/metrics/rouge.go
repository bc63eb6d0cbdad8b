package metrics

import "strings"

// ROUGEL is ROUGE-L (Lin 2004, section 3) of a tokenised candidate, 0 to 1. With L the length of the longest common
// subsequence, precision is L by the candidate's words, recall L by the reference's words, each the largest over the
// references on its own, and the score (1 + b^2) P R / (R + b^2 P) with b = 1.2. As in coco-caption, text is cut at
// single blanks, so an empty text is one empty word. Without references it is 0.
func ROUGEL(candidate string, references []string) float64 {
	const beta = 1.2
	hypothesis := strings.Split(candidate, " ")
	precision, recall := 0.0, 0.0
	for _, reference := range references {
		text := strings.Split(reference, " ")
		common := float64(commonSubsequence(text, hypothesis))
		precision = max(precision, common/float64(len(hypothesis)))
		recall = max(recall, common/float64(len(text)))
	}
	if precision == 0 || recall == 0 {
		return 0
	}
	return (1 + beta*beta) * precision * recall / (recall + beta*beta*precision)
}

// commonSubsequence is the length of the longest common subsequence, by the table of all beginnings of a and b, of
// which one row is kept.
func commonSubsequence(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
