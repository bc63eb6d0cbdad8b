package metrics

import (
	"cmp"
	"slices"
)

// pair joins a word of the candidate with a word of a reference, by their places.
type pair struct {
	candidate, reference int
	exact                bool // equal words, not only equal stems
}

// mostAlignments is how many unfinished alignments are followed at once.
const mostAlignments = 128

// alignment is an alignment of the first words of a candidate.
type alignment struct {
	before *alignment // that of one word less; nil at the beginning
	pair   pair       // that of the last word; reference < 0 when it has none
	// used says which words of the reference are taken, a bit each. It is shared as long as it does not change.
	used []uint64
	// Smaller is better, in this order: runs of adjacent pairs, pairs of unequal words, and how far the places of pairs
	// lie apart.
	chunks, stems, distance int
}

func (a *alignment) compare(b *alignment) int {
	return cmp.Or(cmp.Compare(a.chunks, b.chunks), cmp.Compare(a.stems, b.stems), cmp.Compare(a.distance, b.distance))
}

// align pairs words of equal form or stem, each at most once. Among the alignments with the most pairs it looks for one
// with the fewest chunks, among those for the fewest pairs by stem alone, then for the smallest sum of distances.
//
// Words with one stem are all alike in what they can be paired with, so the most pairs are, for every stem, the smaller
// of its two counts: a candidate's word may be left alone only when its stem is more frequent there than in the
// reference. The search goes through the candidate's words from the left and follows every choice; of alignments that
// use the same words of the reference and end in the same pair, the best one goes on. Only when more than
// mostAlignments are left, the worst are dropped: then the result has the most pairs still, but perhaps not the fewest
// chunks. Captions do not come near that.
func align(candidate, reference []string) []pair {
	s := newAlignmentSearch(candidate, reference)
	front := []*alignment{{pair: pair{-2, -2, false}, used: make([]uint64, (len(reference)+63)/64)}}
	for i := range candidate {
		s.later[s.stems[i]]--
		var next []*alignment
		for _, a := range front {
			next = s.extend(next, a, i)
		}
		front = keepBest(next)
	}
	var pairs []pair
	for a := front[0]; a.before != nil; a = a.before {
		if a.pair.reference >= 0 {
			pairs = append(pairs, a.pair)
		}
	}
	slices.Reverse(pairs)
	return pairs
}

// alignmentSearch is what all alignments of a search have in common.
type alignmentSearch struct {
	candidate, reference []string
	stems                []string         // of the candidate's words
	places               map[string][]int // of a stem in the reference
	later                map[string]int   // words with a stem that the search has not come to
}

func newAlignmentSearch(candidate, reference []string) *alignmentSearch {
	s := &alignmentSearch{candidate: candidate, reference: reference, places: map[string][]int{}, later: map[string]int{}}
	for j, w := range reference {
		stem := Stem(w)
		s.places[stem] = append(s.places[stem], j)
	}
	for _, w := range candidate {
		stem := Stem(w)
		s.stems = append(s.stems, stem)
		s.later[stem]++
	}
	return s
}

// extend appends what can become of a with the candidate's word i.
func (s *alignmentSearch) extend(out []*alignment, a *alignment, i int) []*alignment {
	stem := s.stems[i]
	free := 0
	for _, j := range s.places[stem] {
		if a.used[j/64]>>(j%64)&1 == 0 {
			free++
			out = append(out, s.join(a, i, j))
		}
	}
	if free <= s.later[stem] { // the words to come can take all places
		alone := *a
		alone.before, alone.pair = a, pair{i, -1, false}
		out = append(out, &alone)
	}
	return out
}

func (s *alignmentSearch) join(a *alignment, i, j int) *alignment {
	b := *a
	b.before = a
	b.pair = pair{i, j, s.candidate[i] == s.reference[j]}
	b.used = slices.Clone(a.used)
	b.used[j/64] |= 1 << (j % 64)
	if a.pair.candidate != i-1 || a.pair.reference < 0 || a.pair.reference != j-1 {
		b.chunks++
	}
	if !b.pair.exact {
		b.stems++
	}
	b.distance += distance(i, j)
	return &b
}

// keepBest sorts alignments of equally many words, drops those that a better one stands for, and the worst beyond
// mostAlignments.
func keepBest(alignments []*alignment) []*alignment {
	slices.SortStableFunc(alignments, (*alignment).compare)
	var kept []*alignment
	for _, a := range alignments {
		if !slices.ContainsFunc(kept, func(b *alignment) bool {
			return a.pair.reference == b.pair.reference && slices.Equal(a.used, b.used)
		}) {
			kept = append(kept, a)
		}
		if len(kept) == mostAlignments {
			break
		}
	}
	return kept
}
