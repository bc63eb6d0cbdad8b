package clip

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Mojibake is UTF-8 that somebody read as Latin-1 or Windows-1252: "cafÃ©" for "café". fixEncoding reads a text back
// when it looks like that, as ftfy does: when it has neighbours that people do not write, such as a capital with an
// accent before a currency sign, and when its bytes then are UTF-8. Else it does so for the parts that are.
func fixEncoding(text string) string {
	for range 64 {
		fixed := fixEncodingOnce(text)
		if fixed == text {
			break
		}
		text = fixed
	}
	return text
}

func fixEncodingOnce(text string) string {
	if !suspicious(text) {
		return text
	}
	for _, e := range misreadings {
		raw, ok := e.bytes(text)
		if !ok {
			continue
		}
		if e.spaces {
			raw = restoreSpaces(raw)
		}
		if e.sloppy {
			raw = replaceLost(raw)
		}
		if utf8.Valid(raw) {
			return string(raw)
		}
	}
	if fixed := fixParts(text); fixed != text {
		return fixed
	}
	if _, ok := misreadings[0].bytes(text); ok { // then its controls were meant as Windows-1252
		if fixed := strings.Map(fromC1, text); !strings.ContainsFunc(fixed, isC1) {
			return fixed
		}
	}
	return text
}

func isC1(r rune) bool { return r >= 0x80 && r <= 0x9F }

// fixParts repairs the runs of characters that stand for UTF-8, where the rest of the text does not.
func fixParts(text string) string {
	var out strings.Builder
	last := ' '
	for text != "" {
		n := 0
		if !continues(last) || strings.ContainsRune(besideMojibake, last) {
			n = disguised(text)
		}
		if n == 0 {
			r, size := utf8.DecodeRuneInString(text)
			out.WriteString(text[:size])
			last, text = r, text[size:]
			continue
		}
		part := text[:n]
		last, _ = utf8.DecodeLastRuneInString(part)
		text = text[n:]
		if suspicious(part) && (out.Len() > 0 || text != "") {
			part = fixEncoding(part)
		}
		out.WriteString(part)
	}
	return out.String()
}

// besideMojibake are characters of the bytes 80..BF that may well stand before a disguised character as themselves.
const besideMojibake = "\u00a0–—•‘’“”‚„‹›«»…"

// disguised is the length in bytes of the run of disguised characters that text begins with.
func disguised(text string) int {
	n := 0
	for {
		r, size := utf8.DecodeRuneInString(text[n:])
		more := 0
		switch {
		case stands(r, 0xC2, 0xDF):
			more = 1
		case stands(r, 0xE0, 0xEF):
			more = 2
		case stands(r, 0xF0, 0xF0), stands(r, 0xF3, 0xF3):
			more = 3
		default:
			return n
		}
		end := n + size
		for ; more > 0; more-- {
			r, size := utf8.DecodeRuneInString(text[end:])
			if r != ' ' && !continues(r) {
				return n
			}
			end += size
		}
		n = end
	}
}

// continues says whether a character stands for one of the bytes 80..BF, which follow the first one in UTF-8.
func continues(r rune) bool { return stands(r, 0x80, 0xBF) }

// stands says whether a character is that of a byte between lo and hi in one of the encodings that are like Latin-1.
func stands(r rune, lo, hi byte) bool {
	for _, m := range misreadings[:7] {
		if b, ok := m.back[r]; ok && b >= lo && b <= hi {
			return true
		}
	}
	return isC1(r) && rune(lo) <= r && r <= rune(hi)
}

// misreading is an encoding that UTF-8 is taken for by mistake.
type misreading struct {
	back   map[rune]byte // character to byte
	spaces bool          // a space may have been the byte A0
	sloppy bool          // bytes that it leaves open are Latin-1's, as in HTML; lost ones are U+FFFD
}

// misreadings are in the order in which they are tried, the likely ones first.
var misreadings = []misreading{
	newMisreading(charmap.ISO8859_1, true, false),
	newMisreading(charmap.Windows1252, true, true),
	newMisreading(charmap.Windows1251, true, true),
	newMisreading(charmap.Windows1250, true, true),
	newMisreading(charmap.Windows1253, true, true),
	newMisreading(charmap.Windows1254, true, true),
	newMisreading(charmap.Windows1257, true, true),
	newMisreading(charmap.ISO8859_2, true, false),
	newMisreading(charmap.Macintosh, false, false), // its A0 is a dagger, and a dash with a space looks like UTF-8
	newMisreading(charmap.CodePage437, true, false),
}

const lost = 0x1A // the byte that stands for a character that could not be read

