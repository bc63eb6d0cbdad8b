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
	"slices"

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
	Pictures []attentionPicture
}

// attentionPicture is one picture with its caption.
type attentionPicture struct {
	File          string // the name without its folder
	Width, Height int    // of the pictures on the page
	Rows, Cols    int    // of the grid of places that the model sees
	Plain         template.URL
	Words         []attentionWord
}

// attentionWord is a word with the picture bright where the captioner looked for it.
type attentionWord struct {
	Word    string
	Overlay template.URL
	Note    string // how sharply
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
	for i, word := range d.Words {
		overlay, err := plots.AttentionOverlay(small, d.Alphas[i], d.Rows, d.Cols)
		if err != nil {
			return fmt.Errorf("%s: %w", n.file, err)
		}
		x := attentionWord{Word: word, Note: sharpness(word, d.Alphas[i])}
		if x.Overlay, err = jpegURI(overlay); err != nil {
			return err
		}
		shown.Words = append(shown.Words, x)
	}
	p.Pictures = append(p.Pictures, shown)
	return nil
}

// Hint is what stands beside the caption while no word is chosen.
func (p attentionPicture) Hint() string {
	return fmt.Sprintf("The captioner sees %d×%d places.", p.Rows, p.Cols)
}

// sharpness says how sharply the captioner looked for a word.
func sharpness(word string, weights []float64) string {
	most, even := slices.Max(weights), 1/float64(len(weights))
	if most < 1.1*even {
		return fmt.Sprintf("“%s”: it looked everywhere alike. The brightest place has %.1f%% of the attention, an even share is %.1f%%.",
			word, 100*most, 100*even)
	}
	return fmt.Sprintf("“%s”: the brightest place has %.1f%% of the attention, %.1f times an even share (%.1f%%).",
		word, 100*most, most/even, 100*even)
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
