package composition

import (
	"fmt"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// Test is a way in which a caption is made wrong.
type Test string

// The tests. The caption that is right is "a COLOUR SHAPE left of a COLOUR SHAPE", or right of, above, below.
const (
	Attribute Test = "another colour"        // one object has a colour that nothing in the scene has
	Noun      Test = "another shape"         // one object has a shape that nothing in the scene has
	Binding   Test = "colours exchanged"     // the same words, the colours at the other objects
	Order     Test = "objects exchanged"     // the same words, the objects in the other order: "a red circle left of a blue square" against its swap
	Relation  Test = "the opposite relation" // right in the place of left, above in that of below
)

// Tests lists them, those that words alone can pass first.
func Tests() []Test { return []Test{Attribute, Noun, Binding, Order, Relation} }

// Choice is a scene with a right caption and a wrong one.
type Choice struct {
	Scene        scenes.Scene
	Right, Wrong string
}

var opposite = map[scenes.Place]scenes.Place{scenes.LeftOf: scenes.RightOf, scenes.RightOf: scenes.LeftOf, scenes.Above: scenes.Below, scenes.Below: scenes.Above}

// choose makes up a choice for a scene of two objects, and false where the test does not fit it: where the two have one colour or one shape there
// is nothing to exchange, and what is wrong by design has to be false of the scene.
func choose(scene scenes.Scene, test Test, rng *rand.Rand) (Choice, bool) {
	relations := scene.Relations()
	if len(scene.Objects) != 2 || len(relations) == 0 {
		return Choice{}, false
	}
	r := relations[rng.IntN(len(relations))]
	a, b := scene.Objects[r.A], scene.Objects[r.B]
	if unseen := scenes.HeldOut(a.Colour, a.Shape) || scenes.HeldOut(b.Colour, b.Shape); unseen && !scenes.HeldOut(a.Colour, a.Shape) {
		return Choice{}, false // what is changed has to be what is new
	}
	c := Choice{Scene: scene, Right: say(a.Colour, a.Shape, r.Place, b.Colour, b.Shape)}
	switch test {
	case Attribute:
		colour := scenes.Colours()[rng.IntN(len(scenes.Colours()))]
		if colour == a.Colour || colour == b.Colour || scenes.HeldOut(colour, a.Shape) {
			return c, false
		}
		c.Wrong = say(colour, a.Shape, r.Place, b.Colour, b.Shape)
	case Noun:
		shape := scenes.Shapes()[rng.IntN(len(scenes.Shapes()))]
		if shape == a.Shape || shape == b.Shape || scenes.HeldOut(a.Colour, shape) {
			return c, false
		}
		c.Wrong = say(a.Colour, shape, r.Place, b.Colour, b.Shape)
	case Binding:
		if scenes.HeldOut(b.Colour, a.Shape) || scenes.HeldOut(a.Colour, b.Shape) {
			return c, false
		}
		c.Wrong = say(b.Colour, a.Shape, r.Place, a.Colour, b.Shape)
	case Order:
		c.Wrong = say(b.Colour, b.Shape, r.Place, a.Colour, a.Shape)
	case Relation:
		c.Wrong = say(a.Colour, a.Shape, opposite[r.Place], b.Colour, b.Shape)
	}
	for caption, want := range map[string]bool{c.Right: true, c.Wrong: false} {
		if is, err := scene.True(caption); err != nil || is != want {
			return c, false
		}
	}
	return c, true
}

func say(colourA scenes.Colour, shapeA scenes.Shape, place scenes.Place, colourB scenes.Colour, shapeB scenes.Shape) string {
	article := func(word scenes.Colour) string {
		if word == scenes.Orange {
			return "an"
		}
		return "a"
	}
	return fmt.Sprintf("%s %s %s %s %s %s %s", article(colourA), colourA, shapeA, place, article(colourB), colourB, shapeB)
}

// Choices are n choices of scenes that are drawn as cfg says, such as [scenes.Pairs].
func Choices(cfg scenes.Config, test Test, n int) (all []Choice, err error) {
	cfg.Count = 50 * n
	set, err := scenes.New(cfg)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 5))
	for i := 0; i < set.Len() && len(all) < n; i++ {
		if c, ok := choose(set.Scene(i), test, rng); ok {
			all = append(all, c)
		}
	}
	if len(all) < n {
		return nil, fmt.Errorf("expected %d scenes for the test %q, found %d", n, test, len(all))
	}
	return all, nil
}