func newMisreading(encoding *charmap.Charmap, spaces, sloppy bool) misreading {
	m := misreading{back: map[rune]byte{}, spaces: spaces, sloppy: sloppy}
	for b := range 256 {
		r := encoding.DecodeByte(byte(b))
		switch {
		case sloppy && b == lost:
			r = utf8.RuneError
		case r == utf8.RuneError && sloppy:
			r = rune(b)
		case r == utf8.RuneError:
			continue
		}
		m.back[r] = byte(b)
	}
	return m
}

// bytes is what the text was before it was misread.
func (m misreading) bytes(text string) ([]byte, bool) {
	raw := make([]byte, 0, len(text))
	for _, r := range text {
		b, ok := m.back[r]
		if !ok {
			return nil, false
		}
		raw = append(raw, b)
	}
	return raw, true
}

// fromC1 reads a control character U+0080..U+009F as Windows-1252 does.
func fromC1(r rune) rune {
	if isC1(r) {
		if w := charmap.Windows1252.DecodeByte(byte(r)); w != utf8.RuneError {
			return w
		}
	}
	return r
}

// replaceLost puts U+FFFD for characters of which a byte was lost, and for lost bytes alone.
func replaceLost(raw []byte) []byte {
	if !bytes.Contains(raw, []byte{lost}) && !bytes.Contains(raw, []byte{'?'}) {
		return raw
	}
	var out []byte
	for i := 0; i < len(raw); {
		if n := lostCharacter(raw[i:]); n > 0 {
			out = append(out, "\ufffd"...)
			i += n
		} else {
			out = append(out, raw[i])
			i++
		}
	}
	return out
}

// lostCharacter is the length of the character that raw begins with when a byte after its first is lost, else 0. One of
// the lost ones may have become a question mark, in two bytes that of letters of Western Europe alone.
func lostCharacter(raw []byte) int {
	n := 0
	switch lead := raw[0]; {
	case lead == lost:
		return 1
	case lead >= 0xC2 && lead <= 0xDF:
		n = 2
	case lead >= 0xE0 && lead <= 0xEF:
		n = 3
	case lead >= 0xF0 && lead <= 0xF4:
		n = 4
	}
	if n == 0 || len(raw) < n {
		return 0
	}
	gone, questions := 0, 0
	for _, b := range raw[1:n] {
		switch {
		case b == lost:
			gone++
		case b == '?':
			questions++
		case b < 0x80 || b > 0xBF:
			return 0
		}
	}
	if gone+questions == 0 || questions > 1 || questions == 1 && n == 2 && raw[0] > 0xC3 {
		return 0
	}
	return n
}

// restoreSpaces puts back the byte A0 where something took it for a space and made it one, and UTF-8 needs it.
func restoreSpaces(raw []byte) []byte {
	var out []byte
	for i := 0; i < len(raw); {
		rest := raw[i:]
		switch n := spoiled(rest); {
		case n == 2 && rest[0] == 0xC3 && !portuguese(rest[2:]):
			out = append(out, 0xC3, 0xA0, ' ') // "Ã la mode" is "à la mode": a word of its own
			i += n
		case n > 0:
			out = append(out, bytes.ReplaceAll(rest[:n], []byte{' '}, []byte{0xA0})...)
			i += n
		default:
			out = append(out, rest[0])
			i++
		}
	}
	return out
}

// portuguese says whether what follows an "à" belongs to it: "às", "àquele", "àquela", "àquilo"; or is a space already.
func portuguese(rest []byte) bool {
	for _, word := range []string{" ", "quele", "quela", "quilo", "s "} {
		if bytes.HasPrefix(rest, []byte(word)) {
			return true
		}
	}
	return false
}

// spoiled is the length of the character that raw begins with when one of its bytes is a space for A0, else 0. Lead
// bytes that give likely characters alone are looked at.
func spoiled(raw []byte) int {
	at := func(i int) byte {
		if i < len(raw) {
			return raw[i]
		}
		return 0
	}
	follows := func(b byte) bool { return b >= 0x80 && b <= 0xBF }
	likely := func(b byte) bool { return follows(b) && b != 0x85 && b != 0xA0 }
	a, b, c := at(1), at(2), at(3)
	switch lead := at(0); lead {
	case 0xC2, 0xC3, 0xC5, 0xCE, 0xD0, 0xD9:
		if a == ' ' {
			return 2
		}
	case 0xE0, 0xE1, 0xE2, 0xE3:
		if likely(a) && b == ' ' || lead >= 0xE2 && a == ' ' && likely(b) {
			return 3
		}
	case 0xF0:
		if a == ' ' && follows(b) && follows(c) || follows(a) && b == ' ' && follows(c) || follows(a) && follows(b) && c == ' ' {
			return 4
		}
	}
	return 0
}
