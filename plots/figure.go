package plots

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image/color"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

const (
	// DefaultWidth is the width of a figure when none is given: 800 pixels at 96 dots per inch.
	DefaultWidth = 600 * vg.Length(1)

	minWidth = 200 * vg.Length(1)
	maxWidth = 4800 * vg.Length(1)

	screenDPI = 96
	// sharpDPI is for pages: two dots per CSS pixel, so that a dense screen shows sharp letters and lines.
	sharpDPI = 192

	// pixel is one dot on screen. Edges that must be crisp (cells, pictures) lie on multiples of it.
	pixel = vg.Inch / screenDPI
)

// A Figure is a picture that is ready to be written. It holds no canvas: each write lays it out for its width, so
// one figure may be written several times and by several goroutines at once.
type Figure struct {
	title  string
	layout func(width vg.Length) (height vg.Length, paint painter)
	photos bool // most of it is photographs, which make large PNGs
}

// A painter draws on a canvas that starts at (0, 0), lower left, and has the size that its layout has chosen.
type painter func(c canvas)

// canvas is a drawing surface with what pictures and letters need to know of it.
type canvas struct {
	draw.Canvas
	dpi    float64
	raster bool // letters are drawn here, with our font, and not by the reader of an SVG
}

// PNG writes the figure as a PNG at 96 dots per inch. The width is in points (three quarters of a pixel) and
// [DefaultWidth] when left out; the height follows from the content.
func (f *Figure) PNG(w io.Writer, width ...vg.Length) error {
	return f.png(w, screenDPI, width)
}

func (f *Figure) png(w io.Writer, dpi int, width []vg.Length) error {
	wd, h, paint, err := f.measure(width)
	if err != nil {
		return err
	}
	c := vgimg.NewWith(vgimg.UseWH(wd, h), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	paint(canvas{draw.NewCanvas(rasterCanvas{c}, wd, h), float64(dpi), true})
	if err := png.Encode(w, c.Image()); err != nil {
		return fmt.Errorf("could not write figure %q as PNG: %w", f.title, err)
	}
	return nil
}

// SVG writes the figure as an SVG document; see [Figure.PNG] for the width.
func (f *Figure) SVG(w io.Writer, width ...vg.Length) error {
	wd, h, paint, err := f.measure(width)
	if err != nil {
		return err
	}
	c := &svgCanvas{Canvas: vgsvg.New(wd, h)}
	paint(canvas{draw.NewCanvas(c, wd, h), sharpDPI, false})
	out, err := c.document()
	if err == nil {
		_, err = w.Write(out)
	}
	if err != nil {
		return fmt.Errorf("could not write figure %q as SVG: %w", f.title, err)
	}
	return nil
}

// Save writes the figure to path, whole or not at all; the ending, .png or .svg, chooses the format.
func (f *Figure) Save(path string, width ...vg.Length) error {
	write := f.PNG
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png":
	case ".svg":
		write = f.SVG
	default:
		return fmt.Errorf("cannot save a figure as %s: expected a name that ends in .png or .svg, found %q", path, ext)
	}
	return atomicfile.Write(path, func(w io.Writer) error { return write(w, width...) })
}

// HTML returns an img element that holds the whole figure as a PNG, see [DataURI], for a page or a notebook cell. The
// title is its alternative text.
func (f *Figure) HTML(width ...vg.Length) (template.HTML, error) {
	wd, _, _, err := f.measure(width)
	if err != nil {
		return "", err
	}
	uri, err := DataURI(f, width...)
	if err != nil {
		return "", err
	}
	return template.HTML(fmt.Sprintf(`<img src="%s" alt="%s" width="%.0f" style="max-width:100%%;height:auto">`,
		uri, template.HTMLEscapeString(oneLine(f.title)), math.Round(float64(wd/pixel)))), nil
}

// DataURI returns the figure as a data: address with a PNG in it, to be used as the source of an img element. It has
// two dots for each CSS pixel (one where most of it is photographs, for the sake of size), so give the element its
// width in CSS pixels, 800 for [DefaultWidth], or use [Figure.HTML].
func DataURI(f *Figure, width ...vg.Length) (template.URL, error) {
	dpi := sharpDPI
	if f != nil && f.photos {
		dpi = screenDPI
	}
	var buf bytes.Buffer
	if err := f.png(&buf, dpi, width); err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(buf.Bytes())), nil
}

// SVGDataURI is [DataURI] with an SVG in it: smaller and sharp at every size for curves, bars and scatter maps, but
// drawn in the fonts of the machine that shows it.
func SVGDataURI(f *Figure, width ...vg.Length) (template.URL, error) {
	var buf bytes.Buffer
	if err := f.SVG(&buf, width...); err != nil {
		return "", err
	}
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(buf.Bytes())), nil
}

// measure lays the figure out. Width and height are whole pixels, so that what is on the pixel grid stays on it when
// the canvas turns the y axis around.
func (f *Figure) measure(width []vg.Length) (w, h vg.Length, paint painter, err error) {
	w = DefaultWidth
	switch {
	case f == nil || f.layout == nil:
		return 0, 0, nil, errors.New("expected a figure made by Curves, Heatmap or another function of package plots, " +
			"found an empty one")
	case len(width) > 1:
		return 0, 0, nil, fmt.Errorf("expected at most one width for figure %q, found %d", f.title, len(width))
	case len(width) == 1:
		w = width[0]
	}
	if !(w >= minWidth && w <= maxWidth) {
		return 0, 0, nil, fmt.Errorf("expected a figure width between %g and %g points, found %g; "+
			"a point is 4/3 pixels", float64(minWidth), float64(maxWidth), float64(w))
	}
	w = snap(w)
	h, paint = f.layout(w)
	return w, snapUp(h), paint, nil
}

// snap rounds a length down to whole pixels, snapUp up.
func snap(l vg.Length) vg.Length   { return pixel * vg.Length(math.Floor(float64(l/pixel)+1e-6)) }
func snapUp(l vg.Length) vg.Length { return pixel * vg.Length(math.Ceil(float64(l/pixel)-1e-6)) }
