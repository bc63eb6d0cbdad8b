// Package augment changes training pictures at random, so that a model sees each of them in many forms: random resized crops
// (Szegedy et al. 2015), mirror images, colour jitter, random erasing (Zhong et al. 2017). What happens to a picture
// depends on the settings and on the random numbers handed in alone: with those of a [datasets.Loader] it depends on
// (seed, epoch, index), whatever the number of workers.
package augment

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// Config says how strongly pictures are changed. The zero value changes nothing but their size.
type Config struct {
	// The crop: a window whose area is a random share of the picture's, between Scale[0] and Scale[1], and whose sides' ratio
	// is the picture's own times a random number between 1/Stretch and Stretch, at a random place. A share above 1 zooms
	// out: the edges are repeated. Scale {0, 0} takes the whole picture.
	Scale   [2]float64 `json:"scale"`
	Stretch float64    `json:"stretch"` // 1 or more; 0 is the same as 1
	Flip    float64    `json:"flip"`    // probability of the mirror image

	// Colour jitter, as torchvision's: a factor between 1-x and 1+x, drawn for each picture.
	Brightness float64 `json:"brightness"` // times every value
	Contrast   float64 `json:"contrast"`   // times the distance from the picture's mean grey
	Saturation float64 `json:"saturation"` // times the distance from the pixel's own grey

	Erase float64 `json:"erase"` // probability that a rectangle of 2 to 20% of the area becomes the picture's mean colour
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if s := c.Scale; s != [2]float64{} && !(s[0] > 0 && s[0] <= s[1] && s[1] <= 4) {
		return fmt.Errorf("scale: expected two shares of the area above 0 and up to 4, the smaller first, found %v", s)
	}
	if c.Stretch != 0 && !(c.Stretch >= 1 && c.Stretch <= 4) {
		return fmt.Errorf("stretch: expected 1 to 4, found %g", c.Stretch)
	}
	for _, s := range []struct {
		name  string
		value float64
	}{{"flip", c.Flip}, {"brightness", c.Brightness}, {"contrast", c.Contrast}, {"saturation", c.Saturation}, {"erase", c.Erase}} {
		if !(s.value >= 0 && s.value <= 1) {
			return fmt.Errorf("%s: expected 0 to 1, found %g", s.name, s.value)
		}
	}
	return nil
}

// Apply returns a changed copy of p with w x h pixels. p itself stays as it is. Pixels are interpolated between their four
// neighbours: for pictures that are much larger than w x h, resize first.
func (c Config) Apply(p *picture.RGB, w, h int, rng *rand.Rand) *picture.RGB {
	out := c.crop(p, w, h, rng)
	c.jitter(out, rng)
	if rng.Float64() < c.Erase {
		erase(out, rng)
	}
	return out
}

// crop draws a window of p and samples it at w x h pixels, perhaps in a mirror.
func (c Config) crop(p *picture.RGB, w, h int, rng *rand.Rand) *picture.RGB {
	pw, ph := float64(p.W), float64(p.H)
	cw, ch := pw, ph
	if c.Scale != [2]float64{} {
		share := c.Scale[0] + (c.Scale[1]-c.Scale[0])*rng.Float64()
		ratio := math.Pow(max(c.Stretch, 1), 2*rng.Float64()-1)
		cw, ch = pw*math.Sqrt(share*ratio), ph*math.Sqrt(share/ratio)
	}
	x0, y0 := (pw-cw)*rng.Float64(), (ph-ch)*rng.Float64()
	mirror := rng.Float64() < c.Flip
	columns, rows := samples(x0, cw, w, p.W), samples(y0, ch, h, p.H)
	out := picture.NewRGB(w, h)
	for y, row := range rows {
		above, below := p.Pix[3*p.W*row.first:], p.Pix[3*p.W*row.second:]
		for x, column := range columns {
			at := x
			if mirror {
				at = w - 1 - x
			}
			for k := range 3 {
				i, j := 3*column.first+k, 3*column.second+k
				top := float32(above[i])*(1-column.share) + float32(above[j])*column.share
				bottom := float32(below[i])*(1-column.share) + float32(below[j])*column.share
				out.Pix[3*(y*w+at)+k] = uint8(top*(1-row.share) + bottom*row.share + 0.5)
			}
		}
	}
	return out
}

// sample is a place between two pixels of an axis: share of the second.
type sample struct {
	first, second int
	share         float32
}

// samples are n places, evenly over the window from start on of the given length, on an axis of size pixels. Beyond the
// ends the last pixel is repeated.
func samples(start, length float64, n, size int) []sample {
	out := make([]sample, n)
	for i := range out {
		at := start + (float64(i)+0.5)*length/float64(n) - 0.5
		low := math.Floor(at)
		first := int(low)
		out[i] = sample{min(max(first, 0), size-1), min(max(first+1, 0), size-1), float32(at - low)}
	}
	return out
}

// jitter changes brightness, contrast and saturation, in this order.
func (c Config) jitter(p *picture.RGB, rng *rand.Rand) {
	factor := func(x float64) float32 { return float32(1 + x*(2*rng.Float64()-1)) }
	brightness, contrast, saturation := factor(c.Brightness), factor(c.Contrast), factor(c.Saturation)
	if brightness == 1 && contrast == 1 && saturation == 1 {
		return
	}
	mean := brightness * meanGrey(p)
	for i := 0; i < len(p.Pix); i += 3 {
		px := p.Pix[i : i+3 : i+3]
		var v [3]float32
		for k := range v {
			v[k] = mean + contrast*(brightness*float32(px[k])-mean)
		}
		own := grey(v[0], v[1], v[2])
		for k := range v {
			px[k] = clamp(own + saturation*(v[k]-own))
		}
	}
}

// grey is the luma of ITU-R BT.601, which torchvision and Pillow use.
func grey(r, g, b float32) float32 { return 0.299*r + 0.587*g + 0.114*b }

func meanGrey(p *picture.RGB) float32 {
	mean := meanColor(p)
	return grey(mean[0], mean[1], mean[2])
}

func meanColor(p *picture.RGB) [3]float32 {
	var sum [3]uint64
	for i := 0; i < len(p.Pix); i += 3 {
		for k := range sum {
			sum[k] += uint64(p.Pix[i+k])
		}
	}
	n := float32(len(p.Pix) / 3)
	return [3]float32{float32(sum[0]) / n, float32(sum[1]) / n, float32(sum[2]) / n}
}

func clamp(v float32) uint8 { return uint8(min(max(v+0.5, 0), 255)) }

// erase paints a rectangle of 2 to 20% of the area, sides at most 3:1, in the picture's mean colour.
func erase(p *picture.RGB, rng *rand.Rand) {
	area := (0.02 + 0.18*rng.Float64()) * float64(p.W*p.H)
	ratio := math.Pow(3, 2*rng.Float64()-1)
	w := min(max(int(math.Sqrt(area*ratio)), 1), p.W)
	h := min(max(int(math.Sqrt(area/ratio)), 1), p.H)
	x0, y0 := rng.IntN(p.W-w+1), rng.IntN(p.H-h+1)
	mean := meanColor(p)
	color := [3]uint8{clamp(mean[0]), clamp(mean[1]), clamp(mean[2])}
	for y := y0; y < y0+h; y++ {
		for x := x0; x < x0+w; x++ {
			copy(p.Pix[3*(y*p.W+x):][:3], color[:])
		}
	}
}
