package pointing

import (
	"image"
	"math"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// twoBoxes is a scene of 16 x 16 pixels: a red circle in a box of 4 x 4 pixels at the top left, a blue square in one of 6 x 4
// at the bottom right.
func twoBoxes() scenes.Scene {
	return scenes.Scene{Side: 16, Objects: []scenes.Object{
		{Shape: scenes.Circle, Colour: scenes.Red, Box: image.Rect(2, 2, 6, 6), Full: image.Rect(2, 2, 6, 6)},
		{Shape: scenes.Square, Colour: scenes.Blue, Box: image.Rect(10, 12, 16, 16), Full: image.Rect(10, 12, 16, 16)},
	}}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-9) {
		t.Errorf("%s: got %v, expected %v", what, got, want)
	}
}

// The circle's box reaches half of a cell of 4 pixels into each of four cells: a quarter of their area.
func TestCover(t *testing.T) {
	in := cover(twoBoxes(), []int{0}, 4)
	for i, want := range []float64{0.25, 0.25, 0, 0, 0.25, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} {
		near(t, "the circle's cells", in[i], want)
	}
	in = cover(twoBoxes(), []int{0, 1}, 4)
	near(t, "the square's cell", in[15], 1)
	near(t, "half of a cell of the square's", in[14], 0.5)
	near(t, "an even map", mean(in), (16.0+24)/256)
	for _, grid := range []int{1, 3, 5, 7, 16, 32} { // cells of whole pixels and of parts: the area stays what it is
		near(t, "area", mean(cover(twoBoxes(), []int{1}, grid)), 24.0/256)
	}
	for _, c := range cover(twoBoxes(), []int{0, 0}, 5) { // the same box twice is the same box
		if c > 1+1e-9 {
			t.Errorf("a cell is covered by %v", c)
		}
	}
}

func TestShareOfAHandMadeMap(t *testing.T) {
	in := cover(twoBoxes(), []int{1}, 4)
	m := make([]float64, 16)
	m[0], m[14], m[15] = 0.5, 0.25, 0.25
	near(t, "share", inBox(m, in), 0.25*0.5+0.25*1)
	m[0], m[14], m[15] = 2, 1, 1 // a map need not have the sum 1
	near(t, "share of a larger map", inBox(m, in), 0.375)
	near(t, "share of an empty map", inBox(make([]float64, 16), in), mean(in))
}

func TestHit(t *testing.T) {
	middle := centres(twoBoxes(), []int{1}, 4)
	m := make([]float64, 16)
	m[15] = 1
	near(t, "in the box", hit(m, middle), 1)
	m[0] = 1.1
	near(t, "out of the box", hit(m, middle), 0)
	m[0] = 1
	near(t, "two peaks", hit(m, middle), 0.5)
	near(t, "an even map", hit(make([]float64, 16), middle), 2.0/16) // the middles 10,14 and 14,14
	m[3], m[15] = 0.5, 3
	near(t, "the peak", peak(m)[15], 1)
	near(t, "beside the peak", peak(m)[3]+peak(m)[0], 0)
}

// said is a caption of twoBoxes with a map for each word and for the end.
func said(text string, maps ...[]float64) written {
	w := written{scene: twoBoxes(), grid: 4, words: scenes.WordsOf(text), maps: maps}
	w.mistake = w.scene.Mistake(text)
	w.named, _ = w.scene.Named(text)
	return w
}

func TestPointed(t *testing.T) {
	at := func(i int) []float64 {
		m := make([]float64, 16)
		m[i] = 1
		return m
	}
	even := make([]float64, 16)
	for i := range even {
		even[i] = 1.0 / 16
	}
	all := []written{
		said("a blue square", even, even, at(15), even),  // looks at the square
		said("a red circle", even, at(0), at(15), at(0)), // looks at the square as it says circle
		said("a pink star", even, at(0), at(0), at(0)),   // is not there
	}
	kinds := attentionMaps(captioning.AttentionSoft, all)
	p := pointed(all, kinds[0], nouns)
	if p.Words != 2 || p.Missing != 1 || p.Map != AttentionMap {
		t.Errorf("got %+v", p)
	}
	near(t, "share", p.Share.Value, (1+0)/2.0)
	near(t, "even share", p.Uniform.Value, (24.0/256+16.0/256)/2)
	near(t, "ratio", p.Ratio.Value, 1/(40.0/256))
	near(t, "elsewhere", p.Elsewhere.Value, 0.5)
	near(t, "hits", p.Hits.Value, 0.5)
	near(t, "chance", p.Chance.Value, (2.0/16+1.0/16)/2) // the circle's box ends at the middles of three cells, which do not count
	if !(p.Share.Low < p.Share.Value && p.Share.Value < p.Share.High) {
		t.Errorf("%v is not in its interval", p.Share)
	}
	a := pointed(all, kinds[0], adjectives)
	near(t, "share of adjectives", a.Share.Value, (24.0/256+0.25)/2)

	var s Scored
	s.point(all, kinds)
	near(t, "a step early", s.Early.Share.Value, (24.0/256+0.25)/2)
	near(t, "a step late", s.Late.Share.Value, (24.0/256+0.25)/2)

	// Hard attention looked at one place, whatever its weights were.
	tilted := append([]float64(nil), even...)
	tilted[15] += 0.01
	hard := []written{said("a blue square", even, even, tilted, even)}
	kinds = attentionMaps(captioning.AttentionHard, hard)
	near(t, "the place", pointed(hard, kinds[0], nouns).Share.Value, 1)
	if weights := pointed(hard, kinds[1], nouns); weights.Share.Value > 0.2 || weights.Map != AttentionMap {
		t.Errorf("the weights: %+v", weights)
	}
}

// Even attention has exactly the box's share of the picture, measured and not assumed.
func TestUniformAttentionIsTheBoxesArea(t *testing.T) {
	even := make([]float64, 16)
	for i := range even {
		even[i] = 1.0 / 16
	}
	all := []written{said("a blue square", even, even, even, even)}
	p := pointed(all, attentionMaps(captioning.AttentionUniform, all)[0], nouns)
	near(t, "share", p.Share.Value, 24.0/256)
	near(t, "ratio", p.Ratio.Value, 1)
	near(t, "hits", p.Hits.Value, p.Chance.Value)
}
