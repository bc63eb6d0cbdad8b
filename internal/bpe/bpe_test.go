package bpe

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"
)

// slowly is the merging as it is defined: all occurrences of the pair of lowest rank, from left to right, until none is left.
func slowly(rules Rules, symbols []int32) []int32 {
	for {
		var best *Rule
		var parts Pair
		for i := range len(symbols) - 1 {
			if r, ok := rules[Pair{symbols[i], symbols[i+1]}]; ok && (best == nil || r.Rank < best.Rank) {
				best, parts = &r, Pair{symbols[i], symbols[i+1]}
			}
		}
		if best == nil {
			return symbols
		}
		var merged []int32
		for i := 0; i < len(symbols); i++ {
			if i+1 < len(symbols) && (Pair{symbols[i], symbols[i+1]}) == parts {
				merged = append(merged, best.ID)
				i++
			} else {
				merged = append(merged, symbols[i])
			}
		}
		symbols = merged
	}
}

// The heap merges as the definition does, also where two merges make the same symbol.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		rules := Rules{}
		for rank := range int32(20) {
			parts := Pair{int32(rng.IntN(3 + int(rank)/2)), int32(rng.IntN(3 + int(rank)/2))}
			if _, ok := rules[parts]; !ok {
				rules[parts] = Rule{rank, 3 + rank/2}
			}
		}
		for range 50 {
			symbols := make([]int32, rng.IntN(30))
			for i := range symbols {
				symbols[i] = int32(rng.IntN(3))
			}
			want := slowly(rules, slices.Clone(symbols))
			if got := rules.Merge(slices.Clone(symbols)); !slices.Equal(got, want) {
				t.Fatalf("%v with %v: expected %v, found %v", symbols, rules, want, got)
			}
		}
	}
}

// Every byte has a printable rune of its own: the printable characters of ASCII and Latin-1 stand for themselves, a space is U+0120 and a line feed U+010A, as in GPT-2's files.
func TestBytes(t *testing.T) {
	seen := map[string]bool{}
	for b, symbol := range Symbol {
		r, size := utf8.DecodeRuneInString(symbol)
		if size != len(symbol) || !unicode.IsPrint(r) || unicode.IsSpace(r) || seen[symbol] || Byte[r] != byte(b) {
			t.Errorf("byte %d: found %q, and back %d", b, symbol, Byte[r])
		}
		seen[symbol] = true
	}
	if Symbol[' '] != "\u0120" || Symbol['\n'] != "\u010a" || Symbol['a'] != "a" || Symbol[0xe9] != "é" {
		t.Errorf("found %q, %q, %q and %q", Symbol[' '], Symbol['\n'], Symbol['a'], Symbol[0xe9])
	}
}

// It gives back what was put there, forgets, and never grows beyond its size, whoever asks at the same time.
func TestCache(t *testing.T) {
	var c Cache
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range cachedWords {
				word := strconv.Itoa(g*cachedWords + i)
				c.Put(word, []int32{int32(i)})
				if ids, ok := c.Get(word); ok && (len(ids) != 1 || ids[0] != int32(i)) {
					t.Errorf("%s: found %v", word, ids)
				}
			}
		})
	}
	all.Wait()
	if n := len(c.words); n == 0 || n > cachedWords {
		t.Errorf("expected 1 to %d words, found %d", cachedWords, n)
	}
	long := string(make([]byte, cachedWordSize+1))
	if c.Put(long, nil); len(c.words) > cachedWords {
		t.Error("a long word was remembered")
	}
	if _, ok := c.Get(long); ok {
		t.Error("a long word was remembered")
	}
}
