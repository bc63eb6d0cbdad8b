package segmentation

import (
	"image"
	"math/rand/v2"
	"slices"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
)

// test is scenes with phrases about each.
type test struct {
	split scenes.Split
	asked []asked
}

// asked is a scene with what is asked for in it.
type asked struct {
	scene    scenes.Scene
	pixels   []float32
	phrases  []phrase    // those that something fits come first
	truths   [][]float32 // of each phrase: 1 in the mask, 0 outside it
	examples [][]float32 // of each phrase of colour and shape the embedding of an example picture, else nil
	first    image.Image // the first of the examples
}

// The scenes to test with and to choose thresholds on begin with seeds of their own.
const (
	testSeed = 7_000_031
	devSeed  = 6_000_031
)

// newTest draws a test of n scenes.
func newTest(env *experiments.Env, cfg Config, m *segmenting.Model, split scenes.Split, seed uint64, n int) (t test, err error) {
	set, err := cfg.CLIP.Scenes(split, seed, n)
	if err != nil {
		return t, err
	}
	examples, err := newBank(cfg, split, seed+otherScenes)
	if err != nil {
		return t, err
	}
	t.split = split
	for i := range n {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		a := asked{scene: set.Scene(i)}
		if a.pixels, err = m.CLIP.Preprocess(a.scene.Image()); err != nil {
			return t, err
		}
		a.phrases = phrasesFor(a.scene, split, rng)
		for _, p := range a.phrases {
			a.truths = append(a.truths, zeroOne(p.truth(a.scene)))
		}
		if err := a.addExamples(env, m, examples, rng); err != nil {
			return t, err
		}
		t.asked = append(t.asked, a)
	}
	return t, nil
}

// phrasesFor are the phrases that are tested on a scene. In one of the split test every object is asked for in every way, and for each kind of phrase something that is
// not there; in one of the split unseen the objects of a pair that is never in training.
func phrasesFor(scene scenes.Scene, split scenes.Split, rng *rand.Rand) (list []phrase) {
	for _, kind := range []string{byPair, byColour, byShape, bySize, byAll} {
		for _, o := range scene.Objects {
			if p := of(o, kind); !slices.Contains(list, p) && (split != scenes.Unseen || scenes.HeldOut(o.Colour, o.Shape)) {
				list = append(list, p)
			}
		}
	}
	for _, kind := range kinds() {
		if p, ok := absent(scene, kind, rng); ok && split != scenes.Unseen {
			list = append(list, p)
		}
	}
	return list
}

// addExamples embeds an example picture for each phrase of colour and shape.
func (a *asked) addExamples(env *experiments.Env, m *segmenting.Model, from *bank, rng *rand.Rand) error {
	a.examples = make([][]float32, len(a.phrases))
	var pictures []image.Image
	var at []int
	for k, p := range a.phrases {
		if p.kind() != byPair {
			continue
		}
		picture, err := from.draw(p, rng)
		if err != nil {
			return err
		}
		pictures, at = append(pictures, picture), append(at, k)
	}
	a.first = pictures[0]
	found, err := m.Examples(env.Backend.Backend, pictures)
	for i, e := range found {
		a.examples[at[i]] = e
	}
	return err
}

func zeroOne(mask *image.Alpha) (values []float32) {
	for _, v := range mask.Pix {
		values = append(values, float32(v)/255)
	}
	return values
}
