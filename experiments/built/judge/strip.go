package judge

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"

	"github.com/glimpse-ml/glimpse/plots"
)

// Strip is a row of small pictures as a report keeps it.
type Strip struct {
	PNG   []byte   `json:"png"` // beside each other
	Side  int      `json:"side"`
	Asked []string `json:"asked,omitempty"` // what was asked for, such as "red circle"
	Found []string `json:"found,omitempty"` // what the judge sees
}

// Shown is how many samples are shown: the first ones, whatever they are.
const Shown = 12

// NewStrip keeps the first n of pictures [side, side, 3] in -1..1, with what was asked for and found where there are labels.
func NewStrip(values []float32, side, n int, labels []Label, verdicts []Verdict) (Strip, error) {
	size := 3 * side * side
	n = min(n, len(values)/size)
	s := Strip{Side: side}
	for i := range min(n, len(labels)) {
		s.Asked, s.Found = append(s.Asked, labels[i].String()), append(s.Found, verdicts[i].Label.String())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, Tiled(values[:n*size], side, n, 0)); err != nil {
		return s, err
	}
	s.PNG = b.Bytes()
	return s, nil
}

// Tiled lays pictures [side, side, 3] in -1..1 out in rows of so many columns, with white gaps of so many pixels between them.
func Tiled(values []float32, side, columns, gap int) *image.RGBA {
	size := 3 * side * side
	n := len(values) / size
	rows := (n + columns - 1) / columns
	out := image.NewRGBA(image.Rect(0, 0, columns*(side+gap)-gap, rows*(side+gap)-gap))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	for i := range n {
		at := image.Pt(i%columns*(side+gap), i/columns*(side+gap))
		draw.Draw(out, image.Rectangle{at, at.Add(image.Pt(side, side))}, Pixels(values[i*size:(i+1)*size], side), image.Point{}, draw.Src)
	}
	return out
}

// Row is the strip as a row of a sheet, each picture enlarged so that its pixels can be seen. Those that are what was asked for are framed.
func (s Strip) Row(heading string, notes []string) (plots.SheetRow, error) {
	img, err := png.Decode(bytes.NewReader(s.PNG))
	if err != nil {
		return plots.SheetRow{}, fmt.Errorf("cannot read the pictures of a report: %w", err)
	}
	row := plots.SheetRow{Heading: heading}
	for i := range img.Bounds().Dx() / s.Side {
		p := plots.SheetPicture{Picture: Enlarged(img, image.Rect(i*s.Side, 0, (i+1)*s.Side, s.Side), 6)}
		if i < len(s.Asked) {
			p.Note, p.Marked = s.Asked[i], s.Asked[i] == s.Found[i]
		}
		if i < len(notes) {
			p.Note = notes[i]
		}
		row.Pictures = append(row.Pictures, p)
	}
	return row, nil
}

// Enlarged writes every pixel of a part of a picture as a square of so many pixels, so that it can be seen.
func Enlarged(img image.Image, part image.Rectangle, times int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, part.Dx()*times, part.Dy()*times))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			out.Set(x, y, img.At(part.Min.X+x/times, part.Min.Y+y/times))
		}
	}
	return out
}

// Ways keeps at most [Shown] of the pictures that a sampler passed, evenly spread and the last among them: as they were, and what was guessed of the clean one.
func Ways(noised, guessed [][]float32, at []int, side int) (way, guess Strip, steps []int, err error) {
	var a, b []float32
	n := min(Shown, len(at))
	for i := range n {
		k := (i+1)*len(at)/n - 1
		a, b, steps = append(a, noised[k]...), append(b, guessed[k]...), append(steps, at[k])
	}
	if way, err = NewStrip(a, side, n, nil, nil); err != nil {
		return way, guess, nil, err
	}
	guess, err = NewStrip(b, side, n, nil, nil)
	return way, guess, steps, err
}
