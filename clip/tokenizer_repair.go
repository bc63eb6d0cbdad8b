package clip

import (
	"html"
	"regexp"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// repair stands for ftfy.fix_text 6.3 with its defaults, the first step of simple_tokenizer.py; there is no library for
// it in Go. Its steps: character references in texts without "<", mojibake (fixEncoding), the controls U+0080..U+009F as
// Windows-1252, Latin ligatures and digraphs, full-width and half-width forms, curly quotes, kinds of line breaks,
// terminal escapes, control characters and byte order marks, normal form C.
//
// Not the same as ftfy's: its CESU-8 and its overlong NUL are not read, lines of more than a million characters are
// repaired in one piece, and where several misreadings overlap the parts can be cut differently (5 of 14,000 random
// strings of Latin-1 letters and punctuation differed, none of 112,000 others: words in six scripts and
// their mojibake in seven encodings, references, controls, any characters).
func repair(text string) string {
	var out strings.Builder
	references := true
	for line := range strings.SplitAfterSeq(text, "\n") {
		references = references && !strings.Contains(line, "<") // it may be HTML, from here on
		out.WriteString(repairLine(line, references))
	}
	return out.String()
}

// repairLine repeats the steps until nothing changes, but for hostile texts: mojibake of mojibake and references inside
// references take a round a layer.
func repairLine(line string, references bool) string {
	for range 64 {
		before := line
		if references {
			line = namedReferences.ReplaceAllStringFunc(line, resolve)
		}
		line = fixEncoding(line)
		line = strings.Map(fromC1, line)
		line = ligatures.Replace(line)
		line = standardWidth(line)
		line = strings.Map(straightQuotes, line)
		line = lineBreaks.Replace(line)
		line = terminalEscape.ReplaceAllString(line, "")
		line = strings.Map(withoutControls, line)
		if line = composed(line); line == before {
			break
		}
	}
	return line
}

var (
	namedReferences = regexp.MustCompile(`&#?[0-9A-Za-z]{1,24};`)
	terminalEscape  = regexp.MustCompile("\x1b\\[[\\pN;]*[a-zA-Z]")
	lineBreaks      = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n")
	ligatures       = strings.NewReplacer(
		"Ĳ", "IJ", "ĳ", "ij", "ŉ", "ʼn", "Ǳ", "DZ", "ǲ", "Dz", "ǳ", "dz", "Ǆ", "DŽ", "ǅ", "Dž", "ǆ", "dž",
		"Ǉ", "LJ", "ǈ", "Lj", "ǉ", "lj", "Ǌ", "NJ", "ǋ", "Nj", "ǌ", "nj",
		"ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "ſt", "ﬆ", "st")
)

// resolve resolves a character reference that ends in a semicolon. A name in capitals of what has a name in small
// letters alone means the capital, as in P&EACUTE;REZ.
func resolve(ref string) string {
	if ref[1] == '#' {
		if text := unescape(ref); !strings.Contains(text, ";") {
			return text
		}
		return ref
	}
	if text, ok := entity(ref); ok {
		return text
	}
	small := strings.ToLower(ref)
	if ref == strings.ToUpper(ref) && html.UnescapeString(ref) == ref {
		if text, ok := entity(small); ok {
			return cases.Upper(language.Und).String(text)
		}
	}
	return ref
}

// entity is the text of a named reference such as "&eacute;" when HTML has that very name.
func entity(ref string) (string, bool) {
	text := html.UnescapeString(ref)
	return text, text != html.UnescapeString(ref[:len(ref)-1])+";"
}

// standardWidth gives full-width and half-width forms and the ideographic space their usual width.
func standardWidth(text string) string {
	if !strings.ContainsFunc(text, oddWidth) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\u3000':
			b.WriteByte(' ')
		case oddWidth(r):
			b.WriteString(norm.NFKC.String(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func oddWidth(r rune) bool { return r == '\u3000' || r >= 0xFF01 && r < 0xFFF0 }

func straightQuotes(r rune) rune {
	switch r {
	case '\u02bc', '\u2018', '\u2019', '\u201a', '\u201b':
		return '\''
	case '\u201c', '\u201d', '\u201e', '\u201f':
		return '"'
	}
	return r
}

// withoutControls drops characters that are not to be in a text; strings.Map takes the negative for that.
func withoutControls(r rune) rune {
	switch {
	case r < 0x09, r == 0x0B, r >= 0x0E && r < 0x20, r == 0x7F,
		r >= 0x206A && r < 0x2070, r == 0xFEFF, r >= 0xFFF9 && r < 0xFFFD:
		return -1
	}
	return r
}

// composed is normal form C with the tables of Unicode 14: characters that are younger stand between texts of their
// own.
func composed(text string) string {
	if norm.NFC.IsNormalString(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		i := strings.IndexFunc(text, isAfter14)
		if i < 0 {
			i = len(text)
		}
		b.WriteString(norm.NFC.String(text[:i]))
		text = text[i:]
		j := strings.IndexFunc(text, func(r rune) bool { return !isAfter14(r) })
		if j < 0 {
			j = len(text)
		}
		b.WriteString(text[:j])
		text = text[j:]
	}
	return b.String()
}
