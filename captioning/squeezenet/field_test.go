package squeezenet_test

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// fieldOf is what a place sees of a picture of that many pixels on a side.
func fieldOf(row, col, size int) image.Rectangle {
	f := squeezenet.Field()
	corner := image.Pt(f.Offset+col*f.Stride, f.Offset+row*f.Stride)
	return image.Rectangle{Min: corner, Max: corner.Add(image.Pt(f.Size, f.Size))}.Intersect(image.Rect(0, 0, size, size))
}

// Whatever changes outside of its field, a place says the same; and it notices what changes at each edge of the field that
// lies in the picture.
func TestFieldByChangingPixels(t *testing.T) {
	const size = 224
	if f := squeezenet.Field(); f.Size != 155 || f.Stride != 16 || f.Offset != -60 {
		t.Fatalf("expected 155 pixels, every 16, from -60 on, found %d, every %d, from %d on", f.Size, f.Stride, f.Offset)
	}
	b, rng := backendtest.Go(t), rand.New(rand.NewPCG(8, 9))
	exec, err := model.NewExec(b, weights(t), func(scope *model.Scope, x *graph.Node) *graph.Node {
		return squeezenet.Features(scope, x, true)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	picture := make([]float32, size*size*3)
	noise := func(changed func(image.Point) bool) []float32 {
		x := append([]float32(nil), picture...)
		for i := range x {
			if at := (image.Point{X: i / 3 % size, Y: i / 3 / size}); changed(at) {
				x[i] = 255*rng.Float32() - 117
			}
		}
		return x
	}
	const grid = 13
	at := func(x []float32, row, col int) []float32 {
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(x, 1, size, size, 3))
		if err != nil {
			t.Fatal(err)
		}
		all := tensors.MustCopyFlatData[float32](out)
		return all[(row*grid+col)*squeezenet.Channels:][:squeezenet.Channels]
	}
	picture = noise(func(image.Point) bool { return true })
	for _, place := range []image.Point{{X: 0, Y: 0}, {X: 6, Y: 6}} {
		field := fieldOf(place.Y, place.X, size)
		before := at(picture, place.Y, place.X)
		outside := at(noise(func(p image.Point) bool { return !p.In(field) }), place.Y, place.X)
		if d := distance(before, outside); d != 0 {
			t.Errorf("place %v sees %v; with all pixels outside changed, it changed by %g", place, field, d)
		}
		for name, edge := range map[string]struct {
			inner image.Rectangle
			whole bool // the field ends here, and not the picture
		}{
			"left":   {image.Rect(field.Min.X+1, field.Min.Y, field.Max.X, field.Max.Y), field.Min.X > 0},
			"right":  {image.Rect(field.Min.X, field.Min.Y, field.Max.X-1, field.Max.Y), field.Max.X < size},
			"top":    {image.Rect(field.Min.X, field.Min.Y+1, field.Max.X, field.Max.Y), field.Min.Y > 0},
			"bottom": {image.Rect(field.Min.X, field.Min.Y, field.Max.X, field.Max.Y-1), field.Max.Y < size},
		} {
			if !edge.whole {
				continue
			}
			line := at(noise(func(p image.Point) bool { return p.In(field) && !p.In(edge.inner) }), place.Y, place.X)
			if distance(before, line) == 0 {
				t.Errorf("place %v sees %v; with the line of pixels at its %s edge changed, it stayed the same", place, field, name)
			}
		}
	}
}

// The gradient of what a place says is zero outside of its field, and is not at its middle.
func TestFieldByGradients(t *testing.T) {
	const size, grid, row, col = 224, 13, 8, 5
	rng := rand.New(rand.NewPCG(10, 11))
	picture := make([]float32, size*size*3)
	for i := range picture {
		picture[i] = 255*rng.Float32() - 117
	}
	out, err := model.CallOnce(backendtest.Go(t), weights(t), func(scope *model.Scope, x *graph.Node) *graph.Node {
		features := graph.Reshape(squeezenet.Features(scope, x, false), grid*grid, squeezenet.Channels)
		return graph.Gradient(graph.ReduceAllSum(graph.SliceAxis(features, 0, graph.AxisElem(row*grid+col))), x)[0]
	}, tensors.FromFlatDataAndDimensions(picture, 1, size, size, 3))
	if err != nil {
		t.Fatal(err)
	}
	field, sum := fieldOf(row, col, size), 0.0
	seen := image.Rectangle{}
	for i, g := range tensors.MustCopyFlatData[float32](out) {
		if g == 0 {
			continue
		}
		sum += math.Abs(float64(g))
		p := image.Pt(i/3%size, i/3/size)
		seen = seen.Union(image.Rectangle{Min: p, Max: p.Add(image.Pt(1, 1))})
	}
	if !seen.In(field) || !field.Inset(field.Dx()/4).In(seen) || sum == 0 {
		t.Errorf("place %d, %d sees %v, but its gradients lie in %v", row, col, field, seen)
	}
}
