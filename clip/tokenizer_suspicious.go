package clip

import (
	"strings"
	"unicode"
)

// The kinds of characters and the neighbours that give mojibake away are those of the "badness" heuristic of ftfy (Robyn
// Speer, Apache License 2.0), which CLIP's tokenizer calls: to give CLIP's ids they have to be the same. They are written
// anew here, as tables of kinds in the place of one regular expression.

// charKind is what a character is good for, as far as its neighbours tell mojibake from text.
type charKind uint16

const (
	capital  charKind = 1 << iota // with an accent
	small                         // with an accent
	currency                      // £
	opening                       // what begins a phrase
	closing                       // what ends one
	numeric                       // ½
	law                           // §
	box                           // parts of frames
	face                          // letters of faces such as Ò_ó
	foreign                       // small letters of Greek and Russian
	odd                           // what hardly anybody writes
)

// charKinds leaves out what is common anywhere: dashes, the ellipsis, the apostrophe.
var charKinds = kindsOf(map[charKind]string{
	capital:  "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ",
	small:    "ßàáâãäåæçèéêëìíîïðñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґﬁﬂ",
	currency: "¢£¥₧€",
	opening:  "¡«¿©΄΅‘‚“„•‹\uf8ff",
	closing:  "®»˝”›™",
	numeric:  "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№",
	law:      "¶§",
	box:      "│┌┐┘├┤┬┼═║╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬▀▄█▌▐░▒▓",
	foreign:  "αβγδεζηθικλμνξοπρςστυφχψωάέήίΰабвгдежзийклмнопрстуфхцчшщъыьэюяѐёђѓєѕіїјљњћќѝўџ",
	face:     "ÒÓÔÕÖÙÚÛòóôõöøùúûŐŌŪŲ°",
	odd:      "¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\ufffdªº",
})

func kindsOf(members map[charKind]string) map[rune]charKind {
	kinds := map[rune]charKind{}
	for kind, characters := range members {
		for _, r := range characters {
			kinds[r] = kind
		}
	}
	return kinds
}

const marked = capital | small | currency | opening | closing | numeric | law | box // every kind but faces and odd

// unlikelyAfter are the kinds that hardly ever follow one in text.
var unlikelyAfter = map[charKind]charKind{
	capital:  numeric | law | box | odd,
	small:    capital | currency | box | odd,
	currency: capital | small | opening | box | odd,
	opening:  box | odd,
	closing:  capital | small | currency | box | odd,
	numeric:  capital | small | opening | box | odd,
	law:      box | odd,
	box:      capital | small | currency | opening | closing | numeric | law | face | odd,
	foreign:  capital,
	odd:      marked | odd,
}

// telling are pairs that are mojibake although their kinds are not: of the scripts of South Asia, of Greek and Russian
// punctuation, of MacRoman.
var telling = map[rune]string{
	'à': "²µ¹¼½¾", '×': "²³", 'в': "Ђ", 'β': "€", 'ā': "€", '√': "±∂†≠®™´≤≥¥µø", '≈': "°¢", '‚': "Äâó",
}

// suspicious says whether a text has characters side by side that are rather UTF-8 read as Windows-1252 or Latin-1.
func suspicious(text string) bool {
	if isASCII(text) {
		return false
	}
	runes := []rune(text)
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return -1
		}
		return runes[i]
	}
	for i := range runes {
		if runes[i] >= 0x80 && suspiciousAt(at(i-2), at(i-1), at(i), at(i+1), at(i+2), at(i+3)) {
			return true
		}
	}
	return false
}

// suspiciousAt judges the character r between its neighbours; -1 stands for none.
func suspiciousAt(before2, before, r, next, next2, next3 rune) bool {
	if isC1(r) {
		return true
	}
	k0, k, k1 := charKinds[before], charKinds[r], charKinds[next]
	in := func(k charKind, set charKind) bool { return k&set != 0 }
	switch {
	case in(k1, unlikelyAfter[k]):
		return true
	case in(k0, small|capital|currency|closing|box) && k == opening && k1 == numeric,
		in(k0, small|capital|currency|numeric|law|box) && k == closing && k1 == opening,
		in(k0, small|capital) && in(k, opening|closing) && isWord(next),
		before >= 'a' && before <= 'z' && k == capital && in(k1, opening|currency),
		unicode.IsSpace(before) && k == capital && k1 == currency,
		k == capital && next == '°':
		return true
	}
	switch r {
	case 'Œ', 'œ': // the ligature stands before a letter
		return next >= 0 && !(next >= 'A' && next <= 'Z' || next >= 'a' && next <= 'z')
	case 'Â', 'Ã', 'Î', 'Ð': // the first bytes of most letters of Western Europe, Greek and Russian
		if in(k1, opening|closing) || next >= 0 && strings.ContainsRune("€œŠš¢£Ÿž\u00a0\u00ad®©°·»–—´", next) {
			return true
		}
		return (r == 'Â' || r == 'Ã') && next == ' ' &&
			(before < 0 || isSmallASCII(before) || unicode.IsSpace(before) && isSmallASCII(before2) || r == 'Â' && endsPhrase(before))
	case 'Ø', 'Ù': // Arabic: two such pairs, because the second characters are common
		return arabicSecond(next) && (next2 == 'Ø' || next2 == 'Ù') && arabicSecond(next3)
	case 'В', 'Г', 'Р', 'С': // letters of Russian: three characters, because two may stand side by side
		return (k1&(odd|opening|closing|currency) != 0 || next == '°' || next == 'µ') && strings.ContainsRune("ВГРС", next2)
	case 'Β', 'Γ', 'Ξ', 'Ο': // and of Greek
		return (k1&(odd|opening|closing|currency) != 0 || next == '°') && strings.ContainsRune("ΒΓΞΟ", next2)
	}
	return next >= 0 && strings.ContainsRune(telling[r], next)
}

func arabicSecond(r rune) bool {
	return charKinds[r]&(currency|odd|numeric|opening) != 0 || r >= 0 && strings.ContainsRune("\u00a0\u00ad·´–—…’ŸŠ®°µ»", r)
}

func endsPhrase(r rune) bool {
	return isSmallASCII(r) || charKinds[r] == closing || r >= 0 && strings.ContainsRune(".,?!", r)
}

func isSmallASCII(r rune) bool { return r >= 'a' && r <= 'z' }

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.N, r) }

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
