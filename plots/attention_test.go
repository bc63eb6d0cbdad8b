package plots

import (
	"image"
	"image/color"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestUpsampleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 14).Draw(t, "rows"), rapid.IntRange(1, 14).Draw(t, "cols")
		h, w := rapid.IntRange(1, 60).Draw(t, "h"), rapid.IntRange(1, 60).Draw(t, "w")
		grid := rapid.SliceOfN(rapid.Float64Range(0, 1), rows*cols, rows*cols).Draw(t, "grid")
		lo, hi := math.Inf(1), math.Inf(-1)
		mirrored := make([]float64, len(grid))
		for i, v := range grid {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
			mirrored[i/cols*cols+cols-1-i%cols] = v
		}
		out, back := upsample(grid, rows, cols, h, w), upsample(mirrored, rows, cols, h, w)
		for i, v := range out {
			if v < lo-1e-12 || v > hi+1e-12 {
				t.Fatalf("value %g at %d leaves the weights' range %g..%g", v, i, lo, hi)
			}
			if m := back[i/w*w+w-1-i%w]; math.Abs(v-m) > 1e-12 {
				t.Fatalf("the mirrored grid gives %g where the grid gives %g", m, v)
			}
		}
	})
}

// The shares are the uniform cubic B-spline's: at a knot 1/6, 4/6, 1/6, halfway 1/48, 23/48, 23/48, 1/48
// (C. de Boor, A Practical Guide to Splines, 1978).
func TestSplineValues(t *testing.T) {
	grid := []float64{0, 0, 0, 48, 0, 0, 0}
	out := upsample(grid, 1, 7, 1, 14) // Pixels lie a quarter of a cell left and right of the knots.
	knots := upsample(grid, 1, 7, 1, 7)
	for i, want := range []float64{0, 0, 8, 32, 8, 0, 0} {
		if math.Abs(knots[i]-want) > 1e-12 {
			t.Errorf("at cell %d expected %g, found %g", i, want, knots[i])
		}
	}
	quarter := 48 * (4 - 6.0/16 + 3.0/64) / 6
	if math.Abs(out[6]-quarter) > 1e-12 || math.Abs(out[7]-quarter) > 1e-12 {
		t.Errorf("a quarter of a cell off the peak expected %g, found %g and %g", quarter, out[6], out[7])
	}
	half := upsample([]float64{0, 48, 0, 0}, 1, 4, 1, 1)[0] // One pixel, halfway between the middle cells.
	if math.Abs(half-23) > 1e-12 {
		t.Errorf("halfway between the cells expected 23, found %g", half)
	}
}

func TestOverlayIsBrightWhereTheWordLooks(t *testing.T) {
	const rows, cols = 7, 9
	picture := image.NewRGBA(image.Rect(30, -20, 30+90, -20+70)) // Not every picture begins at (0, 0).
	for i := range picture.Pix {
		picture.Pix[i] = 150
		if i%4 == 3 {
			picture.Pix[i] = 255
		}
	}
	for cell := range rows * cols {
		weights := make([]float64, rows*cols)
		weights[cell] = 0.3
		out, err := AttentionOverlay(picture, weights, rows, cols)
		if err != nil {
			t.Fatal(err)
		}
		if out.Bounds() != image.Rect(0, 0, 90, 70) {
			t.Fatalf("expected the picture's size from (0, 0), found %v", out.Bounds())
		}
		var brightest image.Point
		top := uint32(0)
		for y := range 70 {
			for x := range 90 {
				if r, _, _, _ := out.At(x, y).RGBA(); r > top {
					top, brightest = r, image.Pt(x, y)
				}
			}
		}
		if got := brightest.Y/10*cols + brightest.X/10; got != cell {
			t.Errorf("the word looks at cell %d, but the picture is brightest in cell %d", cell, got)
		}
		if grey := uint32(150); top>>8 < grey {
			t.Errorf("where the word looks, expected at least the picture's own light %d, found %d", grey, top>>8)
		}
		far := out.At((cell%cols+4)%cols*10+5, 35).(color.RGBA)
		if far.R > 75 {
			t.Errorf("four cells away, expected less than half of the picture's light, found %d of 150", far.R)
		}
	}
}

func TestEvenAttentionLeavesThePictureBright(t *testing.T) {
	out, err := AttentionOverlay(testPicture(30, 20), []float64{0.25, 0.25, 0.25, 0.25}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	none, err := AttentionOverlay(testPicture(30, 20), []float64{0, 0, 0, 0}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	original := testPicture(30, 20)
	for y := range 20 {
		for x := range 30 {
			was, lit, dark := original.At(x, y).(color.RGBA), out.At(x, y).(color.RGBA), none.At(x, y).(color.RGBA)
			if lit.R < was.R || lit.G < was.G || lit.B < was.B {
				t.Fatalf("at %d, %d expected at least %v, found %v", x, y, was, lit)
			}
			if dark.R > 80 || dark.G > 80 || dark.B > 80 {
				t.Fatalf("without attention expected a dark picture, found %v", dark)
			}
		}
	}
}

func TestTransparentPictureIsDrawnOnWhite(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	out, err := AttentionOverlay(clear, []float64{1}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.At(2, 2); got != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("expected white behind a transparent picture, found %v", got)
	}
	if clear.NRGBAAt(2, 2) != (color.NRGBA{}) {
		t.Error("the caller's picture was changed")
	}
}

func TestSharedScaleComparesWords(t *testing.T) {
	cfg := AttentionConfig{Picture: testPicture(8, 8), Words: []string{"sharp", "vague"}, Rows: 1, Cols: 4,
		Weights: [][]float64{{0.7, 0.1, 0.1, 0.1}, {0.25, 0.25, 0.25, 0.25}}}
	size := image.Pt(64, 64)
	vague := upsample(cfg.Weights[1], 1, 4, 64, 64)
	if full := cfg.brightest(size)(vague); math.Abs(full-0.25) > 1e-12 {
		t.Errorf("a word with a scale of its own: expected full light at 0.25, found %g", full)
	}
	cfg.SharedScale = true
	if full := cfg.brightest(size)(vague); full < 0.5 || full > 0.7 {
		t.Errorf("on the shared scale, expected full light near the other word's 0.7, found %g", full)
	}
}
