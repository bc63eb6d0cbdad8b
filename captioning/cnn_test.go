package captioning

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

var tinyCNN = CNNConfig{Size: 16, Channels: []int{8, 16}, Groups: 4}

// block is a black picture for tinyCNN with a block of one colour at a place of the grid.
func block(place int, colour [3]float32) []float32 {
	const size, grid = 16, 4
	picture := make([]float32, size*size*3)
	y, x := place/grid*4, place%grid*4
	for dy := range 4 {
		for dx := range 4 {
			copy(picture[((y+dy)*size+x+dx)*3:], colour[:])
		}
	}
	return picture
}

// Location i of the features is the place i of the picture, row by row: a block is felt most where it is, give or take
// a step, the weights being drawn at random.
func TestCNNKeepsPlaces(t *testing.T) {
	const places, grid = 16, 4
	var pictures []float32
	for place := range places {
		pictures = append(pictures, block(place, [3]float32{1, 1, 1})...)
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out, err := model.CallOnce(b, model.NewStore(), func(scope *model.Scope, x *Node) *Node {
			return CNN(scope, tinyCNN, x)
		}, tensors.FromFlatDataAndDimensions(slices.Clone(pictures), places, 16, 16, 3))
		if err != nil {
			t.Fatal(err)
		}
		L, D := tinyCNN.Locations(), tinyCNN.FeatureDim()
		if got := out.Shape().Dimensions; !slices.Equal(got, []int{places, 16, 16}) || L != 16 || D != 16 {
			t.Fatalf("got the shape %v, want [16 16 16]", got)
		}
		features := flat(t, out)
		for n := range places {
			// The location that differs most from the same one of the other pictures.
			best, most := -1, 0.0
			for i := range L {
				difference := 0.0
				for d := range D {
					mean := 0.0
					for m := range places {
						mean += float64(features[(m*L+i)*D+d]) / places
					}
					difference += math.Abs(float64(features[(n*L+i)*D+d]) - mean)
				}
				if difference > most {
					best, most = i, difference
				}
			}
			if down, right := best/grid-n/grid, best%grid-n%grid; max(down, -down, right, -right) > 1 {
				t.Errorf("the block at place %d is felt most at %d", n, best)
			}
		}
	})
}

// CNN and decoder train together: captions that name the block's colour are learned, wherever the block is.
func TestCNNTrainsWithDecoder(t *testing.T) {
	const N = 16
	cfg := Tiny(int(Unknown) + 1 + 4)
	cfg.Locations, cfg.FeatureDim, cfg.Lambda = tinyCNN.Locations(), tinyCNN.FeatureDim(), 0
	colours := [][3]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}}
	var pictures []float32
	var ids []int32
	for n := range N {
		pictures = append(pictures, block(n, colours[n*5%4])...)
		ids = append(ids, Start, Unknown+1+int32(n*5%4), End)
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		adam := optimizer.Adam().LearningRate(0.01).Done()
		exec, err := model.NewExec(b, store, func(scope *model.Scope, x, captions, lengths *Node) *Node {
			a := CNN(scope.At("cnn"), tinyCNN, x)
			l := Loss(cfg, Decode(scope.At("decoder"), cfg, a, captions), captions, lengths)
			adam.UpdateGraph(scope, x.Graph(), l.Total)
			return graph.ReduceAllMax(l.PerExample)
		})
		if err != nil {
			t.Fatal(err)
		}
		args := []any{
			tensors.FromFlatDataAndDimensions(slices.Clone(pictures), N, 16, 16, 3),
			tensors.FromFlatDataAndDimensions(slices.Clone(ids), N, 3),
			tensors.FromFlatDataAndDimensions(slices.Repeat([]int32{3}, N), N),
		}
		worst := float32(math.Inf(1))
		for step := 0; step < 100 && !(worst < 0.5); step++ {
			out, err := exec.Call(args...)
			if err != nil {
				t.Fatal(err)
			}
			worst = tensors.ToScalar[float32](out[0])
		}
		if !(worst < 0.5) {
			t.Errorf("after 100 steps the worst caption still costs %g", worst)
		}
	})
}

func TestCNNConfig(t *testing.T) {
	small := SmallCNN()
	if err := small.Validate(); err != nil || small.Locations() != 49 || small.FeatureDim() != 256 {
		t.Errorf("got %v, %d locations, %d features", err, small.Locations(), small.FeatureDim())
	}
	for _, bad := range []CNNConfig{{}, {Size: 15, Channels: []int{8}, Groups: 4}, {Size: 16, Channels: []int{9}, Groups: 4}, {Size: 16, Channels: []int{8}},
		{Size: 16, Channels: []int{8}, Groups: 4, Places: true}, {Size: 16, Channels: []int{8}, Groups: 4, Refine: []int{-1}}, {Size: 16, Channels: []int{8}, Groups: 4, Refine: []int{1, 1}}} {
		if err := bad.Validate(); err == nil || !strings.HasPrefix(err.Error(), "expected ") {
			t.Errorf("%+v: got the error %v", bad, err)
		}
	}
}

// Of an even picture all places but those at the edges look alike, unless the network knows where they are: then all of
// them differ, and from left to right as x says.
func TestCNNKnowsPlaces(t *testing.T) {
	cfg := CNNConfig{Size: 32, Channels: []int{8, 16}, Groups: 4, Refine: []int{0, 1}}
	const grid = 8
	pixels := slices.Repeat([]float32{0.3}, 32*32*3)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, knows := range []bool{false, true} {
			cfg.Places = knows
			out, err := model.CallOnce(b, model.NewStore(), func(scope *model.Scope, x *Node) *Node {
				return CNN(scope, cfg, x)
			}, tensors.FromFlatDataAndDimensions(slices.Clone(pixels), 1, 32, 32, 3))
			if err != nil {
				t.Fatal(err)
			}
			features := flat(t, out)
			D := cfg.FeatureDim()
			if len(features) != grid*grid*D {
				t.Fatalf("got %d numbers", len(features))
			}
			difference := 0.0
			for d := range D { // of two places in the middle, which see no edge
				difference += math.Abs(float64(features[(3*grid+3)*D+d]) - float64(features[(4*grid+5)*D+d]))
			}
			if knows != (difference > 1e-3) {
				t.Errorf("places %v: two places differ by %g", knows, difference)
			}
		}
	})
}

func TestCoordinates(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out, err := model.CallOnce(b, model.NewStore(), func(_ *model.Scope, x *Node) *Node { return coordinates(x) },
			tensors.FromFlatDataAndDimensions(make([]float32, 2*3*5), 1, 2, 3, 5))
		if err != nil {
			t.Fatal(err)
		}
		want := []float32{-1, -1, 0, -1, 1, -1, -1, 1, 0, 1, 1, 1} // x and y of the first row, and of the second
		if got := flat(t, out); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
