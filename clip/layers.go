package clip

import "github.com/gomlx/gomlx/core/graph"

// Layer is something a tower computes on its way to the feature.
type Layer struct {
	Name  string // such as "visual.after_block.3"
	Value *graph.Node
}

// Layers are what a tower computes on its way, in that order. What nobody asks for is not computed.
//
// Grids are [N, C, H, W], as in PyTorch, sequences are [N, L, W] with the class token first.
type Layers []Layer

func (l *Layers) add(name string, value *graph.Node) { *l = append(*l, Layer{name, value}) }

// addGrid adds a picture [N, H, W, C].
func (l *Layers) addGrid(name string, value *graph.Node) {
	l.add(name, graph.TransposeAllAxes(value, 0, 3, 1, 2))
}
