package answering

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The ids before those of the words.
const (
	padding   = 0 // after the last word
	mark      = 1 // before the first word; all that a deaf network reads
	firstWord = 2
)

// WordsOf are the words of a text in lower case, without marks such as the question mark.
func WordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '-' })
}

// Vocabulary is every word of the texts, sorted.
func Vocabulary(texts []string) []string {
	var words []string
	for _, text := range texts {
		words = append(words, WordsOf(text)...)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// Encode turns a question into ids [tokens]: the mark, the words, padding. A word that the network does not know is an error that says which it knows,
// and so is a question of too many words or of none.
func (c Config) Encode(question string) ([]int32, error) {
	words := WordsOf(question)
	switch {
	case len(words) == 0:
		return nil, fmt.Errorf("expected a question in words, found %q", question)
	case len(words) > c.Length:
		return nil, fmt.Errorf("expected a question of at most %d words, found %d in %q; ask a shorter one", c.Length, len(words), question)
	}
	ids := make([]int32, c.tokens())
	ids[0] = mark
	for i, word := range words {
		at, known := slices.BinarySearch(c.Words, word)
		if !known {
			return nil, fmt.Errorf("expected words that the model knows, found %q in %q; it knows: %s", word, question, strings.Join(c.Words, ", "))
		}
		if !c.Deaf {
			ids[1+i] = int32(firstWord + at)
		}
	}
	return ids, nil
}
