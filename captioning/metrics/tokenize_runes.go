package metrics

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// firstRune is utf8.DecodeRuneInString.
func firstRune(s string) (r rune, size int) { return utf8.DecodeRuneInString(s) }

func isDigit(r rune) bool { return unicode.IsDigit(r) }

// letter is the size of the letter that s begins with, 0 when it begins with none: a letter of any script, an accent of
// its own, a soft hyphen, or an entity such as &eacute;.
func letter(s string) int {
	r, n := firstRune(s)
	switch {
	case unicode.IsLetter(r), unicode.Is(unicode.Mn, r), unicode.Is(unicode.Mc, r), r == softHyphen:
		return n
	case r == '&':
		return accentEntity(s)
	}
	return 0
}

const softHyphen = '\u00AD'

func withoutSoftHyphens(s string) string { return strings.ReplaceAll(s, string(softHyphen), "") }

func accentEntity(s string) int {
	if len(s) < 2 || !strings.ContainsRune("aeiouAEIOU", rune(s[1])) {
		return 0
	}
	for _, accent := range []string{"acute;", "grave;", "uml;"} {
		if strings.HasPrefix(s[2:], accent) {
			return 2 + len(accent)
		}
	}
	return 0
}

// letters is the size of the longest run of letters, alphanumerics that of letters and digits, digits that of digits.
func letters(s string) int { return run(s, letter) }

func alphanumerics(s string) int { return run(s, alphanumeric) }

func digits(s string) int { return run(s, digit) }

func alphanumeric(s string) int {
	if n := digit(s); n > 0 {
		return n
	}
	return letter(s)
}

func digit(s string) int {
	if r, n := firstRune(s); isDigit(r) {
		return n
	}
	return 0
}

// run repeats a part as often as it is there.
func run(s string, part func(string) int) int {
	size := 0
	for size < len(s) {
		n := part(s[size:])
		if n == 0 {
			break
		}
		size += n
	}
	return size
}

// asciiLetters is the size of the longest run of A to Z and a to z.
func asciiLetters(s string) int {
	for i := range len(s) {
		if !isASCIILetter(s[i]) {
			return i
		}
	}
	return len(s)
}

func isASCIILetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

// oneOfBytes says whether s begins with one of the bytes of set.
func oneOfBytes(s, set string) bool { return s != "" && strings.IndexByte(set, s[0]) >= 0 }

// apostrophe is the size of the apostrophe that s begins with: plain, typographic, or an entity.
func apostrophe(s string) int {
	switch r, n := firstRune(s); r {
	case '\'', '\u0092', '’', '´':
		return n
	case '&':
		if strings.HasPrefix(s, "&apos;") {
			return len("&apos;")
		}
	}
	return 0
}

// looseApostrophe also takes what is typed for an apostrophe by mistake.
func looseApostrophe(s string) int {
	switch r, n := firstRune(s); r {
	case '`', '\u0091', '‘', '‛':
		return n
	}
	return apostrophe(s)
}

// isBlank says whether r separates tokens.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r == '\u2028' || r == '\u2029' }

// hasFold says whether s begins with prefix, which is in lower case and ASCII, in any case.
func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
