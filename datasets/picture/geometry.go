package picture

import (
	"fmt"
	"image"
	"math"
)

// Resize resizes img to w x h pixels in its own mode, as Pillow's Image.resize. Nothing is resampled when the size
// is the same. It fails for sizes below 1 and above [MaxPixels].
func Resize(img image.Image, w, h int, f Filter) (image.Image, error) {
	if err := checkSizes(img, w, h); err != nil {
		return nil, err
	}
	return resample(img, w, h, image.Rect(0, 0, w, h), f).picture(), nil
}

// ShortSideSize is the size that torchvision's Resize(n) gives a picture: short side n, long side
// floor(n*long/short).
func ShortSideSize(w, h, n int) (int, int) {
	if w <= h {
		return n, int(float64(n) * float64(h) / float64(w))
	}
	return int(float64(n) * float64(w) / float64(h)), n
}

// ShortSide resizes img so that its short side is n pixels, keeping the aspect ratio; see [ShortSideSize].
func ShortSide(img image.Image, n int, f Filter) (image.Image, error) {
	if err := checkSizes(img, n, n); err != nil {
		return nil, err
	}
	w, h := ShortSideSize(img.Bounds().Dx(), img.Bounds().Dy(), n)
	return Resize(img, w, h, f)
}

// CenterCrop cuts w x h pixels out of the middle, at offsets round((size-crop)/2) with halves to even, as
// torchvision does. It fails when img is smaller than that.
func CenterCrop(img image.Image, w, h int) (image.Image, error) {
	if err := checkSizes(img, w, h); err != nil {
		return nil, err
	}
	size := img.Bounds().Size()
	if size.X < w || size.Y < h {
		return nil, fmt.Errorf("expected a picture of at least %dx%d pixels to crop from, found %dx%d; resize it first", w, h, size.X, size.Y)
	}
	return load(img, centre(size.X, size.Y, w, h)).picture(), nil
}

// ShortSideCrop is the geometry of CLIP's preprocessing: short side to n pixels, centre crop of n x n, RGB. The
// pixels are those of [ShortSide], [CenterCrop] and [ToRGB] in turn, but only the crop is ever computed, so that a
// picture of 20,000x1 pixels costs no more than another.
func ShortSideCrop(img image.Image, n int, f Filter) (*RGB, error) {
	if err := checkSizes(img, n, n); err != nil {
		return nil, err
	}
	w, h := ShortSideSize(img.Bounds().Dx(), img.Bounds().Dy(), n)
	return resample(img, w, h, centre(w, h, n, n), f).rgb(), nil
}

// ResizeCrop resizes img to w x h pixels and cuts crop out of the result, as RGB. It is what augmentations need:
// a random crop, or with crop the whole of (0,0)-(w,h) a squashed picture.
func ResizeCrop(img image.Image, w, h int, crop image.Rectangle, f Filter) (*RGB, error) {
	if err := checkSizes(img, crop.Dx(), crop.Dy()); err != nil {
		return nil, err
	}
	if !crop.In(image.Rect(0, 0, w, h)) {
		return nil, fmt.Errorf("expected a crop inside the resized picture of %dx%d pixels, found %v", w, h, crop)
	}
	return resample(img, w, h, crop, f).rgb(), nil
}

// FlipHorizontal is the picture in a mirror, left and right exchanged.
func FlipHorizontal(p *RGB) *RGB {
	out := NewRGB(p.W, p.H)
	for y := range p.H {
		from, to := p.Pix[3*y*p.W:3*(y+1)*p.W], out.Pix[3*y*p.W:3*(y+1)*p.W]
		for x := range p.W {
			copy(to[3*(p.W-1-x):][:3], from[3*x:])
		}
	}
	return out
}

func centre(w, h, cw, ch int) image.Rectangle {
	left := int(math.RoundToEven(float64(w-cw) / 2))
	top := int(math.RoundToEven(float64(h-ch) / 2))
	return image.Rect(left, top, left+cw, top+ch)
}

func checkSizes(img image.Image, w, h int) error {
	if b := img.Bounds(); b.Empty() {
		return fmt.Errorf("expected a picture of at least 1x1 pixels, found %dx%d", b.Dx(), b.Dy())
	}
	if w < 1 || h < 1 || w > MaxPixels/h {
		return fmt.Errorf("expected a size of 1 to %d pixels in all to resize or crop to, found %dx%d", MaxPixels, w, h)
	}
	return nil
}
