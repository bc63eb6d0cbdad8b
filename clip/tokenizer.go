package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/bpe"
)

// Tokenizer is CLIP's byte-pair encoding (Sennrich et al. 2016, as in openai/CLIP's simple_tokenizer.py): texts are
// cleaned, lower-cased and cut into words (tokenizer_words.go), words into bytes, and pairs of neighbours are merged in
// the order they were learned (tokenizer_bpe.go). Ids: the 256 bytes, the 256 bytes at the end of a word, one id a
// merge, the start token, the end token. It is safe for concurrent use.
type Tokenizer struct {
	merges  [][2]string
	symbols []string         // id to symbol; a symbol at the end of a word ends in endOfWord
	ids     map[string]int32 // symbol to id, the first one where merges make a symbol twice
	rules   bpe.Rules
	first   [256]int32 // byte to id, inside a word
	last    [256]int32 // byte to id, at the end of a word
	known   bpe.Cache
}

// endOfWord marks the last symbol of a word. Bytes of texts cannot collide with it: see [bpe.Symbol].
const endOfWord = "</w>"

// The names of the special tokens, which a text may spell out.
const (
	startName = "<|startoftext|>"
	endName   = "<|endoftext|>"
)

// NewTokenizer makes a tokenizer from its merges, the earliest learned first. A merge of a symbol that no earlier one
// made, and one that was there before, are errors.
func NewTokenizer(merges [][2]string) (*Tokenizer, error) {
	t := &Tokenizer{merges: merges, ids: map[string]int32{}, rules: make(bpe.Rules, len(merges))}
	add := func(symbol string) int32 {
		id, ok := t.ids[symbol]
		if !ok {
			id = int32(len(t.symbols))
			t.ids[symbol] = id
		}
		t.symbols = append(t.symbols, symbol)
		return id
	}
	for _, wanted := range []bool{true, false} { // CLIP's order: the printable bytes first
		for b := range 256 {
			if bpe.Printable(b) == wanted {
				t.first[b] = add(bpe.Symbol[b])
			}
		}
	}
	for _, wanted := range []bool{true, false} {
		for b := range 256 {
			if bpe.Printable(b) == wanted {
				t.last[b] = add(bpe.Symbol[b] + endOfWord)
			}
		}
	}
	for i, m := range merges {
		left, leftKnown := t.ids[m[0]]
		right, rightKnown := t.ids[m[1]]
		if !leftKnown || !rightKnown {
			return nil, fmt.Errorf("merge %d of the vocabulary, %q, joins a symbol that no earlier merge made; the file is damaged", i, m)
		}
		if old, ok := t.rules[bpe.Pair{left, right}]; ok {
			return nil, fmt.Errorf("merge %d of the vocabulary, %q, is merge %d again; the file is damaged", i, m, old.Rank)
		}
		t.rules[bpe.Pair{left, right}] = bpe.Rule{Rank: int32(i), ID: add(m[0] + m[1])}
	}
	return t, nil
}

// VocabSize is the number of ids: 514 and one a merge.
func (t *Tokenizer) VocabSize() int { return len(t.symbols) + 2 }

// StartToken and EndToken begin and end every encoded text. The end token is the largest id.
func (t *Tokenizer) StartToken() int32 { return int32(len(t.symbols)) }

// EndToken ends every encoded text; see [Tokenizer.StartToken].
func (t *Tokenizer) EndToken() int32 { return int32(len(t.symbols)) + 1 }

// Hash is a sha256 in hexadecimal that two vocabularies share only when they give every text the same ids: that of the
// merges, "LEFT RIGHT\n" each, in whatever form of file they lay.
func (t *Tokenizer) Hash() string {
	h := sha256.New()
	for _, m := range t.merges {
		io.WriteString(h, m[0]+" "+m[1]+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Encode returns the ids of a text with start and end token, at most context of them. A longer text is cut, keeping
// the end token, when truncate is set (truncated says so), and a [*TooLongError] that names it otherwise.
func (t *Tokenizer) Encode(text string, context int, truncate bool) (ids []int32, truncated bool, err error) {
	if context < 2 {
		return nil, false, fmt.Errorf("expected a context of at least 2 tokens, for start and end, found %d", context)
	}
	ids = append(ids, t.StartToken())
	for word := range words(text) {
		switch word {
		case startName:
			ids = append(ids, t.StartToken())
		case endName:
			ids = append(ids, t.EndToken())
		default:
			ids = t.appendWord(ids, word)
		}
	}
	ids = append(ids, t.EndToken())
	if len(ids) <= context {
		return ids, false, nil
	}
	if !truncate {
		return nil, false, &TooLongError{text, len(ids), context}
	}
	ids = ids[:context]
	ids[context-1] = t.EndToken()
	return ids, true, nil
}

// TooLongError is what is wrong with a text that has more tokens than a context, and may not be cut.
type TooLongError struct {
	Text            string
	Tokens, Context int
}

func (e *TooLongError) Error() string { return e.Found() + "; shorten it or allow truncation" }

// Found is the error without advice, for callers that cannot truncate.
func (e *TooLongError) Found() string {
	return fmt.Sprintf("the text %s has %d tokens, the model takes %d", named(e.Text), e.Tokens, e.Context)
}

// named quotes a text for a message, a long one up to where it is recognised.
func named(text string) string {
	const enough = 200
	if runes := []rune(text); len(runes) > enough {
		return fmt.Sprintf("%q (and %d more characters)", string(runes[:enough]), len(runes)-enough)
	}
	return fmt.Sprintf("%q", text)
}

// EncodeBatch encodes texts, cut where needed, into one row-major [len(texts), context] array padded with zeros.
func (t *Tokenizer) EncodeBatch(texts []string, context int) []int32 {
	all, err := t.encodeBatch(texts, context, true)
	if err != nil {
		panic(err) // truncation was allowed
	}
	return all
}

// EncodeWhole is [Tokenizer.EncodeBatch] without cutting: a text that is longer than the context is an error that
// names it.
func (t *Tokenizer) EncodeWhole(texts []string, context int) ([]int32, error) {
	return t.encodeBatch(texts, context, false)
}

func (t *Tokenizer) encodeBatch(texts []string, context int, truncate bool) ([]int32, error) {
	all := make([]int32, len(texts)*context)
	for i, text := range texts {
		ids, _, err := t.Encode(text, context, truncate)
		if err != nil {
			return nil, err
		}
		copy(all[i*context:], ids)
	}
	return all, nil
}

// Decode returns the text of ids as far as bytes and ends of words tell: in lower case, a space after every word,
// U+FFFD for bytes that are not UTF-8. A start token at the beginning and an end token at the end are left out, others
// are spelled out.
func (t *Tokenizer) Decode(ids []int32) string {
	if len(ids) > 0 && ids[0] == t.StartToken() {
		ids = ids[1:]
	}
	if len(ids) > 0 && ids[len(ids)-1] == t.EndToken() {
		ids = ids[:len(ids)-1]
	}
	var raw []byte
	for _, id := range ids {
		switch {
		case id == t.StartToken():
			raw = append(raw, startName...)
		case id == t.EndToken():
			raw = append(raw, endName...)
		case id >= 0 && int(id) < len(t.symbols):
			symbol, ends := strings.CutSuffix(t.symbols[id], endOfWord)
			for _, r := range symbol {
				raw = append(raw, bpe.Byte[r])
			}
			if ends {
				raw = append(raw, ' ')
			}
		}
	}
	return validText(raw)
}
