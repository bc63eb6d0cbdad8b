package plots

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	xdraw "golang.org/x/image/draw"
	"gonum.org/v1/plot/vg"
)

// AttentionConfig says what [AttentionStrip] draws.
type AttentionConfig struct {
	Title   string // the caption, say
	Picture image.Image
	Words   []string

	// Weights holds, for each word, Rows x Cols attention weights in row-major order, not negative. The grid is laid
	// over the whole picture, so give the picture as the model has seen it: cropped, not only a part looked at.
	Weights    [][]float64
	Rows, Cols int

	// Notes are drawn small below each word, where there are any: how sharply the word looks, say. One for each word, or nil.
	Notes []string

	PerRow int // panels beside each other, the picture's own among them; 5 when 0, at most 12

	// SharedScale makes the largest weight of all words the brightest. Otherwise each word has its own brightest
	// place, which shows where it looks but not how sharply compared with other words.
	SharedScale bool
}

const maxPerRow = 12

// AttentionStrip draws a caption's attention: first the picture, then for each word the picture bright where the word
// looks, with the word above it. See [AttentionOverlay] for how weights become light.
//
// Errors: no picture or an empty one, no words, not one weight map (and one note, if there are any) for each word, maps of
// a wrong size, weights that are negative or not finite, more than 12 panels beside each other.
func AttentionStrip(cfg AttentionConfig) (*Figure, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("attention strip %q: %w", cfg.Title, err)
	}
	if cfg.PerRow == 0 {
		cfg.PerRow = 5
	}
	return &Figure{title: cfg.Title, layout: cfg.layout, photos: true}, nil
}

func (cfg AttentionConfig) check() error {
	if err := checkPicture(cfg.Picture); err != nil {
		return err
	}
	if len(cfg.Words) == 0 || len(cfg.Weights) != len(cfg.Words) {
		return fmt.Errorf("expected at least one word and weights for each, found %d words and %d sets of weights",
			len(cfg.Words), len(cfg.Weights))
	}
	if cfg.Notes != nil && len(cfg.Notes) != len(cfg.Words) {
		return fmt.Errorf("expected a note for each of %d words or none, found %d", len(cfg.Words), len(cfg.Notes))
	}
	for i, w := range cfg.Weights {
		if err := checkWeights(w, cfg.Rows, cfg.Cols); err != nil {
			return fmt.Errorf("word %d (%q): %w", i, cfg.Words[i], err)
		}
	}
	if cfg.PerRow < 0 || cfg.PerRow > maxPerRow {
		return fmt.Errorf("expected 1 to %d panels beside each other, or 0 for five, found %d", maxPerRow, cfg.PerRow)
	}
	return nil
}

func checkPicture(p image.Image) error {
	if p == nil || p.Bounds().Empty() {
		return errors.New("expected a picture of at least one pixel, found none")
	}
	return nil
}

func checkWeights(w []float64, rows, cols int) error {
	if rows < 1 || cols < 1 || len(w) != rows*cols {
		return fmt.Errorf("expected %d x %d weights, found %d", rows, cols, len(w))
	}
	for i, v := range w {
		if math.IsNaN(v) || v < 0 || v > huge {
			return fmt.Errorf("expected attention weights that are finite and not negative, found %g at index %d", v, i)
		}
	}
	return nil
}

// AttentionOverlay returns the picture at its own size, bright where the attention is: the rows x cols grid of weights
// (row-major, not negative) is laid over the whole picture and smoothed with a cubic B-spline, and its largest value
// keeps the picture as it is, a little lighter; where it is zero the picture is dark and grey. Even attention so leaves
// the whole picture bright.
//
// The idea of the picture is that of Show, Attend and Tell (Xu et al., 2015, figures 2 and 3).
func AttentionOverlay(picture image.Image, weights []float64, rows, cols int) (image.Image, error) {
	if err := checkPicture(picture); err != nil {
		return nil, fmt.Errorf("attention overlay: %w", err)
	}
	if err := checkWeights(weights, rows, cols); err != nil {
		return nil, fmt.Errorf("attention overlay: %w", err)
	}
	b := picture.Bounds()
	light := upsample(weights, rows, cols, b.Dy(), b.Dx())
	return shine(onWhite(picture, b.Size()), light, largest(light)), nil
}

