package plots

import (
	"image/color"
	"math"
)

// Neutral colours of everything that is not data.
var (
	inkColor  = rgb(0x222222)
	axisColor = rgb(0x555555)
	gridColor = rgb(0xe4e4e4)
)

// Okabe and Ito's colours, ordered so that neighbours differ in lightness too; the yellow, which is faint on white,
// and the black, which looks like an axis, come last. Source: M. Okabe and K. Ito, Color Universal Design (CUD):
// how to make figures and presentations that are friendly to colorblind people, 2008.
var okabeIto = [...]color.RGBA{
	rgb(0x0072b2), // blue
	rgb(0xd55e00), // vermillion
	rgb(0x009e73), // bluish green
	rgb(0xcc79a7), // reddish purple
	rgb(0xe69f00), // orange
	rgb(0x56b4e9), // sky blue
	rgb(0x000000), // black
	rgb(0xf0e442), // yellow
}

// Category returns the i-th colour for categories, from the eight colours of Okabe and Ito; they repeat after that.
func Category(i int) color.RGBA {
	n := len(okabeIto)
	return okabeIto[((i%n)+n)%n]
}

// A ColorMap gives each number between 0 and 1 a colour. The zero ColorMap is [Viridis].
type ColorMap struct {
	stops   []uint32
	centred bool // the middle colour means zero
}

// Viridis goes from dark blue over green to yellow, evenly in lightness. Source: S. van der Walt and N. Smith,
// mpl-colormaps, 2015 (CC0); 33 of its 256 colours, linear in between, at most 2/255 off.
func Viridis() ColorMap {
	return ColorMap{stops: []uint32{
		0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453781, 0x424086, 0x3e4989, 0x3b528b, 0x375b8d, 0x33638d,
		0x2f6b8e, 0x2c728e, 0x297a8e, 0x26828e, 0x23898e, 0x21908c, 0x1f978b, 0x1f9f88, 0x21a685, 0x27ad81, 0x31b57b,
		0x3ebc74, 0x4dc26c, 0x5cc863, 0x6ece58, 0x82d34d, 0x95d840, 0xaadc32, 0xc0df25, 0xd5e21a, 0xeae51a, 0xfde725,
	}}
}

// Vik goes from blue (negative) over white (zero) to red (positive). Source: F. Crameri, Scientific colour maps,
// doi:10.5281/zenodo.1243862; 33 of its 256 colours, linear in between, at most 2/255 off.
func Vik() ColorMap {
	return ColorMap{centred: true, stops: []uint32{
		0x001261, 0x021f69, 0x022b71, 0x023779, 0x034481, 0x045089, 0x0c5e92, 0x1b6d9b, 0x2f7ca6, 0x478db1, 0x609dbc,
		0x79adc7, 0x92bdd2, 0xacccdc, 0xc5dbe5, 0xdce5e9, 0xece5e1, 0xeedacf, 0xe9cbb9, 0xe2bba4, 0xdcab8f, 0xd59c7b,
		0xcf8e68, 0xc97f55, 0xc37243, 0xbc6331, 0xb3531f, 0xa5400e, 0x932e06, 0x832106, 0x741506, 0x660a07, 0x590008,
	}}
}

// At returns the colour for t; below 0 and above 1 the end colours.
func (m ColorMap) At(t float64) color.RGBA {
	if len(m.stops) == 0 {
		m = Viridis()
	}
	last := len(m.stops) - 1
	if !(t > 0) {
		return rgb(m.stops[0])
	}
	if t >= 1 {
		return rgb(m.stops[last])
	}
	pos := t * float64(last)
	i := int(pos)
	return mix(rgb(m.stops[i]), rgb(m.stops[i+1]), pos-float64(i))
}

// mix goes from a (t = 0) to b (t = 1).
func mix(a, b color.RGBA, t float64) color.RGBA {
	lerp := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + t*(float64(y)-float64(x)))) }
	return color.RGBA{R: lerp(a.R, b.R), G: lerp(a.G, b.G), B: lerp(a.B, b.B), A: 255}
}

// textOn returns black or white, whichever has more contrast with the background (WCAG 2.1, relative luminance).
func textOn(bg color.RGBA) color.RGBA {
	lin := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	l := 0.2126*lin(bg.R) + 0.7152*lin(bg.G) + 0.0722*lin(bg.B)
	if 1.05/(l+0.05) > (l+0.05)/0.05 {
		return rgb(0xffffff)
	}
	return rgb(0x000000)
}

func rgb(v uint32) color.RGBA {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

// translucent returns c with opacity a between 0 and 1.
func translucent(c color.RGBA, a float64) color.NRGBA {
	return color.NRGBA{R: c.R, G: c.G, B: c.B, A: uint8(math.Round(255 * a))}
}
