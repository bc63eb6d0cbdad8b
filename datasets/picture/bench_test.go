package picture

import (
	"image"
	"testing"
)

func BenchmarkShortSideCrop(b *testing.B) {
	noise := func(pix []uint8) {
		for i := range pix {
			pix[i] = uint8(i * 2654435761 >> 13)
		}
	}
	for _, size := range []struct {
		name string
		w, h int
	}{{"60x80", 60, 80}, {"224x224", 224, 224}, {"500x375", 500, 375}} {
		rgb := NewRGB(size.w, size.h)
		noise(rgb.Pix)
		ycc := image.NewYCbCr(image.Rect(0, 0, size.w, size.h), image.YCbCrSubsampleRatio420)
		noise(ycc.Y)
		noise(ycc.Cb)
		rgba := image.NewRGBA(image.Rect(0, 0, size.w, size.h))
		noise(rgba.Pix)
		for i := 3; i < len(rgba.Pix); i += 4 {
			rgba.Pix[i] = 255
		}
		for name, img := range map[string]image.Image{"RGB": rgb, "YCbCr": ycc, "RGBA": rgba} {
			b.Run(size.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := ShortSideCrop(img, 64, Bicubic); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
