package segmenting

import (
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func TestMask(t *testing.T) {
	m := &Mask{Width: 4, Height: 2, Probabilities: []float32{0, 0.5, 0.9, 0, 0, 0, 0.7, 0}}
	if share, box := m.Share(0.5); share != 3.0/8 || box != image.Rect(1, 0, 3, 2) {
		t.Errorf("found %g in %v", share, box)
	}
	if share, box := m.Share(0.95); share != 0 || !box.Empty() {
		t.Errorf("found %g in %v", share, box)
	}
	white := m.Image(0.6)
	if white.GrayAt(1, 0).Y != 0 || white.GrayAt(2, 0).Y != 255 || white.GrayAt(2, 1).Y != 255 || white.Bounds() != image.Rect(0, 0, 4, 2) {
		t.Errorf("found %v", white.Pix)
	}
	picture := image.NewRGBA(image.Rect(10, 20, 14, 22)) // does not begin at 0
	for i := range picture.Pix {
		picture.Pix[i] = 240
	}
	picture.SetRGBA(12, 20, color.RGBA{9, 8, 7, 255})
	over := m.Over(picture, 0.6)
	if over.RGBAAt(2, 0) != (color.RGBA{9, 8, 7, 255}) || over.RGBAAt(0, 0).R > 85 {
		t.Errorf("found %v and %v", over.RGBAAt(2, 0), over.RGBAAt(0, 0))
	}
}

func TestResized(t *testing.T) {
	values := []float32{0, 1, 2, 10, 11, 12} // x + 10 y
	found := Resized(values, 3, 2, 6, 4)
	for y := range 4 {
		for x := range 6 {
			want := min(max(float64(x)/2-0.25, 0), 2) + 10*min(max(float64(y)/2-0.25, 0), 1)
			if got := float64(found[y*6+x]); math.Abs(got-want) > 1e-5 {
				t.Errorf("%d, %d: expected %g, found %g", x, y, want, got)
			}
		}
	}
}

func TestSpotlight(t *testing.T) {
	picture, mask := image.NewRGBA(image.Rect(0, 0, 3, 1)), image.NewAlpha(image.Rect(0, 0, 3, 1))
	for x := range 3 {
		picture.SetRGBA(x, 0, color.RGBA{200, 100, 50, 255})
	}
	mask.Pix[1] = 255
	lit, err := Spotlight(picture, mask, 0.1)
	if err != nil || lit.RGBAAt(0, 0) != (color.RGBA{20, 10, 5, 255}) || lit.RGBAAt(1, 0) != (color.RGBA{200, 100, 50, 255}) {
		t.Errorf("found %v, %v", lit, err)
	}
	if _, err := Spotlight(picture, image.NewAlpha(image.Rect(0, 0, 2, 1)), 0.1); err == nil || !strings.Contains(err.Error(), "3 x 1 pixels, found 2 x 1") {
		t.Errorf("found %v", err)
	}
}

// Cosines with a text are those of the places' unit vectors, and one picture does not depend on another.
func TestSimilarities(t *testing.T) {
	m, b := tiny(t, nil), backendtest.Go(t)
	one, other := pattern(16*16*3, 1), pattern(16*16*3, 2)
	texts, err := m.Texts(b, []string{"the red circle", "a blue square"})
	if err != nil {
		t.Fatal(err)
	}
	both, err := m.Similarities(b, [][]float32{one, other}, [][][]float32{texts[:1], texts})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := m.Similarities(b, [][]float32{other}, [][][]float32{texts})
	if err != nil {
		t.Fatal(err)
	}
	if len(both[0]) != 1 || len(both[1]) != 2 || len(both[1][0]) != 4 {
		t.Fatalf("found %v", both)
	}
	for k := range 2 {
		near(t, "alone", alone[0][k], both[1][k], true)
		for _, v := range both[1][k] {
			if math.Abs(float64(v)) > 1.0001 || v == 0 {
				t.Errorf("found the cosine %g", v)
			}
		}
	}
}
