package language

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pieces cuts a text into what is merged within: contractions, and runs of letters, of numbers and of everything else, each with the space before it;
// and white space. It is the pattern of GPT-2's encoder.py,
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Nothing is left out, and bytes that are not UTF-8 count as everything else.
func pieces(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			n := piece(text)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// contractions are pieces of their own, in lower case alone.
var contractions = [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// piece is the length of the first piece of a text that is not empty.
func piece(text string) int {
	for _, c := range contractions {
		if strings.HasPrefix(text, c) {
			return len(c)
		}
	}
	from := 0
	if text[0] == ' ' && len(text) > 1 {
		from = 1 // one space goes with what follows it, unless that is white space too
	}
	if k := classAt(text[from:]); k != white {
		return from + runOf(text[from:], k)
	}
	spaces := runOf(text, white)
	if spaces == len(text) {
		return spaces
	}
	_, last := utf8.DecodeLastRuneInString(text[:spaces])
	if spaces == last {
		return spaces
	}
	return spaces - last // the last one may go with what follows
}

// class is what the pattern tells apart.
type class int

const (
	letter class = iota
	digit
	white
	other
)

func classAt(text string) class {
	r, _ := utf8.DecodeRuneInString(text)
	return classOf(r)
}

func classOf(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.Is(unicode.N, r):
		return digit
	case unicode.IsSpace(r):
		return white
	}
	return other
}

// runOf is the length in bytes of the beginning of text that is of one class.
func runOf(text string, k class) int {
	for i, r := range text {
		if classOf(r) != k {
			return i
		}
	}
	return len(text)
}
