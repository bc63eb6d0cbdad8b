package clip

import (
	"cmp"
	"maps"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/bpe"
)

// TrainTokenizer learns up to merges merges from texts: always the most frequent pair of neighbours, as long as it
// occurs at least twice; of equally frequent ones the first in alphabetical order, so that the same texts give the
// same vocabulary.
func TrainTokenizer(texts []string, merges int) (*Tokenizer, error) {
	type entry struct {
		symbols []string
		count   int
	}
	counts := map[string]int{}
	for _, text := range texts {
		for word := range words(text) {
			counts[word]++
		}
	}
	var entries []entry
	pairs := map[[2]string]int{}      // how often each pair occurs
	where := map[[2]string][]int{}    // the entries it has occurred in
	countPairs := func(i, sign int) { // adds or takes away entry i's pairs
		e := entries[i]
		for j := range len(e.symbols) - 1 {
			pair := [2]string{e.symbols[j], e.symbols[j+1]}
			pairs[pair] += sign * e.count
			if sign > 0 {
				where[pair] = append(where[pair], i)
			}
		}
	}
	for i, word := range slices.Sorted(maps.Keys(counts)) {
		entries = append(entries, entry{symbols: wordSymbols(word), count: counts[word]})
		countPairs(i, 1)
	}
	var learned [][2]string
	once := map[[2]string]bool{}
	for len(learned) < merges {
		best := mostFrequent(pairs)
		if pairs[best] < 2 {
			break
		}
		if !once[best] { // two merges can make the same symbol, and so bring a pair back
			once[best] = true
			learned = append(learned, best)
		}
		touched := where[best]
		slices.Sort(touched)
		for _, i := range slices.Compact(touched) {
			countPairs(i, -1)
			entries[i].symbols = mergePair(entries[i].symbols, best)
			countPairs(i, 1)
		}
		delete(pairs, best)
		delete(where, best)
	}
	return NewTokenizer(learned)
}

func mostFrequent(pairs map[[2]string]int) (best [2]string) {
	for pair, count := range pairs {
		if d := cmp.Or(cmp.Compare(count, pairs[best]), cmp.Compare(best[0], pair[0]), cmp.Compare(best[1], pair[1])); d > 0 {
			best = pair
		}
	}
	return best
}

func wordSymbols(word string) []string {
	symbols := make([]string, len(word))
	for i := range len(word) {
		symbols[i] = bpe.Symbol[word[i]]
	}
	symbols[len(word)-1] += endOfWord
	return symbols
}

// mergePair joins every occurrence of pair, from left to right.
func mergePair(symbols []string, pair [2]string) []string {
	out := symbols[:0:0]
	for i := 0; i < len(symbols); i++ {
		if i+1 < len(symbols) && symbols[i] == pair[0] && symbols[i+1] == pair[1] {
			out = append(out, pair[0]+pair[1])
			i++
		} else {
			out = append(out, symbols[i])
		}
	}
	return out
}
