package segmenting

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// The axes: N pictures, Q conditions for each, H x W pixels, h x w places of a grid, C channels of the tower, D width of the decoder, E of the embeddings.

// Segment is the logits [N, Q, H, W] of every pixel of pictures [N, H, W, 3], normalised as the tower wants them, for conditions [N, Q, E], which are
// unit embeddings of texts or of example pictures, or mixtures of both ([Mix]). No gradient flows into the tower.
func Segment(scope *model.Scope, cfg Config, pictures, conditions *graph.Node) *graph.Node {
	return Decode(scope, cfg, Activations(scope, cfg, pictures), conditions)
}

// Activations is what the frozen image tower knows of pictures [N, H, W, 3] at the layers of the configuration: a grid [N, h, w, C] of each.
func Activations(scope *model.Scope, cfg Config, pictures *graph.Node) (grids []*graph.Node) {
	_, layers := clip.ImageTower(scope, cfg.CLIP.Vision, cfg.CLIP.EmbedDim, pictures)
	for _, name := range cfg.Layers {
		grids = append(grids, graph.StopGradient(gridOf(cfg, layers, name)))
	}
	return grids
}

// gridOf is the layer of that name as a grid [N, h, w, C]; a ViT's class token is left out.
func gridOf(cfg Config, layers clip.Layers, name string) *graph.Node {
	for _, l := range layers {
		if l.Name != name {
			continue
		}
		if l.Value.Rank() == 4 { // [N, C, h, w]
			return graph.TransposeAllAxes(l.Value, 0, 2, 3, 1)
		}
		h, w, c := cfg.CLIP.Vision.Grid()
		return graph.Reshape(graph.SliceAxis(l.Value, 1, graph.AxisRangeToEnd(1)), l.Value.Shape().Dim(0), h, w, c)
	}
	var names []string
	for _, l := range layers {
		names = append(names, l.Name)
	}
	panic(fmt.Errorf("layers: expected layers of the image tower, found %q; it has %q", name, names))
}

// Decode turns the grids [N, h, w, C] of a tower, the coarsest first, and conditions [N, Q, E] into logits [N, Q, H, W]. Each next grid has as many
// places as the one before, or twice, four times ... as many along each side.
func Decode(scope *model.Scope, cfg Config, grids []*graph.Node, conditions *graph.Node) *graph.Node {
	v := cfg.CLIP.Vision
	n, q := conditions.Shape().Dim(0), conditions.Shape().Dim(1)
	conditions.AssertDims(n, q, cfg.CLIP.EmbedDim)
	conditions = graph.Reshape(conditions, n*q, cfg.CLIP.EmbedDim)
	scope = scope.At(decoderScope)
	var x *graph.Node // [N*Q, h, w, D]
	for i, grid := range grids {
		s := scope.At("%d", i)
		reduced := forEach(nn.Linear(s.At("reduce"), nn.LayerNorm(s.At("norm"), grid, normEps), cfg.Width, true), q)
		if i == 0 {
			x = attendBlock(s, cfg, reduced, conditions)
			continue
		}
		x = graph.Add(enlarged(x, grid.Shape().Dim(1), grid.Shape().Dim(2)), reduced)
		if !cfg.Everywhere {
			x = convBlock(s, x, nil)
		} else {
			x = convBlock(s, x, conditions)
		}
	}
	h, w := x.Shape().Dim(1), x.Shape().Dim(2)
	x = nn.LayerNorm(scope.At("norm"), x, normEps)
	return graph.Reshape(transposedConv(scope.At("pixels"), x, v.Height/h, v.Width/w), n, q, v.Height, v.Width)
}

// forEach gives every one of q conditions a copy of its picture's x [N, h, w, D]: [N*Q, h, w, D].
func forEach(x *graph.Node, q int) *graph.Node {
	d := x.Shape().Dimensions
	x = graph.BroadcastToDims(graph.ExpandAxes(x, 1), d[0], q, d[1], d[2], d[3])
	return graph.Reshape(x, d[0]*q, d[1], d[2], d[3])
}

// enlarged writes every place of x [M, h, w, D] so often that h x w places become height x width.
func enlarged(x *graph.Node, height, width int) *graph.Node {
	d := x.Shape().Dimensions
	if height%d[1] != 0 || width%d[2] != 0 {
		panic(fmt.Errorf("layers: expected grids of the image tower from the coarsest to the finest, found %dx%d places behind %dx%d", height, width, d[1], d[2]))
	}
	if height == d[1] && width == d[2] {
		return x
	}
	x = graph.BroadcastToDims(graph.Reshape(x, d[0], d[1], 1, d[2], 1, d[3]), d[0], d[1], height/d[1], d[2], width/d[2], d[3])
	return graph.Reshape(x, d[0], height, width, d[3])
}

// transposedConv is a convolution turned round whose kernel is its stride, as in the paper: every place of x [M, h, w, D] becomes high x wide pixels,
// [M, h*high, w*wide].
func transposedConv(scope *model.Scope, x *graph.Node, high, wide int) *graph.Node {
	d := x.Shape().Dimensions
	y := nn.Linear(scope, x, high*wide, true) // [M, h, w, high*wide]
	y = graph.TransposeAllAxes(graph.Reshape(y, d[0], d[1], d[2], high, wide), 0, 1, 3, 2, 4)
	return graph.Reshape(y, d[0], d[1]*high, d[2]*wide)
}

// Mix is a condition between a text's and an example picture's, each [N, Q, E]: share [N, Q, 1] of the picture's, the rest of the text's.
func Mix(text, example, share *graph.Node) *graph.Node {
	return graph.Add(text, graph.Mul(share, graph.Sub(example, text)))
}
