package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/bmp"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// Whatever the bytes are: an error, or a picture of the size that the limits allow. A pixel may cost 64 bytes: of a progressive JPEG the
// decoder keeps the coefficients of every plane, four bytes each, in blocks that go beyond the edge.
func FuzzDecode(f *testing.F) {
	pixels := image.NewNRGBA(image.Rect(0, 0, 9, 5))
	for i := range pixels.Pix {
		pixels.Pix[i] = uint8(37 * i)
	}
	gray := image.NewPaletted(image.Rect(0, 0, 9, 5), color.Palette{color.Black, color.White, color.Transparent})
	for _, encode := range []func(b *bytes.Buffer) error{
		func(b *bytes.Buffer) error { return png.Encode(b, pixels) },
		func(b *bytes.Buffer) error { return png.Encode(b, gray) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, pixels, nil) },
		func(b *bytes.Buffer) error { return gif.Encode(b, gray, nil) },
		func(b *bytes.Buffer) error { return bmp.Encode(b, pixels) },
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()/2])
	}
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	const most = 1 << 16
	f.Fuzz(func(t *testing.T, data []byte) {
		var img image.Image
		var err error
		testdata.Bounded(t, len(data), 4, 64*most, func() { img, err = Decode("some", data, Limits{MaxPixels: most}) })
		if err != nil {
			return
		}
		size := img.Bounds().Size()
		if size.X < 1 || size.Y < 1 || size.X*size.Y > most {
			t.Fatalf("a picture of %v pixels", size)
		}
		if _, err := ResizeCrop(img, 3, 2, image.Rect(0, 0, 3, 2), Bicubic); err != nil {
			t.Errorf("what was decoded cannot be resized: %v", err)
		}
	})
}
