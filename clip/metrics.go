package clip

import (
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// NoRank is the rank of a query that no item answers: it is found at no k.
const NoRank = math.MaxInt

// TieRule says what the rank of an item is whose score others have as well.
type TieRule int

const (
	ByIndex     TieRule = iota // of equal scores the lower index comes first: a stable descending sort
	Optimistic                 // 1 + the wrong items with a larger score
	Pessimistic                // 1 + the wrong items with a larger or equal score
)

// Ranks returns, for every query (row of scores), the 1-based rank of its best correct item in a stable descending
// order: of equal scores the lower index comes first, and what is not a number comes last. correct says whether an
// item answers a query; see [NoRank] for queries without any.
func Ranks(scores [][]float32, correct func(query, item int) bool) []int {
	return RanksBy(ByIndex, scores, correct)
}

// RanksBy is [Ranks] with the choice of a rule for equal scores. Items that answer a query too do not count against its
// best one.
func RanksBy(rule TieRule, scores [][]float32, correct func(query, item int) bool) []int {
	ranks := make([]int, len(scores))
	for q, row := range scores {
		best := -1
		for item := range row {
			if correct(q, item) && (best < 0 || above(row[item], row[best])) {
				best = item
			}
		}
		ranks[q] = NoRank
		if best < 0 {
			continue
		}
		ranks[q] = 1
		for item, score := range row {
			equal := !above(score, row[best]) && !above(row[best], score)
			ahead := above(score, row[best]) || equal && (rule == Pessimistic || rule == ByIndex && item < best)
			if ahead && !correct(q, item) {
				ranks[q]++
			}
		}
	}
	return ranks
}

// above says whether score a is larger than b. A NaN compares with nothing: it is the smallest score here, because a
// broken model must not come first everywhere.
func above(a, b float32) bool { return a > b || a == a && b != b }

// Predicted is the index of the first largest score of every row, 0 where none is a number.
func Predicted(scores [][]float32) []int {
	predicted := make([]int, len(scores))
	for q, row := range scores {
		for item := range row {
			if above(row[item], row[predicted[q]]) {
				predicted[q] = item
			}
		}
	}
	return predicted
}

// Confusion counts the examples [classes][classes] by their label (row) and what was predicted for them (column).
func Confusion(labels, predicted []int, classes int) [][]int {
	counts := make([][]int, classes)
	for i := range counts {
		counts[i] = make([]int, classes)
	}
	for i, label := range labels {
		counts[label][predicted[i]]++
	}
	return counts
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

// MRR is the mean reciprocal rank (Voorhees 1999): the mean of 1/rank, 0 for queries without an answer.
func MRR(ranks []int) float64 {
	sum := 0.0
	for _, r := range ranks {
		if r != NoRank {
			sum += 1 / float64(r)
		}
	}
	return sum / float64(len(ranks))
}

// MeanRank is the mean of ranks, infinite when a query has no answer.
func MeanRank(ranks []int) float64 {
	sum := 0.0
	for _, r := range ranks {
		if r == NoRank {
			return math.Inf(1)
		}
		sum += float64(r)
	}
	return sum / float64(len(ranks))
}

// MedianRank is the middle one of the ranks, or the mean of the two in the middle.
func MedianRank(ranks []int) float64 {
	sorted := slices.Sorted(slices.Values(ranks))
	n := len(sorted)
	switch {
	case n == 0:
		return math.NaN()
	case sorted[n/2] == NoRank:
		return math.Inf(1)
	}
	return (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
}

// FoundAtK is the mean, over the pictures (rows of similarity), of the share of a picture's own texts among the k
// texts most similar to it; owner names the picture of each text. Of equal similarities the lower index comes first.
func FoundAtK(similarity [][]float32, owner []int, k int) float64 {
	sum := 0.0
	for image, row := range similarity {
		order := make([]int, len(row))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case above(row[a], row[b]):
				return -1
			case above(row[b], row[a]):
				return 1
			}
			return 0
		})
		own, found := 0, 0
		for place, text := range order {
			if owner[text] == image {
				own++
				if place < k {
					found++
				}
			}
		}
		if own > 0 {
			sum += float64(found) / float64(own)
		}
	}
	return sum / float64(len(similarity))
}