// upsample spreads a rows x cols grid over height x width pixels with a uniform cubic B-spline whose knots are the
// centres of the grid's cells; beyond the edge the outermost cells go on. The spline is smooth, keeps constants and
// never leaves the range of the weights (it is a Gaussian of 0.58 cells, nearly), where an interpolating cubic would
// ring below zero around a sharp peak.
func upsample(w []float64, rows, cols, height, width int) []float64 {
	xs, ys := splineTaps(cols, width), splineTaps(rows, height)
	wide := make([]float64, rows*width)
	for r := range rows {
		for x, t := range xs {
			for k, share := range t.share {
				wide[r*width+x] += share * w[r*cols+t.cell[k]]
			}
		}
	}
	out := make([]float64, height*width)
	for y, t := range ys {
		row := out[y*width : (y+1)*width]
		for k, share := range t.share {
			for x := range row {
				row[x] += share * wide[t.cell[k]*width+x]
			}
		}
	}
	return out
}

// taps are the four cells that a pixel sees, and their shares.
type taps struct {
	cell  [4]int
	share [4]float64
}

func splineTaps(cells, pixels int) []taps {
	out := make([]taps, pixels)
	for i := range out {
		pos := (float64(i)+0.5)*float64(cells)/float64(pixels) - 0.5
		first := math.Floor(pos)
		t := pos - first
		out[i].share = [4]float64{
			(1 - t) * (1 - t) * (1 - t) / 6,
			(4 + t*t*(3*t-6)) / 6,
			(1 + t*(3+t*(3-3*t))) / 6,
			t * t * t / 6,
		}
		for k := range 4 {
			out[i].cell[k] = min(max(int(first)-1+k, 0), cells-1)
		}
	}
	return out
}

func largest(values []float64) float64 {
	m := 0.0
	for _, v := range values {
		m = math.Max(m, v)
	}
	return m
}

// How dark the picture is where no attention falls, how much of its colour is gone there, and how much white is
// added where all falls (which a dark picture needs).
const (
	darkest  = 0.3
	greying  = 0.6
	whitened = 0.25
)

// shine lights the picture by light, one value for each pixel; brightest is the value that means full light.
func shine(picture *image.RGBA, light []float64, brightest float64) *image.RGBA {
	out := image.NewRGBA(picture.Rect)
	for i, l := range light {
		t := 0.0
		if brightest > 0 {
			t = math.Min(l/brightest, 1)
		}
		px := picture.Pix[4*i : 4*i+3]
		grey := 0.299*float64(px[0]) + 0.587*float64(px[1]) + 0.114*float64(px[2])
		for k, v := range px {
			dim := darkest * (float64(v) + greying*(grey-float64(v)))
			lit := float64(v) + whitened*(255-float64(v))
			out.Pix[4*i+k] = uint8(math.Round(dim + t*(lit-dim)))
		}
		out.Pix[4*i+3] = 255
	}
	return out
}

// onWhite returns the picture at a size, without transparency and starting at (0, 0).
func onWhite(p image.Image, size image.Point) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(out, out.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	if p.Bounds().Size() == size {
		draw.Draw(out, out.Rect, p, p.Bounds().Min, draw.Over)
	} else {
		xdraw.CatmullRom.Scale(out, out.Rect, p, p.Bounds(), draw.Over, nil)
	}
	return out
}

