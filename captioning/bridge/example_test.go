package bridge_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/bridge"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// A picture of 7 x 7 places becomes four vectors of 32 numbers, which stand before the words.
func ExampleTransformer() {
	b, err := backend.OpenNamed("go")
	if err != nil {
		panic(err)
	}
	defer b.Finalize()
	cfg := bridge.TransformerConfig{Length: 4, Width: 32, Layers: 2, Heads: 4}
	exec := model.MustNewExec(b.Backend, model.NewStore(), func(scope *model.Scope, features *graph.Node) *graph.Node {
		return bridge.Transformer(scope, cfg, features)
	})
	defer exec.Finalize()
	features := make([][]float32, 49)
	for i := range features {
		features[i] = make([]float32, 64)
	}
	fmt.Println(exec.MustCall1([][][]float32{features}).Shape())
	// Output: (Float32)[1, 4, 32]
}
