package scenes

import (
	"image"
	"math/rand/v2"
)

// Background is a kind of background. All of them are close to grey, so that no object melts into one.
type Background string

// The five backgrounds.
const (
	PlainGround    Background = "plain"
	GradientGround Background = "gradient"
	SpeckleGround  Background = "speckle"
	StripeGround   Background = "stripes"
	BlobGround     Background = "blobs"
)

var backgrounds = [...]Background{PlainGround, GradientGround, SpeckleGround, StripeGround, BlobGround}

// rgb is a colour, each part 0..255.
type rgb [3]int

// mixed is the colour t/256 of the way from a to b.
func (a rgb) mixed(b rgb, t int) rgb {
	for i := range a {
		a[i] += (b[i] - a[i]) * t >> 8
	}
	return a
}

// Image draws the scene: background, objects from back to front, noise. The picture is Side x Side and opaque;
// every call gives the same bytes.
func (s Scene) Image() *image.RGBA {
	pcg := s.cfg.stream(s.Index, forPixels)
	r := rand.New(pcg)
	img := image.NewRGBA(image.Rect(0, 0, s.Side, s.Side))
	s.drawBackground(img, r)
	for _, o := range s.Objects {
		drawObject(img, o, r)
	}
	addNoise(img, s.cfg.Noise, pcg)
	return img
}

// drawBackground fills the picture with two neighbouring greys, mixed as the kind of background has it.
func (s Scene) drawBackground(img *image.RGBA, r *rand.Rand) {
	first, second := greys(r)
	shade := s.shade(r)
	i := 0
	for y := range s.Side {
		for x := range s.Side {
			c := first.mixed(second, shade(x, y))
			p := img.Pix[i : i+4 : i+4]
			p[0], p[1], p[2], p[3] = uint8(c[0]), uint8(c[1]), uint8(c[2]), 255
			i += 4
		}
	}
}

// greys chooses two greys, 25 to 50 steps apart, each with a slight tint.
func greys(r *rand.Rand) (first, second rgb) {
	light := 50 + r.IntN(160)
	step := 25 + r.IntN(26)
	if light+step > 235 || light-step >= 25 && r.IntN(2) == 0 {
		step = -step
	}
	for i := range first {
		tint := r.IntN(17) - 8
		first[i], second[i] = light+tint, light+step+tint
	}
	return first, second
}

// shade chooses how much of the second grey each pixel has, in 256ths.
func (s Scene) shade(r *rand.Rand) func(x, y int) int {
	n := s.Side
	switch s.Background {
	case GradientGround:
		dx, dy := direction(r)
		most := max(1, (abs(dx)+abs(dy))*n)
		return func(x, y int) int {
			return 128 + (dx*(2*x-n)+dy*(2*y-n))*128/most
		}
	case SpeckleGround:
		return func(x, y int) int {
			t := int(r.Uint64() >> 56)
			return t * t >> 8
		}
	case StripeGround:
		dx, dy := direction(r)
		period := n * subpixels * (140 + r.IntN(120)) / 1000 // 9 to 17 of 64 pixels
		phase := r.IntN(period)
		return func(x, y int) int {
			return band(dx*x+dy*y+phase, period, period/4)
		}
	case BlobGround:
		return blobs(r, n)
	}
	return func(x, y int) int { return 0 }
}

// direction is one of 16 directions, as a step of about one pixel in subpixels.
func direction(r *rand.Rand) (dx, dy int) {
	quarter := [...]point{{256, 0}, {237, 98}, {181, 181}, {98, 237}}
	p := quarter[r.IntN(len(quarter))]
	switch r.IntN(4) {
	case 0:
		return p.x, p.y
	case 1:
		return -p.y, p.x
	case 2:
		return -p.x, -p.y
	}
	return p.y, -p.x
}

// band is 256 within width of the middle of each period and 0 outside, with edges one pixel soft.
func band(u, period, width int) int {
	u %= period
	if u < 0 {
		u += period
	}
	return clamp(width - abs(u-period/2) + subpixels/2)
}

