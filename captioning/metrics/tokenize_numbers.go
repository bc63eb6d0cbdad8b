package metrics

import (
	"regexp"
	"strings"
)

// numberSize is digits with . , or : between groups of them ("1,000.5", "10:30"); a point or comma may come first.
func numberSize(rest string) int {
	size := 0
	for {
		separator := 0
		if oneOfBytes(rest[size:], ".,") || size > 0 && oneOfBytes(rest[size:], ":") {
			separator = 1
		}
		n := digits(rest[size+separator:])
		if n == 0 || separator == 0 && size > 0 {
			return size
		}
		size += separator + n
	}
}

func number(rest string) match { return asIs(rest, numberSize(rest)) }

// signedNumber: a number after + or -, or one that begins with a point.
func signedNumber(rest string) match {
	sign := 0
	if oneOfBytes(rest, "+-") {
		sign = 1
	}
	n := numberSize(rest[sign:])
	if n == 0 {
		return match{}
	}
	return asIs(rest, sign+n)
}

// fraction: "1/2", "3-1/2" and "2 1/2", whose blank becomes a no-break space.
func fraction(rest string) match {
	return oneToken(fractionForm.FindString(rest))
}

// date: "7/4/2012", "04-07-12".
func date(rest string) match { return oneToken(dateForm.FindString(rest)) }

// phone: "(555) 123-4567", "555 123 4567", "555.123.4567".
func phone(rest string) match {
	return namedBrackets(oneToken(phoneForm.FindString(rest)))
}

var (
	fractionForm = regexp.MustCompile(`^(?:\d{1,4}[- \x{A0}])?\d{1,4}(?:\\?/|⁄)\d{1,4}`)
	dateForm     = regexp.MustCompile(`^\d{1,2}[-/]\d{1,2}[-/]\d{2,4}`)
	phoneForm    = regexp.MustCompile(`^(?:(?:\(\d{2,3}\)[ \x{A0}]?|(?:\+\+?)?(?:\d{2,4}[- \x{A0}])?\d{2,4}[- \x{A0}])\d{3,4}[- \x{A0}]?\d{3,5}|(?:(?:\+\+?)?\d{2,4}\.)?\d{2,4}\.\d{3,4}\.\d{3,5})`)
)

// oneToken is text with the blanks in it made no-break spaces and the slashes escaped.
func oneToken(text string) match {
	m := asIs(text, len(text))
	m.token = strings.ReplaceAll(m.token, " ", "\u00A0")
	return escaped(m)
}

// raised: digits above or below the line.
func raised(rest string) match {
	return asIs(rest, run(rest, func(s string) int {
		if r, n := firstRune(s); strings.ContainsRune("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", r) {
			return n
		}
		return 0
	}))
}

// vulgarFraction: ½ becomes 1\/2.
func vulgarFraction(rest string) match {
	r, n := firstRune(rest)
	if text, ok := vulgarFractions[r]; ok {
		return match{n, n, text}
	}
	return match{}
}

var vulgarFractions = map[rune]string{
	'¼': `1\/4`, '½': `1\/2`, '¾': `3\/4`, '⅓': `1\/3`, '⅔': `2\/3`, '⅕': `1\/5`, '⅖': `2\/5`, '⅗': `3\/5`, '⅘': `4\/5`,
	'⅙': `1\/6`, '⅚': `5\/6`, '⅛': `1\/8`, '⅜': `3\/8`, '⅝': `5\/8`, '⅞': `7\/8`,
}

// dollar: a dollar with the capitals before it ("US$"), or the number sign.
func dollar(rest string) match {
	size := strings.IndexFunc(rest, func(r rune) bool { return r < 'A' || r > 'Z' })
	if size >= 0 && rest[size] == '$' {
		return asIs(rest, size+1)
	}
	if rest[0] == '#' {
		return asIs(rest, 1)
	}
	return match{}
}

// currency: in the treebank's signs, which are $ and #.
func currency(rest string) match {
	r, n := firstRune(rest)
	switch r {
	case '¢':
		return match{n, n, "cents"}
	case '£':
		return match{n, n, "#"}
	case '€', '¤', '\u0080', '₠':
		return match{n, n, "$"}
	}
	return match{}
}
