package language

import (
	"fmt"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/internal/bpe"
)

// Tokenizer is GPT-2's byte-pair encoding (Radford et al. 2019, section 2.2): texts are cut into words, each with the space before it ([pieces]), words
// into bytes, and pairs of neighbours are merged in the order they were learned. Every text has ids, and [Tokenizer.Decode] gives the very same bytes
// back. It is safe for concurrent use.
type Tokenizer struct {
	symbols []string // id to symbol
	special []bool   // ids whose symbol is a name, not bytes
	bytes   [256]int32
	rules   bpe.Rules
	end     int32 // -1 where there is none
	known   bpe.Cache
}

// endOfText is the name of the token between texts.
const endOfText = "<|endoftext|>"

// NewTokenizer makes a tokenizer of the ids of symbols and the merges, the earliest learned first, as vocab.json and merges.txt have them: every byte
// has a symbol, both parts of a merge and what it makes have ids, and the ids are 0, 1, 2 and so on, each once. A symbol that is neither a byte nor made
// by a merge is a name, such as <|endoftext|>, which no text becomes.
func NewTokenizer(vocabulary map[string]int32, merges [][2]string) (*Tokenizer, error) {
	t := &Tokenizer{symbols: make([]string, len(vocabulary)), special: make([]bool, len(vocabulary)), rules: make(bpe.Rules, len(merges)), end: -1}
	taken := make([]bool, len(vocabulary))
	for symbol, id := range vocabulary {
		if id < 0 || int(id) >= len(vocabulary) || taken[id] {
			return nil, fmt.Errorf("expected the ids 0 to %d, each for one symbol, found %d for %q", len(vocabulary)-1, id, symbol)
		}
		t.symbols[id], t.special[id], taken[id] = symbol, true, true
	}
	for b, symbol := range bpe.Symbol {
		id, ok := vocabulary[symbol]
		if !ok {
			return nil, fmt.Errorf("expected a symbol for every byte, found none for byte %d, which is %q", b, symbol)
		}
		t.bytes[b], t.special[id] = id, false
	}
	for rank, m := range merges {
		var parts bpe.Pair
		for i, part := range m {
			id, ok := vocabulary[part]
			if !ok || t.special[id] {
				return nil, fmt.Errorf("merge %d, %q: expected symbols that are bytes or made by earlier merges, found %q", rank, m, part)
			}
			parts[i] = id
		}
		made, ok := vocabulary[m[0]+m[1]]
		if !ok {
			return nil, fmt.Errorf("merge %d, %q: expected an id for %q, found none; vocabulary and merges belong to different models", rank, m, m[0]+m[1])
		}
		if old, ok := t.rules[parts]; ok {
			return nil, fmt.Errorf("merge %d, %q, is merge %d again; the file is damaged", rank, m, old.Rank)
		}
		t.rules[parts], t.special[made] = bpe.Rule{Rank: int32(rank), ID: made}, false
	}
	if id, ok := vocabulary[endOfText]; ok && t.special[id] {
		t.end = id
	}
	return t, nil
}

// VocabSize is the number of ids.
func (t *Tokenizer) VocabSize() int { return len(t.symbols) }

// EndOfText is the id of the token between texts, which begins and ends them for the published models; not ok where the vocabulary has none.
func (t *Tokenizer) EndOfText() (id int32, ok bool) { return t.end, t.end >= 0 }

// Encode returns the ids of a text. A text that spells out the name of a special token becomes the ids of those letters.
func (t *Tokenizer) Encode(text string) (ids []int32) {
	for piece := range pieces(text) {
		symbols, ok := t.known.Get(piece)
		if !ok {
			symbols = make([]int32, len(piece))
			for i := range len(piece) {
				symbols[i] = t.bytes[piece[i]]
			}
			symbols = t.rules.Merge(symbols)
			t.known.Put(piece, symbols)
		}
		ids = append(ids, symbols...)
	}
	return ids
}

// Decode returns the text of ids, special tokens spelled out. An id that is not in the vocabulary is an error.
func (t *Tokenizer) Decode(ids []int32) (string, error) {
	var text []byte
	for i, id := range ids {
		switch {
		case id < 0 || int(id) >= len(t.symbols):
			return "", fmt.Errorf("expected ids from 0 to %d, found %d at place %d", len(t.symbols)-1, id, i)
		case t.special[id]:
			text = append(text, t.symbols[id]...)
		default:
			for rest := t.symbols[id]; rest != ""; {
				r, size := utf8.DecodeRuneInString(rest)
				text, rest = append(text, bpe.Byte[r]), rest[size:]
			}
		}
	}
	return string(text), nil
}