// blobs is a few soft round spots.
func blobs(r *rand.Rand, n int) func(x, y int) int {
	type blob struct{ x, y, square, scale int }
	var spots [4]blob
	for i := range spots {
		radius := n * (200 + r.IntN(200)) / 1000
		spots[i] = blob{r.IntN(n), r.IntN(n), radius * radius, 1 << 24 / (radius * radius)}
	}
	return func(x, y int) int {
		t := 0
		for _, b := range spots {
			if d := (x-b.x)*(x-b.x) + (y-b.y)*(y-b.y); d < b.square {
				fall := 256 - d*b.scale>>16
				t += fall * fall >> 8
			}
		}
		return min(t, 256)
	}
}

// drawObject lays the object over the picture. Its colour differs a little from scene to scene. Stripes and dots
// fade in the last pixel before the edge: a white stripe that ran out into a light background would break the outline.
func drawObject(img *image.RGBA, o Object, r *rand.Rand) {
	base, ink := inks(o.Colour, r)
	pattern := o.pattern(img.Rect.Dx(), r)
	i := 0
	for y := range o.stencil.h {
		at := img.PixOffset(o.corner.X, o.corner.Y+y)
		for x := range o.stencil.w {
			cover := int(o.stencil.cover[i])
			i++
			if cover > 0 {
				t := pattern(x*subpixels+subpixels/2-o.stencil.cx, y*subpixels+subpixels/2-o.stencil.cy)
				if t > 0 && !o.stencil.inside(x, y) {
					t /= 3
				}
				c := base.mixed(ink, t)
				p := img.Pix[at : at+3 : at+3]
				for k := range p {
					below := int(p[k])
					p[k] = uint8(below + (c[k]-below)*cover/255)
				}
			}
			at += 4
		}
	}
}

// inks gives an object's colour and that of its stripes or dots.
func inks(name Colour, r *rand.Rand) (base, ink rgb) {
	for _, p := range palette {
		if p.name != name {
			continue
		}
		for i, v := range p.rgb {
			base[i] = min(max(v+r.IntN(25)-12, 0), 255)
		}
		if p.lightInk {
			return base, base.mixed(rgb{255, 255, 255}, 205)
		}
		return base, base.mixed(rgb{}, 190)
	}
	return base, base
}

// pattern chooses how much ink each point of the object has, in 256ths, by its distance in subpixels from the
// object's centre. Stripes and dots keep their width on large objects, as cloth does.
func (o Object) pattern(n int, r *rand.Rand) func(dx, dy int) int {
	switch o.Texture {
	case Striped:
		ux, uy := direction(r)
		period := n * subpixels * (64 + r.IntN(12)) / 1000 // 4.1 to 4.8 of 64 pixels
		return func(dx, dy int) int {
			return band((ux*dx+uy*dy)>>8, period, period/5)
		}
	case Dotted:
		period := n * subpixels * (66 + r.IntN(12)) / 1000
		radius := period * 3 / 10
		return func(dx, dy int) int {
			x, y := nearest(dx, period), nearest(dy, period)
			return clamp(radius - root(x*x+y*y) + subpixels/2)
		}
	}
	return func(dx, dy int) int { return 0 }
}

// nearest is the distance from u to the nearest multiple of the period.
func nearest(u, period int) int {
	u = abs(u) % period
	return min(u, period-u)
}

// addNoise adds to every colour of every pixel a random number with the given standard deviation (a share of the
// full scale): the sum of four random bytes, which is close to a normal distribution and costs no logarithm.
func addNoise(img *image.RGBA, deviation float64, pcg *rand.PCG) {
	if deviation == 0 {
		return
	}
	const sumDeviation = 147.8 // of four bytes: sqrt(4*(256*256-1)/12)
	scale := int(deviation * 255 / sumDeviation * 65536)
	jitter := func(v uint8, bits uint64) uint8 {
		sum := int(bits&255 + bits>>8&255 + bits>>16&255 + bits>>24&255)
		return uint8(min(max(int(v)+((sum-510)*scale+1<<15)>>16, 0), 255))
	}
	for i := 0; i < len(img.Pix); i += 4 {
		p := img.Pix[i : i+4 : i+4]
		a, b := pcg.Uint64(), pcg.Uint64()
		p[0], p[1], p[2] = jitter(p[0], a), jitter(p[1], a>>32), jitter(p[2], b)
	}
}

func abs(n int) int { return max(n, -n) }

// clamp limits a share in 256ths.
func clamp(t int) int { return min(max(t, 0), 256) }
