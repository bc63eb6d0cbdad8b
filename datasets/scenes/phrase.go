package scenes

import "strings"

// phrase names one object, or a number of them: "a small red circle", "two striped stars", "a blue shape".
type phrase struct {
	count   int // 0 for "a"; 1..4 for a number
	size    Size
	texture Texture
	colour  Colour
	shape   Shape // empty for "shape"
}

// fits says whether all that the phrase says is true of the object.
func (p phrase) fits(o Object) bool {
	return (p.shape == "" || p.shape == o.Shape) &&
		(p.colour == "" || p.colour == o.Colour) &&
		(p.size == "" || p.size == o.Size) &&
		(p.texture == "" || p.texture == o.Texture)
}

// String is the phrase in words.
func (p phrase) String() string {
	words := p.bare()
	switch {
	case p.count > 0:
		return numbers[p.count] + " " + words
	case strings.HasPrefix(words, "o"): // orange is the only word of the grammar that asks for "an"
		return "an " + words
	}
	return "a " + words
}

// bare is the phrase without article or number.
func (p phrase) bare() string {
	var b strings.Builder
	b.Grow(32)
	for _, adjective := range [...]string{string(p.size), string(p.texture), string(p.colour)} {
		if adjective != "" {
			b.WriteString(adjective)
			b.WriteByte(' ')
		}
	}
	if p.count > 1 {
		b.WriteString(plural(p.shape))
	} else {
		b.WriteString(singular(p.shape))
	}
	return b.String()
}

// How a caption begins.
type opening uint8

const (
	noOpening opening = iota
	thereIs
	aPictureOf
)

// statement is a caption taken apart: a list of phrases, or two phrases with a place between them.
type statement struct {
	opening opening
	groups  []phrase
	place   Place // empty in a list
	verb    bool  // "is left of" rather than "left of"
	toThe   bool  // "to the left of" rather than "left of"
}

// String is the caption.
func (st statement) String() string {
	var b strings.Builder
	b.Grow(96)
	verb := "is"
	if st.groups[0].count > 1 {
		verb = "are"
	}
	switch st.opening {
	case thereIs:
		b.WriteString("there " + verb + " ")
	case aPictureOf:
		b.WriteString("a picture of ")
	}
	b.WriteString(st.groups[0].String())
	if st.place != "" {
		b.WriteByte(' ')
		if st.verb {
			b.WriteString(verb + " ")
		}
		if st.toThe {
			b.WriteString("to the ")
		}
		b.WriteString(string(st.place) + " " + st.groups[1].String())
		return b.String()
	}
	for i, p := range st.groups[1:] {
		if i == len(st.groups)-2 {
			b.WriteString(" and ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(p.String())
	}
	return b.String()
}
