package metrics

import "strings"

// cliticSize is the ending of a contraction: 's, 'm, 'd, 're, 've, 'll.
func cliticSize(rest string) int {
	n := apostrophe(rest)
	if n == 0 {
		return 0
	}
	for _, ending := range [...]string{"re", "ve", "ll", "s", "m", "d"} {
		if hasFold(rest[n:], ending) {
			return n + len(ending)
		}
	}
	return 0
}

// wordBeforeClitic: the ending of a contraction comes off ("child's", "they're").
func wordBeforeClitic(rest string) match {
	size := wordSize(rest)
	if size == 0 {
		return match{}
	}
	if n := cliticSize(rest[size:]); n > 0 {
		return before(rest, size, n)
	}
	return match{}
}

// wordBeforeNot: n't comes off ("ca n't"), unless another n is before it.
func wordBeforeNot(rest string) match {
	n := asciiLetters(rest)
	if n < 2 || !oneOfBytes(rest[n-1:], "nN") || oneOfBytes(rest[n-2:], "nN") {
		return match{}
	}
	if size := notSize(rest[n-1:]); size > 0 {
		return before(rest, n-1, size)
	}
	return match{}
}

func notSize(rest string) int {
	if !oneOfBytes(rest, "nN") {
		return 0
	}
	if n := looseApostrophe(rest[1:]); n > 0 && oneOfBytes(rest[1+n:], "tT") {
		return 1 + n + 1
	}
	return 0
}

// plainApostrophes is a token with the typographic apostrophes made plain.
func plainApostrophes(m match) match {
	if m.reach > 0 {
		m.token = apostropheForms.Replace(m.token)
	}
	return m
}

var apostropheForms = strings.NewReplacer("&apos;", "'", "\u0092", "'", "’", "'", "´", "'", "‘", "'", "\u0091", "'", "‛", "'", "`", "'")

// clitic: an ending that no letter follows.
func clitic(rest string) match {
	size := cliticSize(rest)
	if size == 0 || oneLetter(rest[size:]) {
		return match{}
	}
	return plainApostrophes(before(rest, size, nextOrEnd(rest[size:])))
}

func oneLetter(rest string) bool { return rest != "" && isASCIILetter(rest[0]) }

// nextOrEnd is the size of the next letter, 1 at the end, where a caption's line ends.
func nextOrEnd(rest string) int {
	if rest == "" {
		return 1
	}
	_, n := firstRune(rest)
	return n
}

func notClitic(rest string) match { return plainApostrophes(asIs(rest, notSize(rest))) }

// apostropheWord: words with an apostrophe that stay whole.
//
//	'em   'til   'n'   '90s   ol'   c'mon   O'Brien   Hawai'i
func apostropheWord(rest string) match {
	return plainApostrophes(asIs(rest, max(afterApostrophe(rest), listedApostrophe(rest), innerApostrophe(rest))))
}

// afterApostrophe is a word that begins with an apostrophe.
func afterApostrophe(rest string) int {
	n := apostrophe(rest)
	if n == 0 {
		return 0
	}
	tail := rest[n:]
	for _, w := range [...]string{"cause", "till", "til", "em"} {
		if hasFold(tail, w) {
			return n + len(w)
		}
	}
	if len(tail) >= 3 && '2' <= tail[0] && tail[0] <= '9' && tail[1] == '0' && oneOfBytes(tail[2:], "sS") {
		return n + 3
	}
	if oneOfBytes(tail, "nN") { // 'n'
		return n + 1 + apostrophe(tail[1:])
	}
	return 0
}

// listedApostrophe is a word of a short list.
func listedApostrophe(rest string) int {
	best := 0
	for _, w := range [...]string{"dunkin'", "somethin'", "ol'", "cont'd.", "cont'd", "nor'easter", "c'mon", "e'er", "s'mores", "ev'ry", "li'l", "nat'l",
		"o'o", "cap'n", "c'est", "l'", "d'", "j'"} {
		head, tail, _ := strings.Cut(w, "'")
		if !hasFold(rest, head) {
			continue
		}
		n := apostrophe(rest[len(head):])
		if n > 0 && hasFold(rest[len(head)+n:], tail) {
			best = max(best, len(head)+n+len(tail))
		}
	}
	return best
}

// innerApostrophe is a name with an apostrophe after one capital ("O'Brien"), or between vowels ("Hawai'i").
func innerApostrophe(rest string) int {
	first := asciiLetters(rest)
	if first == 0 {
		return 0
	}
	n := looseApostrophe(rest[first:])
	if n == 0 {
		return 0
	}
	tail := rest[first+n:]
	size := letters(tail)
	if size == 0 {
		return 0
	}
	if first == 1 && (rest[0] == 'n' || 'A' <= rest[0] && rest[0] <= 'Z' && rest[0] != 'I' && rest[0] != 'Y') && letter(tail[letter(tail):]) > 0 {
		return first + n + size
	}
	if first > 1 && oneOfBytes(rest[first-1:], "aeiouyAEIOUY") && (oneOfBytes(tail, "aeiou") || 'A' <= tail[0] && tail[0] <= 'Z') {
		return first + n + size
	}
	return 0
}

// prefixBeforeWord: y' comes off ("y' all").
func prefixBeforeWord(rest string) match {
	if !oneOfBytes(rest, "yY") {
		return match{}
	}
	n := apostrophe(rest[1:])
	if n == 0 {
		return match{}
	}
	if next := letter(rest[1+n:]); next > 0 {
		return plainApostrophes(before(rest, 1+n, next))
	}
	return match{}
}

// yearBeforeBlank: a year of two digits ("'90").
func yearBeforeBlank(rest string) match {
	n := apostrophe(rest)
	if n == 0 || len(rest) < n+2 || digits(rest[n:n+2]) != 2 {
		return match{}
	}
	tail := rest[n+2:]
	if r, _ := firstRune(tail); tail == "" || isBlank(r) {
		return plainApostrophes(before(rest, n+2, nextOrEnd(tail)))
	}
	return match{}
}
