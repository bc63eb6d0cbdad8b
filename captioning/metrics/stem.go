package metrics

import "strings"

// Stem takes the endings off an English word in lower case: the algorithm of M. F. Porter, "An algorithm for suffix
// stripping", Program 14 (1980). Stems need not be words ("happi"). Words of one or two letters or of more
// than 64, and those with other characters than a to z, stay as they are.
func Stem(word string) string {
	if len(word) <= 2 || len(word) > 64 || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
		return word
	}
	s := stem(word)
	s = s.plurals()         // step 1a
	s = s.pastTenses()      // step 1b
	s = s.finalY()          // step 1c
	s = s.longest(step2)    // those whose remaining stem has a measure above 0
	s = s.longest(step3)    //
	s = s.latinEndings()    // step 4
	s = s.finalE()          // step 5a
	return string(s.twoL()) // step 5b
}

// stem is the beginning of a word.
type stem string

// vowelAt says whether the letter at i is a vowel: a, e, i, o, u, and y after a consonant.
func (s stem) vowelAt(i int) bool {
	switch s[i] {
	case 'a', 'e', 'i', 'o', 'u':
		return true
	case 'y':
		return i > 0 && !s.vowelAt(i-1)
	}
	return false
}

// measure is m of the form [C](VC)^m[V] that every word has: how often a consonant follows a vowel.
func (s stem) measure() int {
	m := 0
	vowel := false
	for i := range len(s) {
		next := s.vowelAt(i)
		if vowel && !next {
			m++
		}
		vowel = next
	}
	return m
}

func (s stem) hasVowel() bool {
	for i := range len(s) {
		if s.vowelAt(i) {
			return true
		}
	}
	return false
}

// doubled says whether the stem ends in the same consonant twice (*d).
func (s stem) doubled() bool {
	n := len(s)
	return n >= 2 && s[n-1] == s[n-2] && !s.vowelAt(n-1)
}

// short says whether the stem ends in consonant, vowel, consonant, the last not w, x or y (*o).
func (s stem) short() bool {
	n := len(s)
	return n >= 3 && !s.vowelAt(n-3) && s.vowelAt(n-2) && !s.vowelAt(n-1) && !strings.ContainsRune("wxy", rune(s[n-1]))
}

func (s stem) cut(ending string) (stem, bool) {
	head, ok := strings.CutSuffix(string(s), ending)
	return stem(head), ok
}

func (s stem) plurals() stem {
	if head, ok := s.cut("sses"); ok {
		return head + "ss"
	}
	if head, ok := s.cut("ies"); ok {
		return head + "i"
	}
	if _, ok := s.cut("ss"); ok {
		return s
	}
	head, _ := s.cut("s")
	return head
}

func (s stem) pastTenses() stem {
	if head, ok := s.cut("eed"); ok {
		if head.measure() > 0 {
			return head + "ee"
		}
		return s
	}
	for _, ending := range [...]string{"ed", "ing"} {
		head, ok := s.cut(ending)
		if !ok {
			continue
		}
		if !head.hasVowel() {
			return s
		}
		return head.mended()
	}
	return s
}

// mended gives a stem back what -ed and -ing took ("hop" of "hopping", "file" of "filing").
func (s stem) mended() stem {
	for _, ending := range [...]string{"at", "bl", "iz"} {
		if _, ok := s.cut(ending); ok {
			return s + "e"
		}
	}
	if s.doubled() && !strings.ContainsRune("lsz", rune(s[len(s)-1])) {
		return s[:len(s)-1]
	}
	if s.measure() == 1 && s.short() {
		return s + "e"
	}
	return s
}

func (s stem) finalY() stem {
	if head, ok := s.cut("y"); ok && head.hasVowel() {
		return head + "i"
	}
	return s
}

// Endings and what becomes of them. Of several that fit the longest is taken, which comes first.
var (
	step2 = [][2]string{{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"}, {"abli", "able"},
		{"alli", "al"}, {"entli", "ent"}, {"eli", "e"}, {"ousli", "ous"}, {"ization", "ize"}, {"ation", "ate"}, {"ator", "ate"}, {"alism", "al"},
		{"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"}, {"iviti", "ive"}, {"biliti", "ble"}}
	step3 = [][2]string{{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}
	step4 = []string{"al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"}
)

func (s stem) longest(endings [][2]string) stem {
	for _, e := range endings {
		if head, ok := s.cut(e[0]); ok {
			if head.measure() > 0 {
				return head + stem(e[1])
			}
			return s
		}
	}
	return s
}

func (s stem) latinEndings() stem {
	for _, ending := range step4 {
		head, ok := s.cut(ending)
		if !ok {
			continue
		}
		if head.measure() > 1 && (ending != "ion" || strings.HasSuffix(string(head), "s") || strings.HasSuffix(string(head), "t")) {
			return head
		}
		return s
	}
	return s
}

func (s stem) finalE() stem {
	head, ok := s.cut("e")
	if m := head.measure(); ok && (m > 1 || m == 1 && !head.short()) {
		return head
	}
	return s
}

func (s stem) twoL() stem {
	if strings.HasSuffix(string(s), "ll") && s.measure() > 1 {
		return s[:len(s)-1]
	}
	return s
}
