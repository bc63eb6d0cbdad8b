package clip

import "github.com/glimpse-ml/glimpse/internal/stats"

// Ranks returns, for every query (row of scores), the 1-based rank of its best correct item in a stable descending
// order: of equal scores the lower index comes first. correct says whether an item answers a query.
func Ranks(scores [][]float32, correct func(query, item int) bool) []int {
	ranks := make([]int, len(scores))
	for q, row := range scores {
		best := -1
		for item, s := range row {
			if correct(q, item) && (best < 0 || s > row[best]) {
				best = item
			}
		}
		ranks[q] = len(row) + 1
		if best < 0 {
			continue
		}
		ranks[q] = 1
		for item, s := range row {
			if s > row[best] || s == row[best] && item < best {
				ranks[q]++
			}
		}
	}
	return ranks
}

// AtK is recall@k, or top-k accuracy: the share of ranks of at most k.
func AtK(ranks []int, k int) stats.Proportion {
	hits := 0
	for _, r := range ranks {
		if r <= k {
			hits++
		}
	}
	return stats.NewProportion(hits, len(ranks))
}
