package clip

import (
	"math"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// NoRank is the rank of a query that no item answers: it is found at no k.
const NoRank = math.MaxInt

// Ranks returns, for every query (row of scores), the 1-based rank of its best correct item in a stable descending
// order: of equal scores the lower index comes first, and what is not a number comes last. correct says whether an
// item answers a query; see [NoRank] for queries without any.
func Ranks(scores [][]float32, correct func(query, item int) bool) []int {
	ranks := make([]int, len(scores))
	for q, row := range scores {
		best := -1
		for item := range row {
			if correct(q, item) && (best < 0 || before(row, item, best)) {
				best = item
			}
		}
		ranks[q] = NoRank
		if best < 0 {
			continue
		}
		ranks[q] = 1
		for item := range row {
			if before(row, item, best) {
				ranks[q]++
			}
		}
	}
	return ranks
}

// before says whether item a of a row comes before item b.
func before(row []float32, a, b int) bool {
	x, y := row[a], row[b]
	if x != x || y != y { // a NaN compares with nothing: a broken model must not come first everywhere
		return y != y && (x == x || a < b)
	}
	return x > y || x == y && a < b
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
