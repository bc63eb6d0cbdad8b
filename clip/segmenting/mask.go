package segmenting

import (
	"image"
	"image/color"
	"math"
)

// Mask is the probability of every pixel of a picture, row by row.
type Mask struct {
	Width, Height int
	Probabilities []float32
}

// Share is the share of the pixels whose probability reaches the threshold, and the smallest box around them, in pixels, the far edges beyond the
// last ones; an empty one where there are none.
func (m *Mask) Share(threshold float64) (share float64, box image.Rectangle) {
	n := 0
	for i, p := range m.Probabilities {
		if float64(p) >= threshold {
			n++
			at := image.Pt(i%m.Width, i/m.Width)
			box = box.Union(image.Rectangle{at, at.Add(image.Pt(1, 1))})
		}
	}
	return float64(n) / float64(len(m.Probabilities)), box
}

// Image is white where the probability reaches the threshold and black elsewhere.
func (m *Mask) Image(threshold float64) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, m.Width, m.Height))
	for i, p := range m.Probabilities {
		if float64(p) >= threshold {
			img.Pix[i] = 255
		}
	}
	return img
}

// Over is the picture with the mask: as it is where the probability reaches the threshold, in dark grey elsewhere. Picture and mask have the same size.
func (m *Mask) Over(picture image.Image, threshold float64) *image.RGBA {
	b := picture.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i, p := range m.Probabilities {
		x, y := i%m.Width, i/m.Width
		c := picture.At(b.Min.X+x, b.Min.Y+y)
		if float64(p) < threshold {
			c = color.Gray{color.GrayModel.Convert(c).(color.Gray).Y / 3}
		}
		out.Set(x, y, c)
	}
	return out
}

// Resized is a map of w x h values, row by row, at another size, bilinearly: each value stands in the middle of its place, and the outermost go on to
// the edges.
func Resized(values []float32, w, h, width, height int) []float32 {
	xs, ys := taps(w, width), taps(h, height)
	out := make([]float32, 0, width*height)
	for _, y := range ys {
		for _, x := range xs {
			upper := values[y.at*w+x.at]*(1-x.share) + values[y.at*w+x.next]*x.share
			lower := values[y.next*w+x.at]*(1-x.share) + values[y.next*w+x.next]*x.share
			out = append(out, upper*(1-y.share)+lower*y.share)
		}
	}
	return out
}

// tap is a place between two values: the share of the next one.
type tap struct {
	at, next int
	share    float32
}

func taps(from, to int) []tap {
	all := make([]tap, to)
	for i := range all {
		place := min(max((float64(i)+0.5)*float64(from)/float64(to)-0.5, 0), float64(from-1))
		at := int(math.Floor(place))
		all[i] = tap{at, min(at+1, from-1), float32(place - float64(at))}
	}
	return all
}
