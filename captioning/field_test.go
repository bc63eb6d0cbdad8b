package captioning_test

import (
	"image"
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// A spot is moved over an even picture. As long as it is outside of a place's field the place says the same wherever the
// spot is: the group norms, which see all pixels, see the same ones moved by whole places. One pixel into the field, it
// says something else.
func TestCNNField(t *testing.T) {
	cfg := captioning.CNNConfig{Size: 96, Channels: []int{8, 8, 16}, Groups: 4}
	field := cfg.Field()
	if field.Size != 15 || field.Stride != 8 || field.Offset != -7 {
		t.Fatalf("expected 15 pixels, every 8, from -7 on, found %d, every %d, from %d on", field.Size, field.Stride, field.Offset)
	}
	store := model.NewStore()
	exec, err := model.NewExec(backendtest.Go(t), store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return captioning.CNN(scope, cfg, x)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	const row, col = 5, 5
	grid := cfg.Size / field.Stride
	at := func(spot image.Point) []float32 { // what the place says when the spot of 3 x 3 pixels is there
		x := make([]float32, cfg.Size*cfg.Size*3)
		for i := range 27 {
			x[((spot.Y+i/9)*cfg.Size+spot.X+i/3%3)*3+i%3] = float32(i%5) - 1.5
		}
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(x, 1, cfg.Size, cfg.Size, 3))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[float32](out)[(row*grid+col)*cfg.FeatureDim():][:cfg.FeatureDim()]
	}
	difference := func(x, y []float32) float64 {
		most := 0.0
		for i := range x {
			most = math.Max(most, math.Abs(float64(x[i]-y[i])))
		}
		return most
	}
	first, last := field.Offset+row*field.Stride, field.Offset+row*field.Stride+field.Size-1 // 33 to 47
	for _, c := range []struct {
		name                string
		outside, into, same image.Point // same is a place further away than outside
	}{
		// The spot's own columns are x..x+2: at first-3 it ends just before the field, at last+1 it begins just behind it.
		{"left", image.Pt(first-3, 40), image.Pt(first-2, 40), image.Pt(first-3-8, 40)},
		{"right", image.Pt(last+1, 40), image.Pt(last, 40), image.Pt(last+1+8, 40)},
		{"top", image.Pt(40, first-3), image.Pt(40, first-2), image.Pt(40, first-3-8)},
		{"bottom", image.Pt(40, last+1), image.Pt(40, last), image.Pt(40, last+1+8)},
	} {
		if d := difference(at(c.outside), at(c.same)); d > 1e-5 {
			t.Errorf("%s: a spot just outside of the field, moved away, changes the place by %g", c.name, d)
		}
		moved := image.Pt(c.into.X+(c.same.X-c.outside.X), c.into.Y+(c.same.Y-c.outside.Y))
		if d := difference(at(c.into), at(moved)); d < 1e-4 {
			t.Errorf("%s: a spot that comes one pixel into the field changes the place by %g only", c.name, d)
		}
	}
}

// A convolution behind the last stage sees one place more on every side.
func TestCNNFieldRefined(t *testing.T) {
	cfg := captioning.CNNConfig{Size: 96, Channels: []int{8, 8, 16}, Groups: 4, Refine: []int{0, 0, 1}}
	if field := cfg.Field(); field.Size != 31 || field.Stride != 8 || field.Offset != -15 {
		t.Errorf("expected 31 pixels, every 8, from -15 on, found %d, every %d, from %d on", field.Size, field.Stride, field.Offset)
	}
}
