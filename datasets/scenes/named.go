package scenes

import "strings"

// WordsOf cuts a caption into the words that [Scene.True] reads: in lower case, a comma being one of its own, without a full
// stop at the end.
func WordsOf(caption string) []string {
	text := strings.TrimSuffix(strings.TrimSpace(strings.ToLower(caption)), ".")
	return strings.Fields(strings.ReplaceAll(text, ",", " , "))
}

// Named is a part of a caption that names an object, or several: "two small red circles".
type Named struct {
	Noun       int   // the number of the noun among [WordsOf] the caption
	Adjectives []int // likewise of size, texture and colour, those that are said
	Count      int   // how many objects it speaks of: 1 for "a"
	// Objects may be what it means: those it stands for in at least one way of giving objects to all parts of the caption
	// that makes the caption true. In a caption that is false they are the objects that this part by itself fits, and there
	// may be none.
	Objects []int
}

// Named lists what a caption names, in the order of its words. A caption outside the grammar is an error, as in
// [Scene.True].
//
// Where a part fits several objects, all that it may mean count: of two red circles either is "a red circle". The rest of
// the caption may rule some out: in "a red circle left of a red circle" the first is not the one on the right.
func (s Scene) Named(caption string) ([]Named, error) {
	st, spans, err := parseWords(caption)
	if err != nil {
		return nil, err
	}
	meant := s.meant(st)
	var list []Named
	for i, p := range st.groups {
		from, to := spans[i][0], spans[i][1]
		n := Named{Noun: to - 1, Count: max(p.count, 1)}
		for word := from + 1; word < to-1; word++ {
			n.Adjectives = append(n.Adjectives, word)
		}
		for k, o := range s.Objects {
			if meant == nil && p.fits(o) || meant != nil && meant[i]>>k&1 == 1 {
				n.Objects = append(n.Objects, k)
			}
		}
		list = append(list, n)
	}
	return list, nil
}

// meant is, for each phrase, all objects that it stands for in some assignment that makes the statement true; nil if there
// is none.
func (s Scene) meant(st statement) []set {
	var meant []set
	s.assign(st, nil, 0, func(given []set) bool {
		if meant == nil {
			meant = make([]set, len(given))
		}
		for i, objects := range given {
			meant[i] |= objects
		}
		return false // look on
	})
	return meant
}

// Mistake is what is wrong with a caption.
type Mistake string

// The mistakes. Each but the last two is the one thing that the caption would be true without.
const (
	NoMistake       Mistake = ""         // it is true
	WrongPlace      Mistake = "place"    // the objects are there and lie otherwise
	WrongNumber     Mistake = "number"   // "two red circles" where there are one or three
	WrongColour     Mistake = "colour"   //
	WrongShape      Mistake = "shape"    //
	WrongPair       Mistake = "pair"     // colour and shape are there, in different objects: either left out would do
	WrongSize       Mistake = "size"     //
	WrongTexture    Mistake = "texture"  //
	WrongMoreThings Mistake = "several"  // nothing left out by itself would do
	NotParsed       Mistake = "no parse" // outside the grammar, so neither true nor false
)

// Mistakes lists all kinds in their fixed order.
func Mistakes() []Mistake {
	return []Mistake{WrongPlace, WrongNumber, WrongPair, WrongColour, WrongShape, WrongSize, WrongTexture, WrongMoreThings, NotParsed}
}

// Mistake says what is wrong with a caption of the scene: it leaves one kind of statement out of all parts of the caption,
// and names the first, in the order of [Mistakes], without which the caption is true.
func (s Scene) Mistake(caption string) Mistake {
	st, err := parse(caption)
	if err != nil {
		return NotParsed
	}
	without := func(leave func(*phrase)) bool {
		less := st
		less.groups = append([]phrase(nil), st.groups...)
		for i := range less.groups {
			leave(&less.groups[i])
		}
		return s.holds(less)
	}
	placeless := st
	placeless.place = ""
	colourless, shapeless := without(func(p *phrase) { p.colour = "" }), without(func(p *phrase) { p.shape = "" })
	switch {
	case s.holds(st):
		return NoMistake
	case s.holds(placeless):
		return WrongPlace
	case without(func(p *phrase) { p.count = 0 }):
		return WrongNumber
	case colourless && shapeless:
		return WrongPair
	case colourless:
		return WrongColour
	case shapeless:
		return WrongShape
	case without(func(p *phrase) { p.size = "" }):
		return WrongSize
	case without(func(p *phrase) { p.texture = "" }):
		return WrongTexture
	}
	return WrongMoreThings
}
