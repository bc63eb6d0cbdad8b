package clip

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Tokenizer is CLIP's byte-pair encoding (Sennrich et al. 2016, as in openai/CLIP's simple_tokenizer.py): texts are
// lower-cased and cut into words, words into bytes, and pairs of neighbours are merged in the order they were learned.
// Ids: the 256 bytes, the 256 bytes at the end of a word, one id a merge, the start token, the end token.
type Tokenizer struct {
	merges  [][2]string
	ids     map[string]int32 // symbol to id; a symbol at the end of a word ends in endOfWord
	ranks   map[[2]string]int
	symbols []string // id to symbol
}

// endOfWord marks the last symbol of a word. Bytes of texts cannot collide with it: see symbolOf.
const endOfWord = "</w>"

// wordPattern cuts a lower-cased text into words, as CLIP does: special tokens, contractions, letters, single digits,
// the rest. Python's \s takes in more kinds of space than Go's.
var wordPattern = regexp.MustCompile(`(?i)<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^` + spaces + `\p{L}\p{N}]+`)

const spaces = `\s\p{Z}\x{1c}-\x{1f}\x{85}\v`

// words cleans a text as CLIP does, without ftfy's repair of broken encodings: HTML entities twice resolved, spaces
// around it gone, lower case.
func words(text string) []string {
	text = html.UnescapeString(html.UnescapeString(text))
	return wordPattern.FindAllString(cases.Lower(language.Und).String(text), -1)
}

// symbolOf maps every byte to a printable rune of its own, as GPT-2 and CLIP do, so that symbols are valid text.
var symbolOf = byteSymbols()

func byteSymbols() [256]string {
	var symbols [256]string
	next := rune(256)
	for b := range 256 {
		if printable(b) {
			symbols[b] = string(rune(b))
		} else {
			symbols[b] = string(next)
			next++
		}
	}
	return symbols
}

func printable(b int) bool {
	return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE && b <= 0xFF
}

// NewTokenizer makes a tokenizer from its merges, the earliest learned first.
func NewTokenizer(merges [][2]string) (*Tokenizer, error) {
	t := &Tokenizer{merges: merges, ids: map[string]int32{}, ranks: map[[2]string]int{}}
	add := func(symbol string) {
		if _, ok := t.ids[symbol]; !ok {
			t.ids[symbol] = int32(len(t.symbols))
		}
		t.symbols = append(t.symbols, symbol)
	}
	for _, ending := range []string{"", endOfWord} {
		for _, wanted := range []bool{true, false} { // CLIP's order: the printable bytes first
			for b := range 256 {
				if printable(b) == wanted {
					add(symbolOf[b] + ending)
				}
			}
		}
	}
	for i, m := range merges {
		if _, ok := t.ids[m[0]]; !ok || t.ids[m[1]] == 0 && m[1] != t.symbols[0] {
			return nil, fmt.Errorf("merge %d of the vocabulary, %q, joins a symbol that no earlier merge made; the file is damaged", i, m)
		}
		t.ranks[m] = i
		add(m[0] + m[1])
	}
	return t, nil
}

// VocabSize is the number of ids: 514 and one a merge.
func (t *Tokenizer) VocabSize() int { return len(t.symbols) + 2 }

// StartToken and EndToken begin and end every encoded text. The end token is the largest id.
func (t *Tokenizer) StartToken() int32 { return int32(len(t.symbols)) }

// EndToken ends every encoded text; see [Tokenizer.StartToken].
func (t *Tokenizer) EndToken() int32 { return int32(len(t.symbols)) + 1 }

// Encode returns the ids of a text with start and end token, at most context of them. A longer text is cut, keeping
// the end token, when truncate is set (truncated says so), and an error otherwise.
func (t *Tokenizer) Encode(text string, context int, truncate bool) (ids []int32, truncated bool, err error) {
	ids = append(ids, t.StartToken())
	for _, word := range words(text) {
		switch word {
		case "<|startoftext|>":
			ids = append(ids, t.StartToken())
		case "<|endoftext|>":
			ids = append(ids, t.EndToken())
		default:
			for _, symbol := range t.split(word) {
				ids = append(ids, t.ids[symbol])
			}
		}
	}
	ids = append(ids, t.EndToken())
	if len(ids) <= context {
		return ids, false, nil
	}
	if !truncate {
		return nil, false, fmt.Errorf("the text %q has %d tokens, the model takes %d; shorten it or allow truncation", text, len(ids), context)
	}
	ids = ids[:context]
	ids[context-1] = t.EndToken()
	return ids, true, nil
}

// EncodeBatch encodes texts, cut where needed, into one row-major [len(texts), context] array padded with zeros.
func (t *Tokenizer) EncodeBatch(texts []string, context int) []int32 {
	all := make([]int32, len(texts)*context)
	for i, text := range texts {
		ids, _, err := t.Encode(text, context, true)
		if err != nil {
			panic(err) // truncation was allowed
		}
		copy(all[i*context:], ids)
	}
	return all
}

// Decode returns the text of ids, as far as bytes and word ends tell; special tokens are left out.
func (t *Tokenizer) Decode(ids []int32) string {
	var symbols strings.Builder
	for _, id := range ids {
		if id >= 0 && int(id) < len(t.symbols) {
			symbols.WriteString(t.symbols[id])
		}
	}
	text := strings.ReplaceAll(symbols.String(), endOfWord, " ")
	byteOf := map[string]byte{}
	for b, s := range symbolOf {
		byteOf[s] = byte(b)
	}
	var raw []byte
	for _, r := range text {
		if r == ' ' {
			raw = append(raw, ' ')
		} else {
			raw = append(raw, byteOf[string(r)])
		}
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(raw), "\uFFFD"))
}

// split cuts one word into symbols: its bytes, merged by rank until no learned pair is left.
func (t *Tokenizer) split(word string) []string {
	symbols := wordSymbols(word)
	for len(symbols) > 1 {
		best, at := math.MaxInt, -1
		for i := range len(symbols) - 1 {
			if rank, ok := t.ranks[[2]string{symbols[i], symbols[i+1]}]; ok && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			break
		}
		symbols = mergePair(symbols, t.merges[best])
	}
	return symbols
}

func wordSymbols(word string) []string {
	symbols := make([]string, len(word))
	for i := range len(word) {
		symbols[i] = symbolOf[word[i]]
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
		for _, word := range words(text) {
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
	for len(learned) < merges {
		best := mostFrequent(pairs)
		if pairs[best] < 2 {
			break
		}
		learned = append(learned, best)
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

// tokenizerFile is the tokenizer on disk.
type tokenizerFile struct {
	Kind   string      `json:"kind"`
	Merges [][2]string `json:"merges"`
}

const tokenizerKind = "clip-bpe"

// Save writes the tokenizer as JSON.
func (t *Tokenizer) Save(path string) error {
	data, err := json.MarshalIndent(tokenizerFile{tokenizerKind, t.merges}, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, append(data, '\n'))
}

// LoadTokenizer reads what [Tokenizer.Save] wrote.
func LoadTokenizer(path string) (*Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the vocabulary: %w", err)
	}
	var file tokenizerFile
	if err := json.Unmarshal(data, &file); err != nil || file.Kind != tokenizerKind {
		return nil, fmt.Errorf("%s: expected a vocabulary of kind %q as JSON, found something else (%v)", path, tokenizerKind, err)
	}
	t, err := NewTokenizer(file.Merges)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
