package scenes

import (
	"fmt"
	"strings"
)

// parse takes a caption apart. Capitals, the spaces around commas and a full stop at the end do not matter.
func parse(caption string) (statement, error) {
	st, _, err := parseWords(caption)
	return st, err
}

// parseWords is parse, and says which words each phrase is made of: the number of its first, and of the one after its last.
func parseWords(caption string) (statement, [][2]int, error) {
	p := parser{words: WordsOf(caption), caption: caption}
	st, ok := p.statement()
	if ok && p.at < len(p.words) {
		ok = p.fail("the end of the caption")
	}
	if !ok {
		return statement{}, nil, p.err
	}
	return st, p.spans, nil
}

// parser reads words from left to right and never goes back.
type parser struct {
	words   []string
	at      int // the next word
	caption string
	spans   [][2]int // of the phrases so far
	err     error
}

// word is the next word, empty at the end.
func (p *parser) word() string {
	if p.at < len(p.words) {
		return p.words[p.at]
	}
	return ""
}

// take reads the words if they come next, all of them.
func (p *parser) take(words ...string) bool {
	if len(p.words)-p.at < len(words) {
		return false
	}
	for i, w := range words {
		if p.words[p.at+i] != w {
			return false
		}
	}
	p.at += len(words)
	return true
}

// fail notes the first mistake and gives false.
func (p *parser) fail(expected string) bool {
	if p.err != nil {
		return false
	}
	found := "found the end"
	if p.at < len(p.words) {
		found = fmt.Sprintf("found %q", short(p.word()))
	}
	p.err = fmt.Errorf("scenes: the caption %q is outside the grammar: expected %s as word %d but %s; the package documentation of scenes has the grammar",
		short(p.caption), expected, p.at+1, found)
	return false
}

// short keeps an error readable when a model has run on.
func short(text string) string {
	const most = 100
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}

// statement = [opening] group {separator group} | [opening] group place group | group verb place group.
func (p *parser) statement() (st statement, ok bool) {
	switch {
	case p.take("there", "is"), p.take("there", "are"):
		st.opening = thereIs
	case p.take("a", "picture", "of"):
		st.opening = aPictureOf
	}
	first, ok := p.group()
	if !ok {
		return st, false
	}
	st.groups = []phrase{first}
	st.verb = st.opening == noOpening && (p.take("is") || p.take("are"))
	if st.place, st.toThe = p.place(); st.place != "" {
		second, ok := p.group()
		st.groups = append(st.groups, second)
		return st, ok
	}
	if st.verb {
		return st, p.fail(`"left of", "right of", "above" or "below"`)
	}
	for p.separator() {
		next, ok := p.group()
		if !ok {
			return st, false
		}
		st.groups = append(st.groups, next)
	}
	return st, true
}

// separator = "," | "and" | "," "and".
func (p *parser) separator() bool {
	comma := p.take(",")
	return p.take("and") || comma
}

// place = ["to" "the"] ("left" | "right") "of" | "above" | "below"; empty when none comes next.
func (p *parser) place() (place Place, toThe bool) {
	for _, side := range [...]Place{LeftOf, RightOf} {
		words := strings.Fields(string(side))
		if p.take(words...) {
			return side, false
		}
		if p.take(append([]string{"to", "the"}, words...)...) {
			return side, true
		}
	}
	for _, side := range [...]Place{Above, Below} {
		if p.take(string(side)) {
			return side, false
		}
	}
	return "", false
}

// group = (article | number) [size] [texture] [colour] noun.
func (p *parser) group() (g phrase, ok bool) {
	from := p.at
	defer func() { p.spans = append(p.spans, [2]int{from, p.at}) }()
	if !p.take("a") && !p.take("an") {
		for n, name := range numbers {
			if n > 0 && p.take(name) {
				g.count = n
				break
			}
		}
		if g.count == 0 {
			return g, p.fail(`"a", "an" or a number from "one" to "four"`)
		}
	}
	for _, s := range sizes {
		if p.take(string(s)) {
			g.size = s
			break
		}
	}
	for _, t := range textures {
		if p.take(string(t)) {
			g.texture = t
			break
		}
	}
	for _, c := range palette {
		if p.take(string(c.name)) {
			g.colour = c.name
			break
		}
	}
	g.shape, ok = p.noun(g.count > 1)
	return g, ok
}

// noun = a shape or "shape", in the plural after a number above one.
func (p *parser) noun(many bool) (s Shape, ok bool) {
	form, number, example := singular, "singular", "circle"
	if many {
		form, number, example = plural, "plural", "circles"
	}
	if p.take(form("")) {
		return "", true
	}
	for _, s := range shapes {
		if p.take(form(s)) {
			return s, true
		}
	}
	return "", p.fail(fmt.Sprintf("a shape in the %s, such as %q (adjectives come in the order size, texture, colour),",
		number, example))
}
