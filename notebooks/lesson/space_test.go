package lesson

import (
	"image"
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

var someVectors = [][]float32{{0, 0}, {3, 4}, {3, 3}, {-1, 0}}

func TestNearest(t *testing.T) {
	if d := Distance(someVectors[0], someVectors[1]); d != 5 {
		t.Errorf("(0, 0) and (3, 4) are 5 apart, found %g", d)
	}
	if got := Nearest(someVectors, 0, 2); !slices.Equal(got, []int{3, 2}) {
		t.Errorf("nearest to (0, 0): expected 3 and 2, found %v", got)
	}
	if got := NearestToEach(someVectors); !slices.Equal(got, []int{3, 2, 1, 0}) {
		t.Errorf("nearest to each: found %v", got)
	}
	for i, nearest := range NearestToEach(someVectors) {
		if one := Nearest(someVectors, i, 1)[0]; one != nearest {
			t.Errorf("vector %d: two ways to find the nearest find %d and %d", i, one, nearest)
		}
	}
	// Vector 0 stays within its neighbour's distance of 1, vector 1 goes farther away than that.
	moved := [][]float32{{0.5, 0}, {3, 6}, {3, 3}, {-1, 0}}
	if share := Overtaken(someVectors, moved); share.Value != 0.25 || share.N != 4 {
		t.Errorf("one of four is overtaken, found %+v", share)
	}
}

func TestMoved(t *testing.T) {
	picture := image.NewRGBA(image.Rect(0, 0, 3, 1))
	for x := range 3 {
		picture.Set(x, 0, color.RGBA{R: uint8(x), A: 255})
	}
	moved := Moved(picture, 2)
	for x, want := range []uint32{1, 2, 0} {
		if r, _, _, _ := moved.At(x, 0).RGBA(); r>>8 != want {
			t.Errorf("pixel %d is %d, expected %d", x, r>>8, want)
		}
	}
}

func TestAlike(t *testing.T) {
	var examples []datasets.Example
	for _, colour := range []string{"red", "red", "blue", ""} {
		examples = append(examples, datasets.Example{Attributes: map[string]string{"colour": colour}})
	}
	p := &Pairs{Embedded: &evaluate.Embedded{Examples: examples}}
	alike, chance := p.Alike([]int{1, 0, 1, 2}, "colour")
	if alike.N != 3 || math.Abs(alike.Value-2./3) > 1e-12 {
		t.Errorf("two of three are alike, found %+v", alike)
	}
	if want := 2. / 3 * 1 / 3; math.Abs(chance-want) > 1e-12 {
		t.Errorf("chance is %g, expected %g", chance, want)
	}
}

func TestPairCosines(t *testing.T) {
	p := &Pairs{Embedded: &evaluate.Embedded{Images: [][]float32{{1, 0}, {0, 1}}, Texts: [][]float32{{1, 0}, {0.6, 0.8}}}}
	own, others := p.PairCosines()
	if math.Abs(own-0.9) > 1e-6 || math.Abs(others-0.3) > 1e-6 {
		t.Errorf("expected 0.9 and 0.3, found %g and %g", own, others)
	}
}

// A caption's claims are held against a scene whose truth is known.
func TestClaims(t *testing.T) {
	cfg := scenes.Pairs()
	cfg.Count = 200
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	things := map[string]int{}
	for i := range cfg.Count {
		scene := set.Scene(i)
		for _, caption := range scene.Captions() { // which are true
			for _, claim := range Claims(scene, words(caption)) {
				if !claim.True {
					t.Fatalf("%q of %q is said to be false", claim.Text, caption)
				}
				things[claim.Kind]++
			}
		}
		a, b := scene.Objects[0], scene.Objects[1]
		if a.Colour == b.Colour || a.Shape == b.Shape {
			continue
		}
		swapped := string(a.Colour) + " " + string(b.Shape) // colour and shape are there, in different objects
		claims := Claims(scene, words("a "+swapped))
		if len(claims) != 3 || !claims[0].True || !claims[1].True || claims[2].True {
			t.Fatalf("a %s in a scene of %s %s and %s %s: %+v", swapped, a.Colour, a.Shape, b.Colour, b.Shape, claims)
		}
	}
	for _, kind := range ClaimKinds() {
		if things[kind] < cfg.Count {
			t.Errorf("expected claims of the kind %s in most captions, found %d in %d scenes", kind, things[kind], cfg.Count)
		}
	}
	told := &Told{Scenes: []scenes.Scene{set.Scene(0)}, Captions: described("a zebra")}
	if share := told.True("colour", 0); share.N != 0 || len(told.False(0)) != 0 {
		t.Errorf("nothing is claimed, found %+v and %q", share, told.False(0))
	}
}

func TestSlip(t *testing.T) {
	const caption = "a red circle above a ring"
	slipped := Slip(caption)
	if first := string(scenes.Shapes()[1]); slipped != "a red "+first+" above a ring" || Slip("a shape") != "a shape" {
		t.Errorf("a slip made %q of %q", slipped, caption)
	}
}

func TestDistinct(t *testing.T) {
	told := &Told{Captions: described("a ring", "a star", "a ring")}
	if n := told.Distinct(); n != 2 {
		t.Errorf("two of three captions are different, found %d", n)
	}
}

func words(caption string) []string { return strings.Fields(caption) }

func described(captions ...string) (all []captioner.Described) {
	for _, caption := range captions {
		all = append(all, captioner.Described{Words: words(caption)})
	}
	return all
}
