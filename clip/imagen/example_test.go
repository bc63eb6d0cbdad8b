package imagen_test

import (
	"fmt"
	"log"
	"math"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/imagen"
	"github.com/glimpse-ml/glimpse/clip/latent"
)

// An untrained language model is about as surprised by every token as somebody who thinks all tokens equally likely.
func ExampleLoss() {
	tokenizer, err := clip.TrainTokenizer([]string{"a red circle", "a blue square"}, 20)
	if err != nil {
		log.Fatal(err)
	}
	text := latent.Text{Tower: clip.TextConfig{VocabSize: tokenizer.VocabSize(), ContextLength: 8, Width: 32, Layers: 1, Heads: 2}, Joint: 16, Length: 8}
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		log.Fatal(err)
	}
	loss, err := model.CallOnce(backend, model.NewStore(), func(scope *model.Scope, ids *graph.Node) *graph.Node { return imagen.Loss(scope, text, ids) },
		tensors.FromFlatDataAndDimensions(tokenizer.EncodeBatch([]string{"a red circle"}, 8), 1, 8))
	if err != nil {
		log.Fatal(err)
	}
	all := math.Log(float64(tokenizer.VocabSize()))
	fmt.Println(math.Abs(float64(tensors.ToScalar[float32](loss))-all) < 0.1)
	// Output: true
}
