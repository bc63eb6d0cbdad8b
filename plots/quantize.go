package plots

import (
	"image"
	"image/color"
	"image/draw"
	"slices"
)

// paletted returns the picture in 256 colours: white, for the ground, and 255 that suit it best.
func paletted(img image.Image) *image.Paletted {
	out := image.NewPaletted(img.Bounds(), append(color.Palette{color.White}, quantize(img, 255)...))
	draw.FloydSteinberg.Draw(out, out.Rect, img, img.Bounds().Min)
	return out
}

// tint is a colour of a picture with the number of its pixels.
type tint struct {
	rgb [3]float64
	n   float64
}

// quantize returns at most n colours that stand for those of the picture. It cuts the colours in two again and again, always
// the box with the largest squared error, across its longest axis at the mean; each box's mean is a colour. This is
// the variance-based cut of Wan, Prusinkiewicz and Wong (1990), simplified: theirs looks for the best place of the cut.
func quantize(img image.Image, n int) []color.Color {
	boxes := []tintBox{newTintBox(tints(img))}
	for len(boxes) < n {
		worst := 0
		for i, b := range boxes {
			if b.err > boxes[worst].err {
				worst = i
			}
		}
		if boxes[worst].err < 1e-6 {
			break
		}
		low, high := boxes[worst].cut()
		boxes[worst] = newTintBox(low)
		boxes = append(boxes, newTintBox(high))
	}
	colors := make([]color.Color, len(boxes))
	for i, b := range boxes {
		colors[i] = color.RGBA{uint8(b.mean[0] + 0.5), uint8(b.mean[1] + 0.5), uint8(b.mean[2] + 0.5), 255}
	}
	return colors
}

// tints counts the picture's colours. Those that share the upper five bits of red, green and blue are one, their mean.
func tints(img image.Image) []tint {
	bins := make([]tint, 1<<15)
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			bin := &bins[r>>11<<10|g>>11<<5|bl>>11]
			bin.n++
			for k, v := range [3]uint32{r, g, bl} {
				bin.rgb[k] += float64(v >> 8)
			}
		}
	}
	bins = slices.DeleteFunc(bins, func(t tint) bool { return t.n == 0 })
	for i := range bins {
		for k := range bins[i].rgb {
			bins[i].rgb[k] /= bins[i].n
		}
	}
	return bins
}

// tintBox is some colours with their mean, and the squared error of putting the mean in their place.
type tintBox struct {
	tints []tint
	mean  [3]float64
	axis  int // along which the error is largest
	err   float64
}

func newTintBox(tints []tint) tintBox {
	b := tintBox{tints: tints}
	n, errs := 0.0, [3]float64{}
	for _, t := range tints {
		n += t.n
		for k, v := range t.rgb {
			b.mean[k] += t.n * v
		}
	}
	for k := range b.mean {
		b.mean[k] /= n
	}
	for _, t := range tints {
		for k, v := range t.rgb {
			errs[k] += t.n * (v - b.mean[k]) * (v - b.mean[k])
		}
	}
	for k, e := range errs {
		b.err += e
		if e > errs[b.axis] {
			b.axis = k
		}
	}
	return b
}

// cut returns the colours below and above the mean; neither is empty where there is an error.
func (b tintBox) cut() (low, high []tint) {
	for _, t := range b.tints {
		if t.rgb[b.axis] < b.mean[b.axis] {
			low = append(low, t)
		} else {
			high = append(high, t)
		}
	}
	return low, high
}
