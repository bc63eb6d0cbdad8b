package metrics

import "strings"

// assimilation: words that hide two, which come apart.
//
//	cannot   can not          gonna   gon na
func assimilation(rest string) match {
	for _, pair := range [...][2]string{{"can", "not"}, {"gon", "na"}, {"got", "ta"}, {"wan", "na"}, {"lem", "me"}, {"gim", "me"}} {
		if whole := pair[0] + pair[1]; hasFold(rest, whole) {
			return before(rest, len(pair[0]), len(pair[1]))
		}
	}
	return match{}
}

// assimilatedIt: "'t was", "'t is".
func assimilatedIt(rest string) match {
	n := apostrophe(rest)
	if n == 0 {
		return match{}
	}
	for _, verb := range [...]string{"was", "is"} {
		if hasFold(rest[n:], "t"+verb) {
			return plainApostrophes(before(rest, n+1, len(verb)))
		}
	}
	return match{}
}

// wordSize is a word: letters and digits after a letter, also with a point or mark between letters ("end.The").
func wordSize(rest string) int {
	size := letter(rest)
	if size == 0 {
		return 0
	}
	size += alphanumerics(rest[size:])
	for oneOfBytes(rest[size:], ".!?") {
		next := rest[size+1:]
		if letter(next) == 0 {
			break
		}
		size += 1 + alphanumerics(next)
	}
	return size
}

func word(rest string) match { return asIs(rest, wordSize(rest)) }

// wordBeforePoint: a word keeps its point before a comma, semicolon or colon, where no sentence ends ("bat.,").
func wordBeforePoint(rest string) match {
	best := match{}
	for _, size := range [...]int{wordSize(rest), thingSize(rest), hyphenatedSize(rest), capitalsSize(rest)} {
		if size == 0 || !strings.HasPrefix(rest[size:], ".") {
			continue
		}
		r, n := firstRune(rest[size+1:])
		if strings.ContainsRune(",;:、", r) && size+1+n > best.reach {
			best = before(rest, size+1, n)
		}
	}
	return best
}

// treebankWord: words that the treebank has with a mark in them.
func treebankWord(rest string) match {
	for _, w := range [...]string{"-rrb-", "-lrb-", "-rcb-", "-lcb-", "-rsb-", "-lsb-", "c.d.s", "s&p-500", "s&ls", "pro-", "anti-"} {
		if hasFold(rest, w) {
			return asIs(rest, len(w))
		}
	}
	return match{}
}

// bangWord: names with an exclamation mark.
func bangWord(rest string) match {
	for _, w := range [...]string{"yahoo!", "jeopardy!", "e!"} {
		if hasFold(rest, w) {
			return asIs(rest, len(w))
		}
	}
	return match{}
}
