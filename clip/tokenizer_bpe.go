package clip

import (
	"cmp"
	"container/heap"
	"sync"
)

// pair is two neighbouring symbols, by their ids.
type pair [2]int32

// rule is a learned merge: its place in the order they were learned in, and the id of what it makes.
type rule struct{ rank, id int32 }

// appendWord appends the ids of one word, which is not empty.
func (t *Tokenizer) appendWord(ids []int32, word string) []int32 {
	if known, ok := t.known.get(word); ok {
		return append(ids, known...)
	}
	symbols := t.split(word)
	t.known.put(word, symbols)
	return append(ids, symbols...)
}

// split cuts one word into symbols: its bytes, merged by rank until no learned pair is left. All occurrences of the
// pair of lowest rank are merged from left to right before the next pair is looked for. A heap of the pairs that can
// be merged makes that O(n log n) for a word of n bytes.
func (t *Tokenizer) split(word string) []int32 {
	n := len(word)
	symbols := make([]int32, n) // a merge leaves its symbol at the place of its left part
	next, before := make([]int, n), make([]int, n)
	for i := range n {
		symbols[i] = t.first[word[i]]
		next[i], before[i] = i+1, i-1
	}
	symbols[n-1] = t.last[word[n-1]]

	var waiting mergeHeap
	candidate := func(i int) (merge, bool) {
		if i < 0 || next[i] >= n {
			return merge{}, false
		}
		p := pair{symbols[i], symbols[next[i]]}
		r, ok := t.rules[p]
		return merge{r.rank, i, p, r.id}, ok
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
	out := make([]int32, 0, n)
	for i := 0; i < n; i = next[i] {
		out = append(out, symbols[i])
	}
	return out
}

// merge is an occurrence of a rule's pair at a place of a word.
type merge struct {
	rank  int32
	at    int
	parts pair
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

// wordCache remembers the ids of words, because captions repeat them. It keeps short words only and starts anew when
// it is full, so that it never holds more than a few megabytes.
type wordCache struct {
	mu    sync.RWMutex
	words map[string][]int32
}

const (
	cachedWords    = 1 << 14
	cachedWordSize = 32 // bytes
)

func (c *wordCache) get(word string) ([]int32, bool) {
	if len(word) > cachedWordSize {
		return nil, false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	ids, ok := c.words[word]
	return ids, ok
}

func (c *wordCache) put(word string, ids []int32) {
	if len(word) > cachedWordSize {
		return
	}
	word = string([]byte(word)) // not the whole text that it is a part of
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words == nil || len(c.words) >= cachedWords {
		c.words = make(map[string][]int32)
	}
	c.words[word] = ids
}
