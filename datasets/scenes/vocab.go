package scenes

import (
	"image/color"
	"slices"
)

// Shape is what an object is. The empty Shape means "not said" and never belongs to an object.
type Shape string

// The six shapes. They differ in outline alone and can be told apart at a dozen pixels.
const (
	Circle   Shape = "circle"
	Square   Shape = "square"
	Triangle Shape = "triangle"
	Star     Shape = "star"
	Cross    Shape = "cross"
	Ring     Shape = "ring"
)

// Colour is the name of an object's colour. The empty Colour means "not said".
type Colour string

// The eight colours, all of them strong; backgrounds are all close to grey.
const (
	Red    Colour = "red"
	Orange Colour = "orange"
	Yellow Colour = "yellow"
	Green  Colour = "green"
	Cyan   Colour = "cyan"
	Blue   Colour = "blue"
	Purple Colour = "purple"
	Pink   Colour = "pink"
)

// Size says whether an object is small or large. No size in between is ever drawn: the radius of a large
// object is at least 1.4 times that of a small one. The empty Size means "not said".
type Size string

// The two sizes.
const (
	Small Size = "small"
	Large Size = "large"
)

// Texture is the pattern on an object: one colour, bands or spots. Bands and spots are near white on dark
// colours and near black on light ones. The empty Texture means "not said".
type Texture string

// The three textures.
const (
	Plain   Texture = "plain"
	Striped Texture = "striped"
	Dotted  Texture = "dotted"
)

// Place is where one object lies as seen from another.
type Place string

// The four places. They say nothing about distance; see [Scene.Related] for what each of them means in pixels.
const (
	LeftOf  Place = "left of"
	RightOf Place = "right of"
	Above   Place = "above"
	Below   Place = "below"
)

var (
	shapes   = [...]Shape{Circle, Square, Triangle, Star, Cross, Ring}
	sizes    = [...]Size{Small, Large}
	textures = [...]Texture{Plain, Striped, Dotted}
	places   = [...]Place{LeftOf, RightOf, Above, Below}
	numbers  = [...]string{"zero", "one", "two", "three", "four"}
)

// palette gives each colour its middle value, whether its pattern is light or dark, and the one shape that is
// never drawn in it for training. Every shape appears in the last column, so each is held out in one or two
// colours and seen in at least six.
var palette = [...]struct {
	name     Colour
	rgb      rgb
	lightInk bool
	heldOut  Shape
}{
	{Red, rgb{215, 25, 30}, true, Cross},
	{Orange, rgb{252, 138, 12}, false, Circle},
	{Yellow, rgb{250, 225, 35}, false, Square},
	{Green, rgb{20, 150, 45}, true, Triangle},
	{Cyan, rgb{25, 205, 225}, false, Star},
	{Blue, rgb{25, 60, 215}, true, Ring},
	{Purple, rgb{125, 20, 175}, true, Square},
	{Pink, rgb{255, 115, 190}, false, Circle},
}

// Shapes lists the shapes in their fixed order.
func Shapes() []Shape { return slices.Clone(shapes[:]) }

// Colours lists the colours in their fixed order.
func Colours() []Colour {
	names := make([]Colour, len(palette))
	for i, p := range palette {
		names[i] = p.name
	}
	return names
}

// RGBA implements [image/color.Color]: the middle value of the colour, which objects vary around; black for what is none of the eight.
func (c Colour) RGBA() (r, g, b, a uint32) {
	var middle color.RGBA
	for _, p := range palette {
		if p.name == c {
			middle = color.RGBA{R: uint8(p.rgb[0]), G: uint8(p.rgb[1]), B: uint8(p.rgb[2])}
		}
	}
	middle.A = 255
	return middle.RGBA()
}

// Class is the label of a scene with one object, such as "red circle".
func Class(colour Colour, shape Shape) string { return string(colour) + " " + string(shape) }

// Classes lists all 48 labels, colour by colour, in a fixed order: the classes of a zero-shot test.
func Classes() []string {
	var labels []string
	for _, p := range palette {
		for _, shape := range shapes {
			labels = append(labels, Class(p.name, shape))
		}
	}
	return labels
}

// HeldOut says whether the pair is kept out of the splits Train and Test: 8 of the 48 pairs, one for each colour.
func HeldOut(colour Colour, shape Shape) bool {
	for _, p := range palette {
		if p.name == colour {
			return p.heldOut == shape
		}
	}
	return false
}

// Words lists every word and mark a caption may hold, sorted: the vocabulary of a captioner. Model-written
// captions made of these words are what [Scene.True] can judge.
func Words() []string {
	words := []string{
		",", "a", "an", "and", "are", "is", "of", "picture", "shape", "shapes", "the", "there", "to",
		"left", "right", "above", "below",
	}
	words = append(words, numbers[1:]...)
	for _, p := range palette {
		words = append(words, string(p.name))
	}
	for _, s := range shapes {
		words = append(words, string(s), plural(s))
	}
	for _, s := range sizes {
		words = append(words, string(s))
	}
	for _, t := range textures {
		words = append(words, string(t))
	}
	slices.Sort(words)
	return words
}

// singular is the shape's name; that of no shape in particular is "shape".
func singular(s Shape) string {
	if s == "" {
		return "shape"
	}
	return string(s)
}

// plural is the shape's plural; that of no shape in particular is "shapes".
func plural(s Shape) string {
	switch s {
	case "":
		return "shapes"
	case Cross:
		return "crosses"
	}
	return string(s) + "s"
}
