package metrics

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Tokenize turns a caption as people write it into the tokenised text that the scores take, as coco-caption does it:
// the conventions of the Penn Treebank in the form of the Stanford tokenizer, in lower case, then without the tokens of
// punctuation. The tokens come back with one blank between them; a fraction such as "2 1/2" and a telephone number are
// one token, whose blanks are no-break spaces. Any text is taken; what has no place in English text, such as control
// characters and emoji, is left out. A token has at most 2 KiB.
//
//	A child's swing, "twin-hulled".   a child 's swing twin-hulled
//	They can't stop on Main St.       they ca n't stop on main st.
//	(1/2 of) AT&T at 10:30 p.m.!      -lrb- 1\/2 of -rrb- at&t at 10:30 p.m.
//
// What is kept and what is split is said at the rules: words and contractions, abbreviations, numbers, links, marks. At
// each place the rule that reaches farthest wins, the earlier one when two reach equally far. British spellings stay as
// they are.
//
// The rules say in their own words what the treebank's guidelines and the documentation, tests and published grammar of
// the Stanford tokenizer say that it does. They were compared with its output on captions alone: rare text, such as
// markup, smileys and scripts other than Latin, may be cut differently.
func Tokenize(caption string) string {
	var tokens []string
	for rest := strings.ToValidUTF8(caption, ""); rest != ""; {
		m := longest(window(rest))
		if token := strings.ToLower(m.token); token != "" && !slices.Contains(punctuation[:], token) {
			tokens = append(tokens, token)
		}
		rest = rest[m.size:]
	}
	return strings.Join(tokens, " ")
}

// window is as much of a text as one rule may look at: a whole number of letters, and enough for every token of a
// caption. So the work grows with the length of a text, whatever is in it.
func window(rest string) string {
	const most = 2048 // bytes
	if len(rest) <= most {
		return rest
	}
	end := most
	for !utf8.RuneStart(rest[end]) {
		end--
	}
	return rest[:end]
}

// punctuation is what coco-caption removes. Its list has the brackets in upper case, so -lrb- and the like stay.
var punctuation = [...]string{"''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"}

// match is what a rule finds at the beginning of a text.
type match struct {
	size  int    // bytes of the text that the token takes up
	reach int    // bytes that were looked at: size and the context behind it that the rule asks for; 0 for no match
	token string // what the text becomes, in any case; "" for nothing
}

// rule looks at the beginning of a text that is not empty.
type rule func(rest string) match

// asIs is a match of the first size bytes that become a token unchanged; no match when size is 0.
func asIs(rest string, size int) match { return match{size, size, withoutSoftHyphens(rest[:size])} }

// before is [asIs] with a context of so many bytes behind it.
func before(rest string, size, context int) match {
	m := asIs(rest, size)
	m.reach += context
	return m
}

// longest applies the rules that can begin as rest does.
func longest(rest string) match {
	var best match
	for _, r := range rulesFor(rest) {
		if m := r(rest); m.reach > best.reach {
			best = m
		}
	}
	if best.reach == 0 { // no rule: left out
		_, n := firstRune(rest)
		return match{size: n, reach: n}
	}
	return best
}

func rulesFor(rest string) []rule {
	switch r, _ := firstRune(rest); {
	case isDigit(r):
		return numberRules
	case letter(rest) > 0:
		return wordRules
	}
	return markRules
}

// The rules in their order.
var (
	wordRules = []rule{
		assimilation, wordBeforeClitic, wordBeforeNot, word, apostropheWord, prefixBeforeWord, url, address,
		clitic, notClitic, treebankWord, bangWord, slashed, dollar,
		abbreviationBeforeNumber, abbreviation, acronym,
		wordBeforePoint, hyphenated, thing, capitalsWithSign,
	}
	numberRules = []rule{
		url, address, date, number, fraction, treebankWord, slashed, phone, wordBeforePoint, hyphenated, thing,
	}
	markRules = []rule{
		blank, markup, dash, entity, assimilatedIt, apostropheWord, address, account, clitic, signedNumber, raised, vulgarFraction,
		treebankWord, dollar, currency, yearBeforeBlank, phone, doubleQuote, smiley, bracket, dashes, ellipsis,
		repeated, sentenceMark, quoteBeforeWord, quote, symbol,
	}
)
