package main

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/gonum/floats"

	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/plots"
)

//go:embed attention.html
var attentionText string

// attentionPage is the page of `glimpse caption --attention`.
type attentionPage struct {
	Model    string
	Fields   bool // the page offers the light of receptive fields too
	Side     int  // of the picture that the model sees, in pixels
	Pictures []attentionPicture

	fields captioner.Fields
}

// newAttentionPage is for the captioner of a folder, and for the ensemble that it makes with those of others.
func newAttentionPage(c *captioner.Model, folders ...string) *attentionPage {
	fields, ok := c.Fields()
	return &attentionPage{Model: strings.Join(folders, ", together with "), Fields: ok, Side: fields.Side, fields: fields}
}

// attentionPicture is one picture with its caption.
type attentionPicture struct {
	File          string // the name without its folder
	Width, Height int    // of the pictures on the page
	Rows, Cols    int    // of the grid of places that the model sees
	Plain         template.URL
	Looks         []attentionLook
}

// attentionLook is a word with the picture bright where the captioner looked for it, or the sum over all words.
type attentionLook struct {
	Word   string
	All    bool
	Smooth template.URL // the grid laid over the picture, smoothed
	Pixels template.URL // the light where the places' receptive fields are; none if the page has no such light
	Box    template.CSS // the receptive field of the brightest place, as a style
	Note   string       // how sharply
}

// pageSide is the long side of a picture on the page, in pixels; an even smaller picture is enlarged to it.
const pageSide = 420

func (p *attentionPage) add(n named, d captioner.Described) error {
	w, h := fitted(n.picture.Bounds().Size(), pageSide)
	small, err := picture.ResizeCrop(n.picture, w, h, image.Rect(0, 0, w, h), picture.Bicubic)
	if err != nil {
		return fmt.Errorf("%s: %w", n.file, err)
	}
	shown := attentionPicture{File: filepath.Base(n.file), Width: w, Height: h, Rows: d.Rows, Cols: d.Cols}
	if shown.Plain, err = jpegURI(small); err != nil {
		return err
	}
	for _, l := range looksOf(d) {
		x, err := p.look(small, l, d.Rows, d.Cols)
		if err != nil {
			return fmt.Errorf("%s: %w", n.file, err)
		}
		shown.Looks = append(shown.Looks, x)
	}
	p.Pictures = append(p.Pictures, shown)
	return nil
}

// look draws a look in both lights.
func (p *attentionPage) look(small image.Image, l look, rows, cols int) (attentionLook, error) {
	x := attentionLook{Word: l.Word, All: l.All, Note: l.note()}
	overlay, err := plots.AttentionOverlay(small, l.Weights, rows, cols)
	if err != nil {
		return x, err
	}
	if x.Smooth, err = jpegURI(overlay); err != nil || !p.Fields {
		return x, err
	}
	light, err := p.fields.Light(l.Weights)
	if err != nil {
		return x, err
	}
	if overlay, err = plots.AttentionOverlay(small, light, p.Side, p.Side); err != nil {
		return x, err
	}
	if !l.All {
		best := floats.MaxIdx(l.Weights)
		x.Box = p.box(best/cols, best%cols)
	}
	x.Pixels, err = jpegURI(overlay)
	return x, err
}

// box is the place on the page of what a place of the grid can see.
func (p *attentionPage) box(row, col int) template.CSS {
	b, percent := p.fields.Box(row, col), 100/float64(p.Side)
	return template.CSS(fmt.Sprintf("left:%.2f%%;top:%.2f%%;width:%.2f%%;height:%.2f%%",
		float64(b.Min.X)*percent, float64(b.Min.Y)*percent, float64(b.Dx())*percent, float64(b.Dy())*percent))
}

// FieldSide is what a place can see, at most, of the picture that the model sees: "155 × 155".
func (p *attentionPage) FieldSide() string {
	widest := 0
	for i := range p.fields.Grid {
		widest = max(widest, p.fields.Box(i, i).Dx())
	}
	return fmt.Sprintf("%d×%d", widest, widest)
}

// Hint is what stands beside the caption while no word is chosen.
func (p attentionPicture) Hint() string {
	return fmt.Sprintf("The captioner sees %d×%d places.", p.Rows, p.Cols)
}

// fitted is the size with the same aspect whose long side is side.
func fitted(size image.Point, side int) (w, h int) {
	long := max(size.X, size.Y)
	return max(1, size.X*side/long), max(1, size.Y*side/long)
}

func jpegURI(img image.Image) (template.URL, error) {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 85}); err != nil {
		return "", fmt.Errorf("cannot encode a picture for the page: %w", err)
	}
	return template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(buf.Bytes())), nil
}

func (p *attentionPage) write(path string) error {
	page, err := template.New("attention").Parse(attentionText)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return page.Execute(w, p) })
}
