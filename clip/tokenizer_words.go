package clip

import (
	"html"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// words cleans a text as CLIP does and yields its words, in lower case: special tokens, contractions, runs of letters,
// single digits, runs of everything else that is no space. It is the pattern of simple_tokenizer.py,
//
//	<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
//
// with the same classes: Go 1.26 and the reference's module regex have the tables of Unicode 15 both.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := clean(text)
		for rest != "" {
			r, size := utf8.DecodeRuneInString(rest)
			n := size
			switch kindOf(r) {
			case space:
				rest = rest[size:]
				continue
			case letter:
				n = runOf(rest, letter)
			case other:
				if n = fixedWord(rest); n == 0 {
					n = runOf(rest, other)
				}
			}
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

type kind int

const (
	letter kind = iota
	number
	space
	other
)

func kindOf(r rune) kind {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.Is(unicode.N, r):
		return number
	case unicode.IsSpace(r), r == '\u0345': // a mark that no part of the pattern takes once case is ignored
		return space
	}
	return other
}

// runOf is the length in bytes of the beginning of text that is of one kind.
func runOf(text string, k kind) int {
	for i, r := range text {
		if kindOf(r) != k {
			return i
		}
	}
	return len(text)
}

// fixedWord is the length in bytes of the special token or contraction that text begins with, 0 when there is none.
// The reference's pattern ignores case, for which the long s counts as an s.
func fixedWord(text string) int {
	if text[0] != '<' && text[0] != '\'' {
		return 0
	}
	for _, word := range []string{startName, endName, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		rest, ok := text, true
		for i := 0; ok && i < len(word); i++ {
			var found bool
			if rest, found = strings.CutPrefix(rest, word[i:i+1]); !found {
				rest, found = strings.CutPrefix(rest, "\u017f")
				ok = found && word[i] == 's'
			}
		}
		if ok {
			return len(text) - len(rest)
		}
	}
	return 0
}

// clean is what simple_tokenizer.py does before it cuts a text into words: ftfy's repairs, HTML's character references
// resolved twice, lower case. Runs of spaces become one and vanish at the ends there; words skips them.
func clean(text string) string {
	if plain(text) {
		return strings.ToLower(text)
	}
	text = unescape(unescape(repair(text)))
	return lower(text)
}

// plain says that a text is made of ASCII characters that no step of cleaning but the lower case changes.
func plain(text string) bool {
	for i := range len(text) {
		if b := text[i]; b >= utf8.RuneSelf || b == '&' || b < ' ' && b != '\t' && b != '\n' || b == 0x7F {
			return false
		}
	}
	return true
}

// reference is what Python's html.unescape takes for a character reference.
var reference = regexp.MustCompile(`&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)`)

// unescape is Python's html.unescape. It differs from Go's in numbers: large ones do not wrap around, those of control
// characters and of no characters are dropped.
func unescape(text string) string {
	if !strings.Contains(text, "&") {
		return text
	}
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		if ref[1] != '#' {
			return html.UnescapeString(ref)
		}
		digits, base := strings.TrimSuffix(ref[2:], ";"), 10
		if digits[0] == 'x' || digits[0] == 'X' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(digits, base, 32)
		switch {
		case err != nil || n > unicode.MaxRune: // out of range: the pattern leaves nothing else to go wrong
			return string(utf8.RuneError)
		case n == '\r':
			return "\r"
		case n >= 0x80 && n <= 0x9F:
			return string(fromC1(rune(n)))
		case n != 0 && n < ' ' && n != '\t' && n != '\n' && n != '\f' || n == 0x7F || n >= 0xFDD0 && n <= 0xFDEF || n&0xFFFE == 0xFFFE:
			return ""
		case n == 0:
			return string(utf8.RuneError)
		}
		return string(rune(n)) // U+FFFD for half a surrogate pair
	})
}

// lower is Python's str.lower: one character at a time, but for the dotted capital I and the sigma at the end of a
// word.
func lower(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	cased := false // whether the last character that counts is a letter with case
	for i, r := range text {
		switch {
		case r == 'Σ' && cased && !casedNext(text[i+len("Σ"):]):
			b.WriteRune('ς')
		case r == 'İ':
			b.WriteString("i\u0307")
		default:
			b.WriteRune(unicode.ToLower(r))
		}
		if !ignoredByCase(r) {
			cased = hasCase(r)
		}
	}
	return b.String()
}

// casedNext says whether the first character of text that counts is a letter with case.
func casedNext(text string) bool {
	for _, r := range text {
		if !ignoredByCase(r) {
			return hasCase(r)
		}
	}
	return false
}

// hasCase is Unicode's property Cased.
func hasCase(r rune) bool {
	return !unicode.Is(after14, r) &&
		unicode.In(r, unicode.Upper, unicode.Lower, unicode.Title, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// ignoredByCase is Unicode's property Case_Ignorable: marks, modifiers and punctuation inside words.
func ignoredByCase(r rune) bool {
	if r < utf8.RuneSelf {
		return strings.ContainsRune("'.:^`", r)
	}
	return !unicode.Is(after14, r) && (unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", r))
}

// after14 holds the characters with case, combining marks and formats that Unicode 15 has and Python 3.11, whose
// tables are those of Unicode 14, takes for unassigned: they have no case there and never change places in normal
// form C.
var after14 = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x0ECE, Hi: 0x0ECE, Stride: 1}},
	R32: []unicode.Range32{
		{Lo: 0x10EFD, Hi: 0x10EFF, Stride: 1}, {Lo: 0x11241, Hi: 0x11241, Stride: 1}, {Lo: 0x11F00, Hi: 0x11F59, Stride: 1},
		{Lo: 0x13439, Hi: 0x13455, Stride: 1}, {Lo: 0x1DF25, Hi: 0x1DF2A, Stride: 1}, {Lo: 0x1E030, Hi: 0x1E08F, Stride: 1},
		{Lo: 0x1E4D0, Hi: 0x1E4F9, Stride: 1},
	},
}

// validText is Python's decode("utf-8", errors="replace"): a U+FFFD for every longest beginning of a character that
// is not one, where Go puts one for every byte.
func validText(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	var b strings.Builder
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		if r == utf8.RuneError && size == 1 {
			for size < len(raw) && !utf8.FullRune(raw[:size+1]) {
				size++
			}
		}
		b.WriteRune(r)
		raw = raw[size:]
	}
	return b.String()
}

func isAfter14(r rune) bool { return unicode.Is(after14, r) }
