package plots

import (
	"bytes"
	"fmt"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// rasterCanvas is gonum's picture canvas with letters the right distance apart. The face that it draws with kerns by
// the distance for 32 pixels whatever the size (opentype.Face.Kern of golang.org/x/image v0.33), which pushes the "o"
// of a small "To" under the roof of the "T". So texts are drawn in pieces that need no kerning within.
type rasterCanvas struct{ *vgimg.Canvas }

// FillString implements vg.Canvas.
func (c rasterCanvas) FillString(face font.Face, p vg.Point, txt string) {
	start := 0
	var prev rune
	for i, r := range txt {
		if i > 0 && kerned(face, prev, r) {
			c.Canvas.FillString(face, vg.Point{X: p.X + startOf(face, txt, start), Y: p.Y}, txt[start:i])
			start = i
		}
		prev = r
	}
	c.Canvas.FillString(face, vg.Point{X: p.X + startOf(face, txt, start), Y: p.Y}, txt[start:])
}

// startOf returns how far right of the text's start its i-th byte begins.
func startOf(face font.Face, txt string, i int) vg.Length {
	if i == 0 {
		return 0
	}
	rest := []rune(txt[i:])
	return face.Width(txt[:i]+string(rest[0])) - face.Width(string(rest[0]))
}

func kerned(face font.Face, a, b rune) bool {
	var buf sfnt.Buffer
	i, err1 := face.Face.GlyphIndex(&buf, a)
	j, err2 := face.Face.GlyphIndex(&buf, b)
	if err1 != nil || err2 != nil {
		return false
	}
	k, err := face.Face.Kern(&buf, i, j, fixed.Int26_6(face.Face.UnitsPerEm()), 0)
	return err == nil && k != 0
}

// svgCanvas is gonum's SVG canvas with texts as wide as they were measured to be, so that nothing overlaps where the
// reader's machine has another font: Liberation Sans and its equals in width, Arial and Helvetica, are not everywhere.
type svgCanvas struct {
	*vgsvg.Canvas
	widths []vg.Length // of the texts, in the order in which they were drawn
}

// FillString implements vg.Canvas.
func (c *svgCanvas) FillString(face font.Face, p vg.Point, txt string) {
	c.widths = append(c.widths, textWidth(face, txt))
	c.Canvas.FillString(face, p, txt)
}

// document returns the finished SVG.
func (c *svgCanvas) document() ([]byte, error) {
	var buf, out bytes.Buffer
	if _, err := c.WriteTo(&buf); err != nil {
		return nil, err
	}
	svg := bytes.ReplaceAll(buf.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	// vgsvg calls the PNGs that it embeds JPEGs.
	svg = bytes.ReplaceAll(svg, []byte(`xlink:href="data:image/jpg;`), []byte(`xlink:href="data:image/png;`))
	start := []byte("<text ") // In the texts themselves < is escaped.
	for i, piece := range bytes.Split(svg, start) {
		if i > 0 {
			fmt.Fprintf(&out, `%stextLength="%.4g" lengthAdjust="spacingAndGlyphs" `, start, float64(c.widths[i-1]))
		}
		out.Write(piece)
	}
	return out.Bytes(), nil
}
