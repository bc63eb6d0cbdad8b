package captioner

import (
	"fmt"
	"image"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

func encoderFor(t *testing.T, name string, size, pool int) *Encoder {
	t.Helper()
	t.Setenv("GLIMPSE_DATA", filepath.Dir(testdata.Data(t, "squeezenet")))
	b := backendtest.Open(t, "go")
	e, err := OpenEncoder(b.Backend, name, size, pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// Boxes worked out on paper: SqueezeNet's cells see 155 pixels, every 16, from -60 on. Pooled from 13 to 7, place 3 is the mean
// of cells 5 and 6 and 7 (3*13/7 = 5.6 to 4*13/7 = 7.4).
func TestFieldBoxes(t *testing.T) {
	for _, c := range []struct {
		encoder    string
		size, pool int
		row, col   int
		want       image.Rectangle
	}{
		{"squeezenet", 224, 0, 0, 6, image.Rect(36, 0, 191, 95)},
		{"squeezenet", 224, 7, 3, 0, image.Rect(0, 20, 111, 207)},
		{"squeezenet", 224, 7, 6, 6, image.Rect(116, 116, 224, 224)},
		{"cnn", 48, 0, 0, 3, image.Rect(17, 0, 32, 8)},
	} {
		f, ok := encoderFor(t, c.encoder, c.size, c.pool).Fields()
		if !ok || f.Box(c.row, c.col) != c.want {
			t.Errorf("%s at %d, pooled to %d: place %d, %d sees %v, expected %v", c.encoder, c.size, c.pool, c.row, c.col, f.Box(c.row, c.col), c.want)
		}
	}
}

// Attention on one place lights pixels of its box and no others, brightest near its middle, and the sum stays.
func TestPixelsOfOnePlace(t *testing.T) {
	for _, e := range []*Encoder{encoderFor(t, "squeezenet", 224, 7), encoderFor(t, "squeezenet", 128, 0), encoderFor(t, "cnn", 48, 0)} {
		f, _ := e.Fields()
		for _, place := range []image.Point{{X: 0, Y: 0}, {X: f.Grid / 2, Y: f.Grid / 2}, {X: f.Grid - 1, Y: 1}} {
			alpha := make([]float64, f.Grid*f.Grid)
			alpha[place.Y*f.Grid+place.X] = 0.75
			pixels, err := f.Pixels(alpha)
			if err != nil {
				t.Fatal(err)
			}
			lit, sum := image.Rectangle{}, 0.0
			for i, v := range pixels {
				sum += v
				if v > 0 {
					p := image.Pt(i%f.Side, i/f.Side)
					lit = lit.Union(image.Rectangle{Min: p, Max: p.Add(image.Pt(1, 1))})
				}
			}
			light, err := f.Light(alpha)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range light {
				if (v > 0) != (pixels[i] > 0) || v > 0.75+1e-9 {
					t.Fatalf("%s at %d: pixel %d has the light %g and the share %g of 0.75", e.name, e.size, i, v, pixels[i])
				}
			}
			if box := f.Box(place.Y, place.X); lit != box || math.Abs(sum-0.75) > 1e-9 {
				t.Errorf("%s at %d: place %v lights %v with the sum %g, expected %v and 0.75", e.name, e.size, place, lit, sum, box)
			}
			best := slices.Index(pixels, slices.Max(pixels))
			cell := image.Pt(best%f.Side*f.Grid/f.Side, best/f.Side*f.Grid/f.Side)
			if d := cell.Sub(place); max(d.X, -d.X, d.Y, -d.Y) > 1 {
				t.Errorf("%s at %d: place %v is brightest in cell %v", e.name, e.size, place, cell)
			}
		}
	}
}

func TestEvenAttentionIsEvenLight(t *testing.T) {
	for _, e := range []*Encoder{encoderFor(t, "squeezenet", 224, 7), encoderFor(t, "squeezenet", 224, 0), encoderFor(t, "cnn", 48, 0)} {
		f, _ := e.Fields()
		alpha := make([]float64, f.Grid*f.Grid)
		for i := range alpha {
			alpha[i] = 1 / float64(len(alpha))
		}
		light, err := f.Light(alpha)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range light {
			if math.Abs(v-alpha[0]) > 1e-12 {
				t.Fatalf("%s at %d, pooled to %d: pixel %d has the light %g of an even %g", e.name, e.size, e.pool, i, v, alpha[0])
			}
		}
	}
}

func TestPixelsRefuses(t *testing.T) {
	f, _ := encoderFor(t, "cnn", 32, 0).Fields()
	if _, err := f.Pixels(make([]float64, 15)); err == nil || !strings.Contains(err.Error(), "4 x 4 places, found 15") {
		t.Errorf("expected an error for 15 weights, found %s", fmt.Sprint(err))
	}
	if _, err := f.Light(make([]float64, 17)); err == nil {
		t.Error("expected an error for 17 weights, found none")
	}
}

// What a place of a network says depends on the pixels of its box, near its edge too, where there are so few ways through
// the layers that single pixels drown in rounding, and on no others; a vision transformer's sees everything.
func TestNetworksSeeTheirBoxes(t *testing.T) {
	const side = 160
	for name, path := range encoders(t) {
		t.Run(name, func(t *testing.T) {
			if name == "vit" {
				if _, ok := encoderFor(t, path, networkSize, 0).Fields(); ok {
					t.Error("expected a vision transformer to see everything")
				}
				return
			}
			e := encoderFor(t, path, side, 0)
			f, ok := e.Fields()
			if !ok {
				t.Fatal("expected fields, found none")
			}
			box := f.Box(1, 0)
			if box.Dx() >= side || box.Min.X != 0 || box.Dy() < 20 {
				t.Fatalf("expected a box inside the picture, found %v", box)
			}
			picture := func(changed func(p image.Point) bool) image.Image {
				img := image.NewRGBA(image.Rect(0, 0, side, side))
				for i := range img.Pix {
					img.Pix[i] = uint8(i * i >> 7)
					if i%4 == 3 {
						img.Pix[i] = 255
					} else if changed(image.Pt(i/4%side, i/4/side)) {
						img.Pix[i] ^= 255
					}
				}
				return img
			}
			rows, err := e.inputs([]image.Image{
				picture(func(image.Point) bool { return false }),
				picture(func(p image.Point) bool { return !p.In(box) }),
				picture(func(p image.Point) bool { return p.X >= box.Max.X-box.Dx()/8 }),
				picture(func(p image.Point) bool { return p.Y >= box.Max.Y-box.Dy()/8 }),
			})
			if err != nil {
				t.Fatal(err)
			}
			place := func(row []float32) []float32 { return row[f.Grid*e.Channels:][:e.Channels] }
			for i, same := range []bool{true, true, false, false} {
				if slices.Equal(place(rows[0]), place(rows[i])) != same {
					t.Errorf("picture %d: expected the same features: %v; the box is %v", i, same, box)
				}
			}
		})
	}
}

// Pooled features depend on the pixels of the place's box and on no others.
func TestPooledPlaceSeesItsBox(t *testing.T) {
	e := encoderFor(t, "squeezenet", 224, 7)
	f, _ := e.Fields()
	box := f.Box(6, 6)
	picture := func(outside, edge uint8) image.Image {
		img := image.NewRGBA(image.Rect(0, 0, 224, 224))
		for i := range img.Pix {
			p := image.Pt(i/4%224, i/4/224)
			switch {
			case i%4 == 3:
				img.Pix[i] = 255
			case !p.In(box):
				img.Pix[i] = outside
			case p.X == box.Min.X || p.Y == box.Min.Y:
				img.Pix[i] = edge
			default:
				img.Pix[i] = uint8(i * i >> 7)
			}
		}
		return img
	}
	rows, err := e.inputs([]image.Image{picture(0, 0), picture(255, 0), picture(0, 255)})
	if err != nil {
		t.Fatal(err)
	}
	place := func(row []float32) []float32 { return row[len(row)-e.Channels:] }
	if !slices.Equal(place(rows[0]), place(rows[1])) {
		t.Error("the last place changes with pixels outside of its box")
	}
	if slices.Equal(place(rows[0]), place(rows[2])) {
		t.Error("the last place does not change with the pixels at the edge of its box")
	}
}
