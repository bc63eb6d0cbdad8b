package judge

import (
	"fmt"
	"image"
	"math/rand/v2"
	"slices"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// Picture is a scene of one large plain object, from which windows of half its side are cut.
type Picture struct {
	Label Label
	Scene scenes.Scene

	image *image.RGBA // 2 side x 2 side
	side  int
}

// Label is what the object is, as places in [scenes.Colours] and [scenes.Shapes].
type Label struct{ Colour, Shape int }

// Labels are the pairs of colour and shape, in an order in which those beside each other have little in common.
func Labels() (all []Label) {
	shapes, n := len(scenes.Shapes()), len(scenes.Classes())
	for i := range n {
		k := i * 7 % n // 7 has no divisor in common with the 48
		all = append(all, Label{k / shapes, k % shapes})
	}
	return all
}

// String is the pair, such as "red circle".
func (l Label) String() string {
	return scenes.Class(scenes.Colours()[l.Colour], scenes.Shapes()[l.Shape])
}

// Prompt is the sentence that asks for it.
func (l Label) Prompt() string {
	if scenes.Colours()[l.Colour] == scenes.Orange {
		return "an " + l.String()
	}
	return "a " + l.String()
}

// HeldOut says whether the pair is never seen in training.
func (l Label) HeldOut() bool {
	return scenes.HeldOut(scenes.Colours()[l.Colour], scenes.Shapes()[l.Shape])
}

// Draw draws count pictures of a split for windows of side pixels. Scenes are drawn at twice the side; only large objects without a texture are
// taken, of which a window shows all and which can be told apart at 16 pixels.
func Draw(side int, split scenes.Split, seed uint64, count int) ([]Picture, error) {
	cfg := scenes.Single()
	cfg.Size, cfg.MinObjects, cfg.Split, cfg.Seed, cfg.Count, cfg.Phrasing = 2*side, 1, split, seed, 60*count+600, scenes.SayOne
	set, err := scenes.New(cfg)
	if err != nil {
		return nil, err
	}
	var all []Picture
	for i := 0; i < set.Len() && len(all) < count; i++ {
		s := set.Scene(i)
		o := s.Objects[0]
		if o.Size != scenes.Large || o.Texture != scenes.Plain {
			continue
		}
		label := Label{slices.Index(scenes.Colours(), o.Colour), slices.Index(scenes.Shapes(), o.Shape)}
		all = append(all, Picture{label, s, s.Image(), side})
	}
	if len(all) < count {
		return nil, fmt.Errorf("expected %d scenes of a large plain object among %d, found %d", count, set.Len(), len(all))
	}
	return all, nil
}

// Window cuts a window [side, side, 3] at random that shows the whole object: values in -1..1.
func (p Picture) Window(rng *rand.Rand) []float32 {
	box := p.Scene.Objects[0].Full
	x, y := p.corner(rng, box.Min.X, box.Max.X), p.corner(rng, box.Min.Y, box.Max.Y)
	values := make([]float32, 0, 3*p.side*p.side)
	for row := range p.side {
		at := p.image.PixOffset(x, y+row)
		for col := range p.side {
			for c := range 3 {
				values = append(values, float32(p.image.Pix[at+4*col+c])/127.5-1)
			}
		}
	}
	return values
}

// corner is where a window begins that holds the pixels from..to-1 of an axis.
func (p Picture) corner(rng *rand.Rand, from, to int) int {
	low, high := max(to-p.side, 0), min(from, p.side)
	return low + rng.IntN(max(high-low, 0)+1)
}

// Pixels are values [side, side, 3] in -1..1 as a picture; what lies beyond is cut off.
func Pixels(values []float32, side int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		for c := range 3 {
			img.Pix[4*i+c] = uint8(min(max((values[3*i+c]+1)*127.5+0.5, 0), 255))
		}
		img.Pix[4*i+3] = 255
	}
	return img
}
