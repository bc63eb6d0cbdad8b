package picture

import (
	"image"
	"image/color"
)

// RGB is a picture of three bytes a pixel, without gaps between rows: what a network is fed.
type RGB struct {
	Pix  []uint8 // [H, W, 3]
	W, H int
}

// NewRGB is a black picture.
func NewRGB(w, h int) *RGB { return &RGB{Pix: make([]uint8, 3*w*h), W: w, H: h} }

// ColorModel is part of image.Image.
func (p *RGB) ColorModel() color.Model { return color.RGBAModel }

// Bounds is part of image.Image.
func (p *RGB) Bounds() image.Rectangle { return image.Rect(0, 0, p.W, p.H) }

// At is part of image.Image.
func (p *RGB) At(x, y int) color.Color {
	if x < 0 || y < 0 || x >= p.W || y >= p.H {
		return color.RGBA{}
	}
	i := 3 * (y*p.W + x)
	return color.RGBA{p.Pix[i], p.Pix[i+1], p.Pix[i+2], 255}
}

// Opaque is always true.
func (p *RGB) Opaque() bool { return true }

// mode is Pillow's image mode, as far as it matters for resizing.
type mode int

const (
	modeL    mode = iota // grey
	modeP                // palette indices, also 1-bit pictures
	modeRGB              // colour
	modeRGBA             // colour with straight alpha
	modeCMYK
	modeI // grey of 32 bits: what Pillow makes of 16
)

func (m mode) channels() int { return [...]int{1, 1, 3, 4, 4, 1}[m] }

// raster is a rectangle of pixels in one mode, channels interleaved, without gaps between rows.
type raster struct {
	mode    mode
	w, h    int
	pix     []uint8
	palette color.Palette // for modeP
	wide    []int32       // for modeI, in place of pix
}

func newRaster(m mode, w, h int) raster {
	if m == modeI {
		return raster{mode: m, w: w, h: h, wide: make([]int32, w*h)}
	}
	return raster{mode: m, w: w, h: h, pix: make([]uint8, w*h*m.channels())}
}

// copyPixel copies pixel j of another raster of the same mode to pixel i.
func (r raster) copyPixel(i int, from raster, j int) {
	if r.mode == modeI {
		r.wide[i] = from.wide[j]
		return
	}
	ch := r.mode.channels()
	copy(r.pix[i*ch:][:ch], from.pix[j*ch:])
}

// modeOf is the mode in which Pillow would hold img. An alpha channel that is 255 everywhere changes nothing in
// any step, so such pictures go the faster way of colour without alpha.
func modeOf(img image.Image) mode {
	switch m := img.(type) {
	case *image.Gray:
		return modeL
	case *image.Gray16:
		return modeI
	case *image.Paletted:
		return modeP
	case *image.CMYK:
		return modeCMYK
	case *RGB, *image.YCbCr:
		return modeRGB
	case interface{ Opaque() bool }:
		if m.Opaque() {
			return modeRGB
		}
	}
	return modeRGBA
}

// load copies a part of img, in coordinates from img's upper left corner, into a raster.
func load(img image.Image, part image.Rectangle) raster {
	r := newRaster(modeOf(img), part.Dx(), part.Dy())
	at := part.Add(img.Bounds().Min)
	switch m := img.(type) {
	case *RGB:
		copyRows(r, m.Pix[3*(at.Min.Y*m.W+at.Min.X):], 3*m.W)
	case *image.Gray:
		copyRows(r, m.Pix[m.PixOffset(at.Min.X, at.Min.Y):], m.Stride)
	case *image.Gray16:
		for i := range r.wide {
			r.wide[i] = int32(m.Gray16At(at.Min.X+i%r.w, at.Min.Y+i/r.w).Y)
		}
	case *image.Paletted:
		r.palette = m.Palette
		copyRows(r, m.Pix[m.PixOffset(at.Min.X, at.Min.Y):], m.Stride)
	case *image.CMYK:
		copyRows(r, m.Pix[m.PixOffset(at.Min.X, at.Min.Y):], m.Stride)
	case *image.YCbCr:
		ycbcrRows(r.pix, m, part.Min.X, part.Min.Y, part.Max.X, part.Max.Y)
	case *image.NRGBA:
		copyColour(r, m.Pix[m.PixOffset(at.Min.X, at.Min.Y):], m.Stride)
	case *image.RGBA:
		if r.mode == modeRGB {
			copyColour(r, m.Pix[m.PixOffset(at.Min.X, at.Min.Y):], m.Stride)
		} else {
			copyAny(r, img, at.Min)
		}
	default:
		copyAny(r, img, at.Min)
	}
	return r
}

