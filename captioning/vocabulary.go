package captioning

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// The ids of the special words, which every vocabulary begins with.
const (
	Pad     int32 = 0 // fills captions up to the longest of a batch
	Start   int32 = 1 // begins every caption
	End     int32 = 2 // ends every caption that was not cut short
	Unknown int32 = 3 // stands for every word that is not in the vocabulary
)

// specials as they are written. No token contains angle brackets.
var specials = [...]string{Pad: "<pad>", Start: "<start>", End: "<end>", Unknown: "<unk>"}

// Vocabulary numbers words: the four special ones, then the others.
type Vocabulary struct {
	words []string
	ids   map[string]int32
}

// NewVocabulary takes the words that occur at least minCount times in tokenised captions, the commonest first, words
// that are equally common in the order of their bytes: the same captions in any order give the same numbers.
func NewVocabulary(captions [][]string, minCount int) *Vocabulary {
	counts := map[string]int{}
	for _, caption := range captions {
		for _, word := range caption {
			if word != "" && !slices.Contains(specials[:], word) {
				counts[word]++
			}
		}
	}
	var words []string
	for word, n := range counts {
		if n >= minCount {
			words = append(words, word)
		}
	}
	slices.SortFunc(words, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	return number(append(slices.Clone(specials[:]), words...))
}

func number(words []string) *Vocabulary {
	v := &Vocabulary{words: words, ids: make(map[string]int32, len(words))}
	for id, word := range words {
		v.ids[word] = int32(id)
	}
	return v
}

// Len is the number of words, the special ones included: Config.VocabSize.
func (v *Vocabulary) Len() int { return len(v.words) }

// Fingerprint is the sha256, in hexadecimal, of the words in the order of their numbers.
func (v *Vocabulary) Fingerprint() string {
	h := sha256.New()
	for _, word := range v.words {
		fmt.Fprintf(h, "%d:%s", len(word), word)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Words are all words in the order of their numbers, the special ones first.
func (v *Vocabulary) Words() []string { return slices.Clone(v.words) }

// ID returns a word's number, [Unknown] for a word that is not in the vocabulary.
func (v *Vocabulary) ID(word string) int32 {
	if id, ok := v.ids[word]; ok {
		return id
	}
	return Unknown
}

// Word returns the word with this number, "<unk>" for a number that no word has.
func (v *Vocabulary) Word(id int32) string {
	if id < 0 || int(id) >= len(v.words) {
		return specials[Unknown]
	}
	return v.words[id]
}

// Encode returns the start word, the words and the end word, as numbers. maxLen is the most that may follow the start word,
// as Config.MaxLen: a longer caption is cut, and then has no end word, since it does not end there.
func (v *Vocabulary) Encode(words []string, maxLen int) (ids []int32, truncated bool) {
	ids = append(make([]int32, 0, len(words)+2), Start)
	for _, word := range words {
		ids = append(ids, v.ID(word))
	}
	ids = append(ids, End)
	if maxLen = max(maxLen, 0); len(ids) > maxLen+1 {
		return ids[:maxLen+1], true
	}
	return ids, false
}

// Decode returns the words up to the end word, without padding and start words.
func (v *Vocabulary) Decode(ids []int32) []string {
	words := make([]string, 0, len(ids))
	for _, id := range ids {
		switch id {
		case End:
			return words
		case Pad, Start:
		default:
			words = append(words, v.Word(id))
		}
	}
	return words
}

// Batch puts captions side by side as [len(captions), maxLen+1] numbers, filled up with [Pad], and their lengths: the
// captions and lengths that [Decode] and [Loss] want. maxLen is Config.MaxLen, so that every batch has one shape. A caption that
// is longer, or has no word after the start word, is an error that names its place.
func Batch(captions [][]int32, maxLen int) (ids, lengths []int32, err error) {
	T := maxLen + 1
	ids, lengths = make([]int32, len(captions)*T), make([]int32, len(captions))
	for n, caption := range captions {
		if len(caption) < 2 {
			return nil, nil, fmt.Errorf("expected captions of the start word and at least one more, found %d words in caption %d; leave it out", len(caption), n)
		}
		if len(caption) > T {
			return nil, nil, fmt.Errorf("expected captions of at most %d words with the start word, found %d in caption %d; "+
				"encode it for max_len %d", T, len(caption), n, maxLen)
		}
		lengths[n] = int32(copy(ids[n*T:], caption))
	}
	return ids, lengths, nil
}

// vocabularyFile is the form on disk.
type vocabularyFile struct {
	Words []string `json:"words"` // in the order of their numbers
}

// Save writes the vocabulary to path as JSON, whole or not at all.
func (v *Vocabulary) Save(path string) error {
	data, err := json.MarshalIndent(vocabularyFile{v.words}, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, append(data, '\n'))
}

// LoadVocabulary reads what [Vocabulary.Save] wrote.
func LoadVocabulary(path string) (*Vocabulary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the vocabulary: %w", err)
	}
	v, err := parseVocabulary(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not a vocabulary: %w; make it again", path, err)
	}
	return v, nil
}

func parseVocabulary(data []byte) (*Vocabulary, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("expected UTF-8 text, found other bytes")
	}
	var f vocabularyFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("expected {\"words\": [...]}, found broken JSON: %w", err)
	}
	if len(f.Words) < len(specials) || !slices.Equal(f.Words[:len(specials)], specials[:]) {
		return nil, fmt.Errorf("expected the words %q first, found %q", specials, f.Words[:min(len(f.Words), len(specials))])
	}
	v := number(f.Words)
	for id, word := range f.Words {
		if word == "" || v.ids[word] != int32(id) {
			return nil, fmt.Errorf("expected every word once and none empty, found %q at %d", word, id)
		}
	}
	return v, nil
}
