package lesson

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Noised is a picture of which so much is left, from 1, as it is, down to 0, noise alone: sqrt(left) x + sqrt(1-left) ε, for pixels x from -1 to 1
// and Gaussian noise ε, the same for the same seed (Ho et al. 2020, equation 4). Values beyond the ends are cut off for the eye.
func Noised(picture image.Image, left float64, seed uint64) image.Image {
	b, rng := picture.Bounds(), rand.New(rand.NewPCG(seed, 0))
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	noised := func(v uint32) uint8 {
		x := 2*float64(v)/0xffff - 1
		x = math.Sqrt(left)*x + math.Sqrt(1-left)*rng.NormFloat64()
		return uint8(math.Round(255 * min(max((x+1)/2, 0), 1)))
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			r, g, bl, _ := picture.At(b.Min.X+x, b.Min.Y+y).RGBA()
			out.SetRGBA(x, y, color.RGBA{noised(r), noised(g), noised(bl), 255})
		}
	}
	return out
}
