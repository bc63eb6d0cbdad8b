package segmentation

import (
	"image"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// phrase is what is looked for: everything that has all of the attributes that are said.
type phrase struct {
	size   scenes.Size
	colour scenes.Colour
	shape  scenes.Shape
}

// The kinds of phrases, by what they say.
const (
	byColour = "colour"
	byShape  = "shape"
	bySize   = "size"
	byPair   = "colour and shape"
	byAll    = "size, colour and shape"
)

func kinds() []string { return []string{byColour, byShape, bySize, byPair, byAll} }

// of is the phrase of a kind that fits an object.
func of(o scenes.Object, kind string) (p phrase) {
	if kind == bySize || kind == byAll {
		p.size = o.Size
	}
	if kind == byColour || kind == byPair || kind == byAll {
		p.colour = o.Colour
	}
	if kind == byShape || kind == byPair || kind == byAll {
		p.shape = o.Shape
	}
	return p
}

// kind is what the phrase says.
func (p phrase) kind() string {
	switch {
	case p.size != "" && p.colour != "":
		return byAll
	case p.size != "":
		return bySize
	case p.colour != "" && p.shape != "":
		return byPair
	case p.colour != "":
		return byColour
	}
	return byShape
}

// fits says whether an object is what the phrase says.
func (p phrase) fits(o scenes.Object) bool {
	return (p.size == "" || p.size == o.Size) && (p.colour == "" || p.colour == o.Colour) && (p.shape == "" || p.shape == o.Shape)
}

// in is how many objects of a scene are what the phrase says.
func (p phrase) in(s scenes.Scene) (n int) {
	for _, o := range s.Objects {
		if p.fits(o) {
			n++
		}
	}
	return n
}

// heldOut says whether the phrase names a pair of colour and shape that training never has.
func (p phrase) heldOut() bool { return p.shape != "" && scenes.HeldOut(p.colour, p.shape) }

// truth is the pixels in sight of all that the phrase fits.
func (p phrase) truth(s scenes.Scene) *image.Alpha {
	all := image.NewAlpha(image.Rect(0, 0, s.Side, s.Side))
	for k, o := range s.Objects {
		if !p.fits(o) {
			continue
		}
		for i, v := range s.Mask(k).Pix {
			all.Pix[i] |= v
		}
	}
	return all
}

// String is the wording with which the phrase is tested.
func (p phrase) String() string { return p.wordings()[0] }

// wordings are the ways in which the phrase is put in training; the paper, too, puts phrases into several prompts.
func (p phrase) wordings() []string {
	words := func(noun string) string {
		var list []string
		for _, w := range []string{string(p.size), string(p.colour), noun} {
			if w != "" {
				list = append(list, w)
			}
		}
		return strings.Join(list, " ")
	}
	noun := string(p.shape)
	if noun == "" {
		noun = "shape"
	}
	one, many := words(noun), words(plural(noun))
	article := "a "
	if strings.HasPrefix(one, "o") {
		article = "an "
	}
	switch p.kind() {
	case byColour, bySize:
		return []string{"something " + words(""), article + one, "the " + many, article + "picture of " + article + one}
	case byShape:
		return []string{"the " + many, article + one, "the " + one, "a picture of " + article + one}
	}
	return []string{"the " + one, article + one, "the " + many, "a picture of " + article + one}
}

func plural(noun string) string {
	if strings.HasSuffix(noun, "s") {
		return noun + "es"
	}
	return noun + "s"
}

// every lists all phrases there are.
func every() (all []phrase) {
	for _, kind := range kinds() {
		for _, size := range []scenes.Size{scenes.Small, scenes.Large} {
			for _, colour := range scenes.Colours() {
				for _, shape := range scenes.Shapes() {
					if p := of(scenes.Object{Size: size, Colour: colour, Shape: shape}, kind); !slices.Contains(all, p) {
						all = append(all, p)
					}
				}
			}
		}
	}
	return all
}

// absent draws a phrase of a kind that nothing in a scene fits and that names no held-out pair, and says whether it found one. It joins the colour of
// one object and the shape of another, and changes one thing besides in three of four tries: whoever sees what is there and not how it goes together
// marks something.
func absent(s scenes.Scene, kind string, rng *rand.Rand) (phrase, bool) {
	for range 30 {
		a, b := s.Objects[rng.IntN(len(s.Objects))], s.Objects[rng.IntN(len(s.Objects))]
		o := scenes.Object{Size: a.Size, Colour: a.Colour, Shape: b.Shape}
		switch rng.IntN(4) {
		case 0:
			o.Colour = scenes.Colours()[rng.IntN(len(scenes.Colours()))]
		case 1:
			o.Shape = scenes.Shapes()[rng.IntN(len(scenes.Shapes()))]
		case 2:
			o.Size = map[scenes.Size]scenes.Size{scenes.Small: scenes.Large, scenes.Large: scenes.Small}[a.Size]
		}
		if p := of(o, kind); p.in(s) == 0 && !p.heldOut() {
			return p, true
		}
	}
	return phrase{}, false
}
