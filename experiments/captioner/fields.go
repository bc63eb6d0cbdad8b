package captioner

import (
	"fmt"
	"image"

	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Fields is what the places of an encoder's grid can see of a picture: attention says how much it looks at a place, and this
// leads from the place back to pixels. Rows and columns are alike.
type Fields struct {
	Side int // of the picture that the encoder sees, in pixels
	Grid int // places on a side

	field nn.Field
	cells [][2]int // for each place on a side, the cells from..to-1 of the layers' own grid that it is the mean of
}

// Fields returns what the encoder's places can see, and false when each can see everything, as a vision transformer's can.
func (e *Encoder) Fields() (Fields, bool) {
	f := Fields{Side: e.size, Grid: e.Grid}
	from := 0 // places on a side of the network's own grid
	switch {
	case e.net == nil:
		f.field, from = squeezenet.Field(), e.frozen.Grid()
	case e.net.field != nil:
		f.field, from = *e.net.field, e.net.grid
	default:
		return Fields{}, false
	}
	for i := range f.Grid {
		first, end := averagedCells(i, from, f.Grid)
		f.cells = append(f.cells, [2]int{first, end})
	}
	return f, true
}

// Box is what a place can see, as far as it lies in the picture: the union of the fields of the cells that it is the mean of.
func (f Fields) Box(row, col int) image.Rectangle {
	y0, y1 := f.span(row)
	x0, x1 := f.span(col)
	return image.Rect(x0, y0, x1, y1).Intersect(image.Rect(0, 0, f.Side, f.Side))
}

func (f Fields) span(place int) (from, to int) {
	cells := f.cells[place]
	return f.field.Offset + cells[0]*f.field.Stride, f.field.Offset + (cells[1]-1)*f.field.Stride + f.field.Size
}

// Pixels rolls attention back to the picture: the weights [Grid*Grid] of the places, row by row, become one of each pixel
// [Side*Side], sum_i alpha_i phi_i. phi_i is the profile of the field of place i ([nn.Field.Profile]: most in its middle,
// nothing outside of the field), of which what lies in the padding is shared out over the rest. The sum stays the same.
func (f Fields) Pixels(alpha []float64) ([]float64, error) {
	if len(alpha) != f.Grid*f.Grid {
		return nil, fmt.Errorf("expected the weights of %d x %d places, found %d", f.Grid, f.Grid, len(alpha))
	}
	profiles := f.profiles()
	out := make([]float64, f.Side*f.Side)
	for row := range f.Grid {
		line := make([]float64, f.Side) // the weights of this row of places, spread over columns of pixels
		for col, profile := range profiles {
			for x, share := range profile {
				line[x] += alpha[row*f.Grid+col] * share
			}
		}
		for y, share := range profiles[row] {
			if share == 0 {
				continue
			}
			for x, value := range line {
				out[y*f.Side+x] += share * value
			}
		}
	}
	return out, nil
}

// Light is [Fields.Pixels] to be looked at: for each pixel the mean attention of the places that see it, each counted by
// how much it has to do with the pixel, sum_i alpha_i phi_i / sum_i phi_i. So even attention is an even light, where the
// sum alone would be brighter wherever fields happen to overlap more.
func (f Fields) Light(alpha []float64) ([]float64, error) {
	light, err := f.Pixels(alpha)
	if err != nil {
		return nil, err
	}
	ones := make([]float64, len(alpha))
	for i := range ones {
		ones[i] = 1
	}
	seen, err := f.Pixels(ones)
	if err != nil {
		return nil, err
	}
	for i, s := range seen {
		if s > 0 {
			light[i] /= s
		}
	}
	return light, nil
}

// profiles are the shares of the pixels along one side, with sum 1, of each place on it.
func (f Fields) profiles() [][]float64 {
	one := f.field.Profile()
	all := make([][]float64, f.Grid)
	for place, cells := range f.cells {
		shares, sum := make([]float64, f.Side), 0.0
		for cell := cells[0]; cell < cells[1]; cell++ {
			for i, share := range one {
				if x := f.field.Offset + cell*f.field.Stride + i; x >= 0 && x < f.Side {
					shares[x] += share
					sum += share
				}
			}
		}
		for x := range shares {
			shares[x] /= sum
		}
		all[place] = shares
	}
	return all
}