// layout places the panels in rows of PerRow.
func (cfg AttentionConfig) layout(width vg.Length) (vg.Length, painter) {
	const gap = 8 * vg.Length(1)
	head := newHeader(cfg.Title, nil, width)
	n, k := len(cfg.Words)+1, cfg.PerRow
	panelWidth := snap((width - 2*margin - vg.Length(k-1)*gap) / vg.Length(k))
	size := cfg.Picture.Bounds().Size()
	// A panorama or a tower still gets a panel that can be looked at, with white beside or above it.
	aspect := math.Min(math.Max(float64(size.Y)/float64(size.X), 0.3), 1.6)
	panelHeight := snap(panelWidth * vg.Length(aspect))
	title := snapUp(labelStyle.line() + 2)
	if cfg.Notes != nil {
		title = snapUp(labelStyle.line() + noteStyle.line() + 2)
	}
	rows := (n + k - 1) / k
	height := snapUp(head.height) + vg.Length(rows)*(title+panelHeight) + vg.Length(rows-1)*gap + margin

	return height, func(c canvas) {
		head.paint(c)
		fit := fitInto(size, panelWidth, panelHeight)
		dots := func(l vg.Length) int { return max(1, int(math.Round(l.Dots(c.dpi)))) }
		picture := onWhite(cfg.Picture, image.Point{X: dots(fit.X), Y: dots(fit.Y)})
		brightest := cfg.brightest(picture.Rect.Size())
		for i := range n {
			corner := vg.Point{
				X: margin + vg.Length(i%k)*(panelWidth+gap),
				Y: c.Max.Y - snapUp(head.height) - vg.Length(i/k)*(title+panelHeight+gap),
			}
			word, note, panel := "", "", picture
			if i > 0 && cfg.Notes != nil {
				note = oneLine(cfg.Notes[i-1])
			}
			if i > 0 {
				word = oneLine(cfg.Words[i-1])
				light := upsample(cfg.Weights[i-1], cfg.Rows, cfg.Cols, picture.Rect.Dy(), picture.Rect.Dx())
				panel = shine(picture, light, brightest(light))
			}
			s := labelStyle.shrunk(word, panelWidth)
			middle, below := corner.X+panelWidth/2, corner.Y-title+4
			if cfg.Notes != nil {
				c.text(noteStyle, noteStyle.fit(note, panelWidth), vg.Point{X: middle, Y: below}, atMiddle, atStart, 0)
				below += noteStyle.line()
			}
			c.text(s, s.fit(word, panelWidth), vg.Point{X: middle, Y: below}, atMiddle, atStart, 0)
			min := vg.Point{
				X: corner.X + snap((panelWidth-fit.X)/2),
				Y: corner.Y - title - fit.Y - snap((panelHeight-fit.Y)/2),
			}
			c.DrawImage(vg.Rectangle{Min: min, Max: min.Add(fit)}, panel)
		}
	}
}

// brightest returns the function that says which value of a word's light is full light.
func (cfg AttentionConfig) brightest(size image.Point) func(light []float64) float64 {
	if !cfg.SharedScale {
		return largest
	}
	all := 0.0
	for _, w := range cfg.Weights {
		all = math.Max(all, largest(upsample(w, cfg.Rows, cfg.Cols, size.Y, size.X)))
	}
	return func([]float64) float64 { return all }
}

// fitInto returns the largest size with the picture's aspect, in whole pixels, that fits into width x height.
func fitInto(size image.Point, width, height vg.Length) vg.Point {
	scale := math.Min(float64(width)/float64(size.X), float64(height)/float64(size.Y))
	side := func(n int) vg.Length { return max(pixel, snap(vg.Length(float64(n)*scale+1e-9))) }
	return vg.Point{X: side(size.X), Y: side(size.Y)}
}

// shrunk returns the style a little smaller, down to 8 points, when the text needs that to fit.
func (s style) shrunk(txt string, width vg.Length) style {
	for s.size > 8 && s.width(txt) > width {
		s.size -= 0.5
	}
	return s
}
