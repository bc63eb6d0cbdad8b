package metrics

import (
	"cmp"
	"slices"
	"strings"
)

// maxN is the length of the longest n-grams that BLEU and CIDEr-D count.
const maxN = 4

// gram is an n-gram of 1 to maxN words by their numbers, which begin at 1; the places behind a shorter one are 0. Equal
// grams are equal n-grams: nothing is hashed.
type gram [maxN]int32

func compareGrams(a, b gram) int {
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// counted is an n-gram with how often it occurs.
type counted struct {
	gram  gram
	count int
}

// countGrams counts the n-grams of one length in a text, in the order of [compareGrams].
func countGrams(words []int32, n int) []counted {
	if len(words) < n {
		return nil
	}
	all := make([]gram, len(words)-n+1)
	for i := range all {
		copy(all[i][:], words[i:i+n])
	}
	slices.SortFunc(all, compareGrams)
	out := make([]counted, 0, len(all))
	for _, g := range all {
		if last := len(out) - 1; last >= 0 && out[last].gram == g {
			out[last].count++
			continue
		}
		out = append(out, counted{g, 1})
	}
	return out
}

// numbering gives words numbers from 1 on.
type numbering map[string]int32

func (n numbering) number(words []string) []int32 {
	ids := make([]int32, len(words))
	for i, w := range words {
		id, ok := n[w]
		if !ok {
			id = int32(len(n)) + 1
			n[w] = id
		}
		ids[i] = id
	}
	return ids
}

// words cuts tokenised text at every white space, as BLEU and CIDEr-D of coco-caption do.
func words(text string) []string { return strings.Fields(text) }
