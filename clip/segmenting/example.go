package segmenting

import (
	"fmt"
	"image"
	"image/color"
)

// Spotlight is an example picture nearly as the paper prepares it ("visual prompt engineering"): the object as it is, and what is beside it in the
// dark, at a share of its light. The mask has the picture's size; what is not 0 in it is the object.
func Spotlight(picture image.Image, mask *image.Alpha, light float64) (*image.RGBA, error) {
	b := picture.Bounds()
	if mask.Bounds().Size() != b.Size() {
		return nil, fmt.Errorf("expected a mask of the picture's size, %d x %d pixels, found %d x %d", b.Dx(), b.Dy(), mask.Bounds().Dx(), mask.Bounds().Dy())
	}
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := color.RGBAModel.Convert(picture.At(b.Min.X+x, b.Min.Y+y)).(color.RGBA)
			if mask.AlphaAt(mask.Rect.Min.X+x, mask.Rect.Min.Y+y).A == 0 {
				dim := func(v uint8) uint8 { return uint8(float64(v)*light + 0.5) }
				c.R, c.G, c.B = dim(c.R), dim(c.G), dim(c.B)
			}
			out.SetRGBA(x, y, c)
		}
	}
	return out, nil
}

// Light is the share of its light that the background of an example picture keeps.
const Light = 0.1