func copyRows(r raster, src []uint8, stride int) {
	n := r.w * r.mode.channels()
	for y := range r.h {
		copy(r.pix[y*n:(y+1)*n], src[y*stride:])
	}
}

// copyColour takes four-byte pixels, with or without their alpha.
func copyColour(r raster, src []uint8, stride int) {
	if r.mode == modeRGBA {
		copyRows(r, src, stride)
		return
	}
	for y := range r.h {
		from, to := src[y*stride:y*stride+4*r.w], r.pix[3*y*r.w:3*(y+1)*r.w]
		for len(from) >= 4 && len(to) >= 3 {
			to[0], to[1], to[2] = from[0], from[1], from[2]
			from, to = from[4:], to[3:]
		}
	}
}

// copyAny reads any picture pixel by pixel: slow, and rarely needed.
func copyAny(r raster, img image.Image, min image.Point) {
	ch, i := r.mode.channels(), 0
	for y := range r.h {
		for x := range r.w {
			c := straight(img.At(min.X+x, min.Y+y))
			channels := [4]uint8{c.R, c.G, c.B, c.A}
			copy(r.pix[i:i+ch], channels[:])
			i += ch
		}
	}
}

// picture gives the raster the image type of its mode.
func (r raster) picture() image.Image {
	rect := image.Rect(0, 0, r.w, r.h)
	switch r.mode {
	case modeL:
		return &image.Gray{Pix: r.pix, Stride: r.w, Rect: rect}
	case modeI:
		img := image.NewGray16(rect)
		for i, v := range r.wide {
			img.SetGray16(i%r.w, i/r.w, color.Gray16{Y: uint16(max(0, min(v, 0xFFFF)))})
		}
		return img
	case modeP:
		return &image.Paletted{Pix: r.pix, Stride: r.w, Rect: rect, Palette: r.palette}
	case modeRGBA:
		return &image.NRGBA{Pix: r.pix, Stride: 4 * r.w, Rect: rect}
	case modeCMYK:
		return &image.CMYK{Pix: r.pix, Stride: 4 * r.w, Rect: rect}
	}
	return &RGB{Pix: r.pix, W: r.w, H: r.h}
}

// rgb is Pillow's convert("RGB"): alpha is dropped, grey repeated, a palette looked up. Grey of more than 8 bits is
// clipped, not scaled: what is 255 and more of 65535 becomes white.
func (r raster) rgb() *RGB {
	out := NewRGB(r.w, r.h)
	switch r.mode {
	case modeRGB:
		out.Pix = r.pix
	case modeL:
		for i, v := range r.pix {
			out.Pix[3*i], out.Pix[3*i+1], out.Pix[3*i+2] = v, v, v
		}
	case modeI:
		for i, v := range r.wide {
			level := clip8(v)
			out.Pix[3*i], out.Pix[3*i+1], out.Pix[3*i+2] = level, level, level
		}
	case modeP:
		var table [256][3]uint8
		for i, c := range r.palette[:min(len(r.palette), 256)] {
			n := straight(c)
			table[i] = [3]uint8{n.R, n.G, n.B}
		}
		for i, v := range r.pix {
			copy(out.Pix[3*i:3*i+3], table[v][:])
		}
	case modeRGBA:
		for i := range r.w * r.h {
			copy(out.Pix[3*i:3*i+3], r.pix[4*i:4*i+3])
		}
	case modeCMYK:
		for i := range r.w * r.h {
			white := 255 - r.pix[4*i+3]
			for c := range 3 {
				out.Pix[3*i+c] = white - mulDiv255(r.pix[4*i+c], white)
			}
		}
	}
	return out
}

// mulDiv255 is a*b/255, rounded, in Pillow's way.
func mulDiv255(a, b uint8) uint8 {
	t := uint32(a)*uint32(b) + 128
	return uint8((t>>8 + t) >> 8)
}
