package captioning

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/language"
)

// BLIP's third head as a walk sees it. Kept of each picture are its keys and values [L, W] in every layer, and of a caption's words theirs, in the state
// h, c, with the number of words read behind the keys.

// WeightShapes returns the shapes of the weights outside the layers, by their names.
func (c BLIPConfig) WeightShapes() map[string][]int {
	W := c.Text.Width
	return map[string][]int{"text.wte.weight": {c.Text.VocabSize + 2, W}, "text.wpe.weight": {c.Text.Context, W}, "text.norm.weight": {W}, "text.norm.bias": {W}}
}

func (c BLIPConfig) sizes() sizes {
	s := sizes{features: []int{c.Locations, c.FeatureDim}, vocab: c.Text.VocabSize, maxLen: c.MaxLen, hidden: c.read().hidden()}
	for range c.Text.Layers {
		s.seen = append(s.seen, []int{c.Locations, c.Text.Width}, []int{c.Locations, c.Text.Width})
	}
	return s
}

func (c BLIPConfig) read() readSoFar {
	return readSoFar{layers: c.Text.Layers, maxLen: c.MaxLen, width: c.Text.Width}
}

func (c BLIPConfig) meet(scope *model.Scope, features *Node) (seen []*Node, h, cell *Node) {
	for _, layer := range c.look(scope, features) {
		seen = append(seen, layer.K, layer.V)
	}
	nothing := graph.Zeros(features.Graph(), shapes.Make(dtypes.Float32, features.Shape().Dim(0), c.read().hidden()))
	return seen, nothing, nothing
}

func (c BLIPConfig) next(scope *model.Scope, seen []*Node, h, cell, words *Node) (logits, alpha, nextH, nextC *Node) {
	keys, count := c.read().unpack(h)
	values, unused := c.read().unpack(cell)
	var pictures, own []language.KeysValues
	for i := range c.Text.Layers {
		pictures = append(pictures, language.KeysValues{K: seen[2*i], V: seen[2*i+1]})
		own = append(own, language.KeysValues{K: keys[i], V: values[i]})
	}
	said, own := c.Text.Step(scope.At("text"), words, graph.ConvertDType(graph.Squeeze(count, 1), dtypes.Int32), pictures, own)
	for i := range c.Text.Layers {
		keys[i], values[i] = own[i].K, own[i].V
	}
	return c.Text.Scores(scope.At("text"), said), nil, pack(keys, graph.AddScalar(count, 1)), pack(values, unused)
}
