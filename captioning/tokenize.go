package captioning

import (
	"strings"
	"unicode"
)

// Tokenize cuts a caption into words: letters, digits, the marks on them and apostrophes inside a word ("the dog's"), in
// lower case. All else separates words and is dropped. Typographic apostrophes become plain ones. Text is taken
// as it is encoded: an accent of its own stays one, it is not joined with its letter.
func Tokenize(caption string) []string {
	var words []string
	var word strings.Builder
	end := func() {
		if w := strings.Trim(word.String(), "'"); w != "" {
			words = append(words, w)
		}
		word.Reset()
	}
	for _, r := range caption {
		switch {
		case r == '\'', r == '’', r == 'ʼ':
			word.WriteByte('\'')
		case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
			word.WriteRune(unicode.ToLower(r))
		default:
			end()
		}
	}
	end()
	return words
}
