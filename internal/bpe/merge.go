package bpe

import (
	"cmp"
	"container/heap"
)

// Pair is two neighbouring symbols, by their ids.
type Pair [2]int32

// Rule is a learned merge: its place in the order they were learned in, and the id of what it makes.
type Rule struct{ Rank, ID int32 }

// Rules are all learned merges.
type Rules map[Pair]Rule

// Merge merges symbols by rank until no learned pair is left, in place, and returns those that are left. All occurrences of the pair of lowest rank are
// merged from left to right before the next pair is looked for. A heap of the pairs that can be merged makes that O(n log n) for n symbols.
func (r Rules) Merge(symbols []int32) []int32 {
	n := len(symbols) // a merge leaves its symbol at the place of its left part
	next, before := make([]int, n), make([]int, n)
	for i := range n {
		next[i], before[i] = i+1, i-1
	}
	var waiting mergeHeap
	candidate := func(i int) (merge, bool) {
		if i < 0 || next[i] >= n {
			return merge{}, false
		}
		p := Pair{symbols[i], symbols[next[i]]}
		rule, ok := r[p]
		return merge{rule.Rank, i, p, rule.ID}, ok
	}
	for i := range n - 1 {
		if m, ok := candidate(i); ok {
			waiting = append(waiting, m)
		}
	}
	heap.Init(&waiting)
	var touched []int
	for len(waiting) > 0 {
		rank := waiting[0].rank
		touched = touched[:0]
		for len(waiting) > 0 && waiting[0].rank == rank {
			m := heap.Pop(&waiting).(merge)
			if symbols[m.at] != m.parts[0] || next[m.at] >= n || symbols[next[m.at]] != m.parts[1] {
				continue // another merge has taken one of its parts
			}
			gone := next[m.at]
			symbols[m.at], symbols[gone] = m.id, -1
			next[m.at] = next[gone]
			if next[gone] < n {
				before[next[gone]] = m.at
			}
			touched = append(touched, before[m.at], m.at)
		}
		for _, i := range touched { // only now: the new pairs wait for the next round
			if m, ok := candidate(i); ok && symbols[i] >= 0 {
				heap.Push(&waiting, m)
			}
		}
	}
	left := symbols[:0]
	for i := 0; i < n; i = next[i] {
		left = append(left, symbols[i])
	}
	return left
}

// merge is an occurrence of a rule's pair at a place of a word.
type merge struct {
	rank  int32
	at    int
	parts Pair
	id    int32
}

// mergeHeap has the merge of lowest rank first, of several the leftmost.
type mergeHeap []merge

func (h mergeHeap) Len() int { return len(h) }
func (h mergeHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].rank, h[j].rank), cmp.Compare(h[i].at, h[j].at)) < 0
}
func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(m any)   { *h = append(*h, m.(merge)) }
func (h *mergeHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
