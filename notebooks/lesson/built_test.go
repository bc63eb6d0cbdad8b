package lesson

import (
	"image"
	"image/color"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// What is left of a picture keeps its values, the noise has theirs, and both add up as the equation says.
func TestNoised(t *testing.T) {
	const side = 64
	grey := image.NewGray(image.Rect(3, 5, 3+side, 5+side))
	for i := range grey.Pix {
		grey.Pix[i] = 140
	}
	same := Noised(grey, 1, 1)
	if c := same.At(0, 0); c != (color.RGBA{140, 140, 140, 255}) || same.Bounds() != image.Rect(0, 0, side, side) {
		t.Errorf("of a picture that is left whole, found %v in %v", c, same.Bounds())
	}
	var values []float64
	noised := Noised(grey, 0.9, 1).(*image.RGBA)
	for i, v := range noised.Pix {
		if i%4 != 3 {
			values = append(values, float64(v)*2/255-1)
		}
	}
	x := 2*140/255. - 1
	mean, std := stat.MeanStdDev(values, nil)
	if math.Abs(mean-math.Sqrt(0.9)*x) > 0.01 || math.Abs(std-math.Sqrt(0.1)) > 0.01 {
		t.Errorf("found a mean of %.3f and a deviation of %.3f, expected %.3f and %.3f", mean, std, math.Sqrt(0.9)*x, math.Sqrt(0.1))
	}
	if again := Noised(grey, 0.9, 1).(*image.RGBA); string(again.Pix) != string(noised.Pix) {
		t.Error("the same seed drew other noise")
	}
	if other := Noised(grey, 0.9, 2).(*image.RGBA); string(other.Pix) == string(noised.Pix) {
		t.Error("another seed drew the same noise")
	}
}

func TestWrapped(t *testing.T) {
	for text, want := range map[string]string{"": "", "one": "one", "λλλ bb c": "λλλ bb\nc", "a toolongword b": "a\ntoolongword\nb", "a  b\nc": "a b c"} {
		if got := wrapped(text, 6); got != want {
			t.Errorf("%q: found %q, expected %q", text, got, want)
		}
	}
}
