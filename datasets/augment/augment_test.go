package augment

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// gradient is a picture whose red grows to the right, whose green grows downwards, and whose blue is even.
func gradient(w, h int) *picture.RGB {
	p := picture.NewRGB(w, h)
	for y := range h {
		for x := range w {
			copy(p.Pix[3*(y*w+x):], []uint8{uint8(10 * x), uint8(5 * y), 100})
		}
	}
	return p
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 1)) }

func TestNothingIsChangedByTheZeroValue(t *testing.T) {
	p := gradient(20, 30)
	if got := (Config{}).Apply(p, 20, 30, seeded(1)); !bytes.Equal(got.Pix, p.Pix) {
		t.Error("the picture was changed")
	}
}

// The same random numbers give the same picture, others another one, and the original stays as it is.
func TestRepeatable(t *testing.T) {
	c := Config{Scale: [2]float64{0.4, 1.2}, Stretch: 1.3, Flip: 0.5, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Erase: 0.5}
	p := gradient(20, 30)
	before := bytes.Clone(p.Pix)
	differ := 0
	for n := range uint64(20) {
		a, b, other := c.Apply(p, 16, 24, seeded(n)), c.Apply(p, 16, 24, seeded(n)), c.Apply(p, 16, 24, seeded(n+1))
		if a.W != 16 || a.H != 24 || !bytes.Equal(a.Pix, b.Pix) {
			t.Fatalf("numbers %d: two pictures of %dx%d that are not the same", n, a.W, a.H)
		}
		if !bytes.Equal(a.Pix, other.Pix) {
			differ++
		}
	}
	if differ != 20 || !bytes.Equal(p.Pix, before) {
		t.Errorf("%d of 20 differ; original kept: %v", differ, bytes.Equal(p.Pix, before))
	}
}

func TestFlip(t *testing.T) {
	p := gradient(20, 30)
	got := (Config{Flip: 1}).Apply(p, 20, 30, seeded(1))
	if want := picture.FlipHorizontal(p); !bytes.Equal(got.Pix, want.Pix) {
		t.Error("the picture is not its mirror image")
	}
}

// A window shows a part of the gradient: the values' range says which share of the sides it has. Zooming out repeats edges.
func TestCrop(t *testing.T) {
	p := gradient(24, 48)
	for n := range uint64(50) {
		got := (Config{Scale: [2]float64{0.25, 0.25}}).Apply(p, 12, 24, seeded(n))
		span := func(k, at int) float64 { return float64(got.Pix[3*at+k]) - float64(got.Pix[k]) }
		last := 12*24 - 1
		if red, green := span(0, last), span(1, last); math.Abs(red-110) > 2 || math.Abs(green-115) > 2 { // half of the sides: 11 columns of 10, 23 rows of 5
			t.Fatalf("numbers %d: red grows by %g and green by %g, expected 110 and 115", n, red, green)
		}
		if got.Pix[2] != 100 {
			t.Fatalf("numbers %d: blue became %d", n, got.Pix[2])
		}
	}
	out := (Config{Scale: [2]float64{4, 4}}).Apply(p, 24, 48, seeded(3))
	values := map[uint8]bool{}
	for x := range 24 {
		values[out.Pix[3*(24*24+x)]] = true
	}
	if !values[0] || !values[230] || len(values) > 14 {
		t.Errorf("zoomed out by 2, a row of 24 holds the reds %v: expected both edges repeated", values)
	}
}

// Jitter keeps a grey picture grey, moves its brightness within the bounds, and saturation moves colours from their own grey.
func TestJitter(t *testing.T) {
	grey := picture.NewRGB(8, 8)
	for i := range grey.Pix {
		grey.Pix[i] = 100
	}
	low, high := 255.0, 0.0
	for n := range uint64(200) {
		got := (Config{Brightness: 0.5, Contrast: 0.5, Saturation: 0.5}).Apply(grey, 8, 8, seeded(n))
		if got.Pix[0] != got.Pix[1] || got.Pix[1] != got.Pix[2] {
			t.Fatalf("grey became %v", got.Pix[:3])
		}
		low, high = min(low, float64(got.Pix[0])), max(high, float64(got.Pix[0]))
	}
	if low < 50 || low > 55 || high > 150 || high < 145 {
		t.Errorf("brightness went from %g to %g, expected nearly all of 50 to 150", low, high)
	}
	red := picture.NewRGB(4, 4)
	for i := 0; i < len(red.Pix); i += 3 {
		red.Pix[i] = 200
	}
	got := (Config{Saturation: 1}).Apply(red, 4, 4, seeded(2))
	if own := 0.299 * 200; math.Abs(0.299*float64(got.Pix[0])+0.587*float64(got.Pix[1])+0.114*float64(got.Pix[2])-own) > 40 {
		t.Errorf("saturation changed the grey of %v", got.Pix[:3])
	}
}

func TestErase(t *testing.T) {
	p := gradient(24, 48)
	mean := meanColor(p)
	for n := range uint64(50) {
		got := (Config{Erase: 1}).Apply(p, 24, 48, seeded(n))
		erased := 0
		for i := 0; i < len(p.Pix); i += 3 {
			if !bytes.Equal(got.Pix[i:i+3], p.Pix[i:i+3]) {
				erased++
				if got.Pix[i] != clamp(mean[0]) || got.Pix[i+2] != 100 {
					t.Fatalf("numbers %d: a pixel became %v", n, got.Pix[i:i+3])
				}
			}
		}
		if share := float64(erased) / (24 * 48); share < 0.005 || share > 0.21 {
			t.Errorf("numbers %d: %.1f%% of the picture was erased", n, 100*share)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Scale: [2]float64{0.5, 0.2}}, "scale: expected two shares"},
		{Config{Scale: [2]float64{0, 1}}, "scale"}, {Config{Scale: [2]float64{1, 9}}, "scale"}, {Config{Scale: [2]float64{math.NaN(), 1}}, "scale"},
		{Config{Stretch: 0.5}, "stretch: expected 1 to 4"}, {Config{Flip: 1.5}, "flip: expected 0 to 1"}, {Config{Erase: -1}, "erase"},
		{Config{Brightness: math.NaN()}, "brightness"},
	} {
		if err := c.config.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: expected an error with %q, found %v", c.config, c.want, err)
		}
	}
	if err := (Config{Scale: [2]float64{0.6, 1.1}, Stretch: 1.1, Flip: 0.5}).Check(); err != nil {
		t.Error(err)
	}
}
