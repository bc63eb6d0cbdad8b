package metrics

import (
	"strings"
	"unicode"
)

// blank: what separates tokens and becomes none.
func blank(rest string) match {
	if strings.HasPrefix(rest, "&nbsp;") {
		return match{size: len("&nbsp;"), reach: len("&nbsp;")}
	}
	size := run(rest, func(s string) int {
		if r, n := firstRune(s); isBlank(r) {
			return n
		}
		return 0
	})
	return match{size: size, reach: size}
}

// fixed is a match of text with a token of its own.
func fixed(text, token string) match { return match{len(text), len(text), token} }

// dash: dashes of typography become --.
func dash(rest string) match {
	for _, d := range [...]string{"&mdash;", "&ndash;", "\u0096", "\u0097", "–", "—", "―"} {
		if strings.HasPrefix(rest, d) {
			return fixed(d, "--")
		}
	}
	return match{}
}

// dashes: hyphens; three or four of them become --.
func dashes(rest string) match {
	size := len(rest) - len(strings.TrimLeft(rest, "-"))
	if size == 3 || size == 4 {
		return fixed(rest[:size], "--")
	}
	return asIs(rest, size)
}

// entity: what HTML writes for a mark.
func entity(rest string) match {
	for _, e := range [...][2]string{{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}} {
		if strings.HasPrefix(rest, e[0]) {
			return fixed(e[0], e[1])
		}
	}
	return match{}
}

// bracket: brackets have names in the treebank.
func bracket(rest string) match {
	if oneOfBytes(rest, "()[]{}") {
		return namedBrackets(asIs(rest, 1))
	}
	return match{}
}

func namedBrackets(m match) match {
	if strings.ContainsAny(m.token, "()[]{}") {
		m.token = bracketNames.Replace(m.token)
	}
	return m
}

var bracketNames = strings.NewReplacer("(", "-lrb-", ")", "-rrb-", "[", "-lsb-", "]", "-rsb-", "{", "-lcb-", "}", "-rcb-")

// ellipsis: three points or more, also with single blanks between, become three.
func ellipsis(rest string) match {
	if strings.HasPrefix(rest, "…") {
		return fixed("…", "...")
	}
	size := len(rest) - len(strings.TrimLeft(rest, "."))
	if size < 3 {
		size = 0
		for strings.HasPrefix(rest[size:], ". ") {
			size += 2
		}
		if size < 4 || !strings.HasPrefix(rest[size:], ".") {
			return match{}
		}
		size++
	}
	return fixed(rest[:size], "...")
}

// repeated: marks that make one token however often they come; a star is written \*.
func repeated(rest string) match {
	for _, set := range [...]string{"@", "#", "_", "*", "?!", "="} {
		if size := len(rest) - len(strings.TrimLeft(rest, set)); size > 0 {
			m := asIs(rest, size)
			if set == "*" {
				m.token = strings.Repeat(`\*`, size)
			}
			return m
		}
	}
	if strings.HasPrefix(rest, `\*`) {
		return asIs(rest, 2)
	}
	return match{}
}

// sentenceMark: the marks of sentences, and the slash, written \/.
func sentenceMark(rest string) match {
	r, n := firstRune(rest)
	if r == '/' {
		return fixed("/", `\/`)
	}
	if strings.ContainsRune(".,;:、。¡¿", r) {
		return asIs(rest, n)
	}
	return match{}
}

// doubleQuote: straight double quotes become two single ones, whichever side they are on.
func doubleQuote(rest string) match {
	for _, q := range [...]string{`"`, "&quot;"} {
		if strings.HasPrefix(rest, q) {
			return fixed(q, "''")
		}
	}
	return match{}
}

// quoteSize is one quote or two of any form.
func quoteSize(rest string) int {
	if n := apostrophe(rest); n > 0 {
		if rest[0] == '\'' && strings.HasPrefix(rest[1:], "'") {
			return 2
		}
		return n
	}
	size := 0
	for range 2 {
		r, n := firstRune(rest[size:])
		if !strings.ContainsRune("`‘‚‛“”„‟\u0091\u0093\u0094‹›«»", r) {
			break
		}
		size += n
	}
	return size
}

// quote: every other quote becomes '. Which form and side it has makes no difference, since none of them stays.
func quote(rest string) match {
	size := quoteSize(rest)
	if size == 0 {
		return match{}
	}
	return fixed(rest[:size], "'")
}

// quoteBeforeWord: an apostrophe before a word of two letters or more opens a quotation ("'stop'"), it is no ending.
func quoteBeforeWord(rest string) match {
	size := quoteSize(rest)
	if size == 0 || size == len(rest) || !isASCIILetter(rest[size]) {
		return match{}
	}
	r, n := firstRune(rest[size+1:])
	if n == 0 || isBlank(r) {
		return match{}
	}
	return match{size, size + 1 + n, "`"}
}

// smiley: ":)", ";-)", ":D", where no letter follows; "^_^".
func smiley(rest string) match {
	size := 0
	if oneOfBytes(rest, "<>") {
		size++
	}
	if oneOfBytes(rest[size:], ":;=") {
		size++
		if oneOfBytes(rest[size:], "-o*'") {
			size++
		}
		if oneOfBytes(rest[size:], "()[]{}DPdpO\\@|") {
			size++
			if !oneLetter(rest[size:]) {
				return namedBrackets(before(rest, size, nextOrEnd(rest[size:])))
			}
		}
	}
	if len(rest) >= 3 && oneOfBytes(rest, "-^=~<>'") && rest[1] == '_' && oneOfBytes(rest[2:], "-^=~<>'") {
		return asIs(rest, 3)
	}
	return match{}
}

// symbol: every other mark of the basic plane is a token of its own: & % + < > and the like.
func symbol(rest string) match {
	r, n := firstRune(rest)
	if r < 0xFF66 && (unicode.IsSymbol(r) || unicode.IsPunct(r)) {
		return asIs(rest, n)
	}
	return match{}
}
