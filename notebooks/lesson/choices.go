package lesson

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/lesson/composition"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Asked is what two captions of a choice differ in.
type Asked string

// What a choice among captions of several objects asks.
const (
	AskColour Asked = "colour" // "a red circle" against "a blue circle", where nothing is blue
	AskShape  Asked = "shape"  // "a red circle" against "a red star", where nothing is a star
	AskNumber Asked = "number" // "three shapes" against "two shapes"
)

// SeveralChoices are n new scenes of two to four objects with a right caption and a wrong one.
func SeveralChoices(asked Asked, n int) (all []composition.Choice) {
	set := Try(scenes.New(scenes.Config{MinObjects: 2, Split: scenes.Test, Seed: 77, Count: 20 * n}))
	rng := rand.New(rand.NewPCG(77, uint64(len(asked))))
	for i := 0; i < set.Len() && len(all) < n; i++ {
		if c, ok := asked.choice(set.Scene(i), rng); ok {
			all = append(all, c)
		}
	}
	if len(all) < n {
		Check(fmt.Errorf("expected %d scenes to ask about the %s of, found %d", n, asked, len(all)))
	}
	return all
}

// choice makes up the captions, and false where by chance the wrong one is true as well.
func (a Asked) choice(scene scenes.Scene, rng *rand.Rand) (composition.Choice, bool) {
	o := scene.Objects[rng.IntN(len(scene.Objects))]
	c := composition.Choice{Scene: scene, Right: named(o.Colour, o.Shape)}
	absent := "" // what nothing in the scene may be
	switch a {
	case AskColour:
		other := scenes.Colours()[rng.IntN(len(scenes.Colours()))]
		c.Wrong, absent = named(other, o.Shape), named(other, "shape")
		if scenes.HeldOut(other, o.Shape) {
			return c, false
		}
	case AskShape:
		other := scenes.Shapes()[rng.IntN(len(scenes.Shapes()))]
		c.Wrong, absent = named(o.Colour, other), "a "+string(other)
		if scenes.HeldOut(o.Colour, other) {
			return c, false
		}
	case AskNumber:
		numbers := []string{"two shapes", "three shapes", "four shapes"}
		c.Right, c.Wrong = numbers[len(scene.Objects)-2], numbers[rng.IntN(len(numbers))]
		absent = c.Wrong
	}
	return c, Try(scene.True(c.Right)) && !Try(scene.True(absent))
}

func named(colour scenes.Colour, shape scenes.Shape) string {
	name := scenes.Class(colour, shape)
	if strings.HasPrefix(name, "o") {
		return "an " + name
	}
	return "a " + name
}

// Chosen is how often the right caption of a choice is nearer to its scene than the wrong one. Guessing is right in half of them.
func (c *TrainedCLIP) Chosen(choices []composition.Choice) stats.Proportion {
	var pixels [][]float32
	var rights, wrongs []string
	for _, choice := range choices {
		pixels = append(pixels, Try(c.Preprocess(choice.Scene.Image())))
		rights, wrongs = append(rights, choice.Right), append(wrongs, choice.Wrong)
	}
	b := c.Backend.Backend
	images, right, wrong := Try(c.EncodeImages(b, pixels)), Try(c.EncodeTexts(b, rights)), Try(c.EncodeTexts(b, wrongs))
	hits := 0
	for i, image := range images {
		if Dot(image, right[i]) > Dot(image, wrong[i]) {
			hits++
		}
	}
	return Share(hits, len(choices))
}

// Share is so many of n, with Wilson's interval at 95%.
func Share(hits, n int) stats.Proportion { return stats.NewProportion(hits, n) }

// One is 1 for true and 0 for false, to count with.
func One(b bool) int {
	if b {
		return 1
	}
	return 0
}

// UpDown says whether a sentence about two objects is about above and below, not left and right.
func UpDown(sentence string) bool {
	return strings.Contains(sentence, string(scenes.Above)) || strings.Contains(sentence, string(scenes.Below))
}
