package plots

import (
	"image/color"
	"math"
	"strings"
	"unicode"

	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// style is how a piece of text looks.
type style struct {
	size  vg.Length
	bold  bool
	color color.Color
}

var (
	titleStyle    = style{size: 12, bold: true, color: inkColor}
	subtitleStyle = style{size: 10, bold: true, color: inkColor}
	labelStyle    = style{size: 10, color: inkColor}
	tickStyle     = style{size: 9, color: inkColor}
	noteStyle     = style{size: 8, color: axisColor}
)

func (s style) font() font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: s.size}
	if s.bold {
		f.Weight = xfont.WeightBold
	}
	return f
}

func (s style) face() font.Face { return plot.DefaultTextHandler.Cache().Lookup(s.font(), s.size) }

func (s style) width(txt string) vg.Length { return textWidth(s.face(), txt) }

// textWidth returns the room that a text needs. A character that the font lacks counts as wide as the letters are
// high, which is how wide most fonts have it that an SVG's reader may use for it.
func textWidth(face font.Face, txt string) vg.Length {
	drawn, missing := boxed(face, txt)
	if missing == 0 {
		return face.Width(txt)
	}
	one := string(missingGlyph)
	return face.Width(drawn) + vg.Length(missing)*max(0, face.Font.Size-face.Width(one))
}

// missingGlyph stands for each character that the font lacks, for which it would draw nothing.
const missingGlyph = '□'

// boxed replaces the characters that the font lacks, and counts them.
func boxed(face font.Face, txt string) (drawn string, missing int) {
	var buf sfnt.Buffer
	drawn = strings.Map(func(r rune) rune {
		if i, err := face.Face.GlyphIndex(&buf, r); err == nil && i != 0 {
			return r
		}
		missing++
		return missingGlyph
	}, txt)
	return drawn, missing
}

// drawable returns the text as this canvas can draw it: an SVG's reader has more fonts than we have.
func (c canvas) drawable(s style, txt string) string {
	if !c.raster {
		return txt
	}
	drawn, _ := boxed(s.face(), txt)
	return drawn
}

// line is the distance between two baselines.
func (s style) line() vg.Length { return 1.25 * s.size }

// anchor says where in a text its anchor point lies, as a fraction of the width from the left end, or of the height
// of the capitals from the baseline.
type anchor float64

const (
	atStart  anchor = 0 // left end, baseline
	atMiddle anchor = 0.5
	atEnd    anchor = 1 // right end, top of the capitals
)

// capHeight of Liberation Sans, as a fraction of the font size.
const capHeight = 0.72

// text draws one line of text with the anchor at point p, turned counter-clockwise by angle around that point.
func (c canvas) text(s style, txt string, p vg.Point, h, v anchor, angle float64) {
	if txt == "" {
		return
	}
	face := s.face()
	txt = c.drawable(s, txt)
	off := vg.Point{
		X: -face.Width(txt) * vg.Length(h),
		Y: -s.size * capHeight * vg.Length(v),
	}
	c.SetColor(s.color)
	if angle == 0 {
		c.FillString(face, p.Add(off), txt)
		return
	}
	// Turned around the origin, letters stay on the grid of pixels and sharp; moved there first, they would blur.
	sin, cos := math.Sincos(angle)
	turned := vg.Point{X: p.X*vg.Length(cos) + p.Y*vg.Length(sin), Y: p.Y*vg.Length(cos) - p.X*vg.Length(sin)}
	c.Push()
	c.Rotate(angle)
	c.FillString(face, turned.Add(off), txt)
	c.Pop()
}

const quarterTurn = math.Pi / 2

// oneLine makes a text drawable on one line: invalid UTF-8 becomes the replacement character, control characters
// and line breaks a space, and marks that only change the look of their neighbour (joiners, variation selectors,
// skin tones), for which the font would draw boxes of their own, go.
func oneLine(txt string) string {
	txt = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), r >= 0x1f3fb && r <= 0x1f3ff:
			return -1
		}
		return r
	}, strings.ToValidUTF8(txt, "\ufffd"))
	return strings.Join(strings.Fields(txt), " ")
}

func oneLines(txts []string) []string {
	out := make([]string, len(txts))
	for i, t := range txts {
		out[i] = oneLine(t)
	}
	return out
}

// fit shortens a text to the width, with an ellipsis at its end. It may return "" when not even that fits.
func (s style) fit(txt string, width vg.Length) string {
	if s.width(txt) <= width {
		return txt
	}
	runes := []rune(txt)
	for n := len(runes) - 1; n > 0; n-- {
		if short := strings.TrimRight(string(runes[:n]), " ") + "…"; s.width(short) <= width {
			return short
		}
	}
	return ""
}

// wrap breaks a text at spaces into lines of at most the width, and at most max of them: the last one is shortened
// with an ellipsis when there is more.
func (s style) wrap(txt string, width vg.Length, max int) []string {
	var lines []string
	var line string
	words := strings.Fields(txt)
	for i, word := range words {
		longer := word
		if line != "" {
			longer = line + " " + word
		}
		if line != "" && s.width(longer) > width {
			if len(lines) == max-1 {
				return append(lines, s.fit(line+" "+strings.Join(words[i:], " "), width))
			}
			lines = append(lines, s.fit(line, width))
			longer = word
		}
		line = longer
	}
	if line == "" {
		return lines
	}
	return append(lines, s.fit(line, width))
}

// widest returns the width of the widest of the texts.
func (s style) widest(txts []string) (w vg.Length) {
	for _, t := range txts {
		w = max(w, s.width(t))
	}
	return w
}
