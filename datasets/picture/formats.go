package picture

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
)

// Go's decoders and Pillow's agree on pixels but not always on the mode, and the mode decides how a picture is
// resized. The functions here bring Go's result into the type that stands for Pillow's mode.

func decodeJPEG(r io.Reader, _ []byte, _ image.Config) (image.Image, error) {
	return jpeg.Decode(r)
}

// decodePNG keeps Pillow's modes: 1-bit grey is "1" (here a palette of two), and a colour key (tRNS) on grey or
// RGB gives no alpha channel.
func decodePNG(r io.Reader, data []byte, _ image.Config) (image.Image, error) {
	img, err := png.Decode(r)
	if err != nil {
		return nil, err
	}
	// IHDR is always the first chunk: 8 bytes of signature, 8 of chunk header, 8 of sizes, then these two.
	depth, kind := data[24], data[25]
	const grey, rgb, indexed = 0, 2, 3
	if p, ok := img.(*image.Paletted); ok && kind == indexed {
		fillPalette(p, len(chunk(data[8:], "PLTE", binary.BigEndian, false))/3)
	}
	if kind != grey && kind != rgb {
		return img, nil
	}
	if kind == rgb {
		switch img.(type) {
		case *image.NRGBA, *image.NRGBA64:
			return dropAlpha(img), nil
		}
		return img, nil
	}
	if depth == 16 {
		return firstWideChannel(img), nil
	}
	gray, ok := img.(*image.Gray)
	if !ok {
		gray = firstChannel(img)
	}
	if depth == 1 {
		return bilevel(gray), nil
	}
	return gray, nil
}

// decodeGIF pastes the first frame into the whole canvas, as Pillow does.
func decodeGIF(r io.Reader, data []byte, config image.Config) (image.Image, error) {
	first, err := gif.Decode(r)
	if err != nil {
		return nil, err
	}
	frame, ok := first.(*image.Paletted)
	if !ok {
		return first, nil
	}
	transparent := transparentEntry(frame.Palette)
	restorePalette(frame, data)
	canvas := image.Rect(0, 0, config.Width, config.Height)
	if frame.Rect != canvas {
		fill := data[11] // the header's background index
		if transparent >= 0 {
			fill = uint8(transparent)
		}
		whole := image.NewPaletted(canvas, frame.Palette)
		for i := range whole.Pix {
			whole.Pix[i] = fill
		}
		for y := frame.Rect.Min.Y; y < frame.Rect.Max.Y; y++ {
			from := frame.PixOffset(frame.Rect.Min.X, y)
			copy(whole.Pix[whole.PixOffset(frame.Rect.Min.X, y):], frame.Pix[from:from+frame.Rect.Dx()])
		}
		frame = whole
	}
	return greyRamp(frame), nil
}

func transparentEntry(p color.Palette) int {
	for i, c := range p {
		if _, _, _, a := c.RGBA(); a == 0 {
			return i
		}
	}
	return -1
}

// restorePalette gives the transparent entry its colour back, which Go's decoder drops: it walks the file's blocks to the
// palette of the first frame.
func restorePalette(p *image.Paletted, data []byte) {
	table := func(at int, flags byte) []byte {
		if flags&0x80 == 0 {
			return nil
		}
		return data[at:][:3<<(1+flags&7)]
	}
	colours := table(13, data[10])
	at := 13 + len(colours)
	for at < len(data) && data[at] == 0x21 { // extensions: a label, then blocks until an empty one
		for at += 2; at < len(data) && data[at] != 0; at += int(data[at]) + 1 {
		}
		at++
	}
	if at+10 <= len(data) && data[at] == 0x2C {
		if local := table(at+10, data[at+9]); local != nil {
			colours = local
		}
	}
	for i := range min(len(p.Palette), len(colours)/3) {
		p.Palette[i] = color.RGBA{colours[3*i], colours[3*i+1], colours[3*i+2], 0xFF}
	}
}

func decodeBMP(r io.Reader, _ []byte, _ image.Config) (image.Image, error) {
	img, err := bmp.Decode(r)
	if p, ok := img.(*image.Paletted); ok && err == nil {
		return greyRamp(p), nil
	}
	return img, err
}

// greyRamp turns a palette picture whose entry i is the grey i into a grey picture, as Pillow does on opening
// GIF and BMP files: those are resized smoothly and not by nearest neighbour.
func greyRamp(p *image.Paletted) image.Image {
	if len(p.Palette) <= 2 {
		return p
	}
	for i, c := range p.Palette {
		n := straight(c)
		if int(n.R) != i || int(n.G) != i || int(n.B) != i {
			return p
		}
	}
	return &image.Gray{Pix: p.Pix, Stride: p.Stride, Rect: p.Rect}
}

func bilevel(g *image.Gray) *image.Paletted {
	p := image.NewPaletted(g.Rect, color.Palette{color.Gray{}, color.Gray{Y: 255}})
	for y := range g.Rect.Dy() {
		row := g.Pix[y*g.Stride : y*g.Stride+g.Rect.Dx()]
		for x, v := range row {
			p.Pix[y*p.Stride+x] = v >> 7
		}
	}
	return p
}

// fillPalette gives the entries from n on, which the file does not have, Pillow's greys.
func fillPalette(p *image.Paletted, n int) {
	for i := n; i < len(p.Palette); i++ {
		p.Palette[i] = color.Gray{Y: uint8(i)}
	}
}

// firstWideChannel takes the 16 bits of the first channel of a grey picture, which Go gave an alpha when a colour key
// makes some of it transparent.
func firstWideChannel(img image.Image) *image.Gray16 {
	if g, ok := img.(*image.Gray16); ok {
		return g
	}
	b := img.Bounds()
	g := image.NewGray16(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := color.NRGBA64Model.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA64)
			if straight, ok := img.At(b.Min.X+x, b.Min.Y+y).(color.NRGBA64); ok {
				c = straight
			}
			g.SetGray16(x, y, color.Gray16{Y: c.R})
		}
	}
	return g
}

// firstChannel takes the first channel of a grey picture that Go gave an alpha.
func firstChannel(img image.Image) *image.Gray {
	b := img.Bounds()
	g := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			g.Pix[y*g.Stride+x] = straight(img.At(b.Min.X+x, b.Min.Y+y)).R
		}
	}
	return g
}

func dropAlpha(img image.Image) *RGB {
	b := img.Bounds()
	out := NewRGB(b.Dx(), b.Dy())
	for y := range out.H {
		for x := range out.W {
			c := straight(img.At(b.Min.X+x, b.Min.Y+y))
			i := 3 * (y*out.W + x)
			out.Pix[i], out.Pix[i+1], out.Pix[i+2] = c.R, c.G, c.B
		}
	}
	return out
}

// straight is the colour without premultiplication, keeping the colour under full transparency where the type
// still knows it; 16-bit channels are cut to their high byte, as Pillow does.
func straight(c color.Color) color.NRGBA {
	switch c := c.(type) {
	case color.NRGBA:
		return c
	case color.NRGBA64:
		return color.NRGBA{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), uint8(c.A >> 8)}
	case color.Gray:
		return color.NRGBA{c.Y, c.Y, c.Y, 255}
	}
	return color.NRGBAModel.Convert(c).(color.NRGBA)
}
