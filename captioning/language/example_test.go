package language_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/language"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// The scores of the token that follows each of three.
func ExampleLogits() {
	b, err := backend.OpenNamed("go")
	if err != nil {
		panic(err)
	}
	defer b.Finalize()
	cfg := language.Small(100, 20) // 100 tokens, texts of up to 20
	exec := model.MustNewExec(b.Backend, model.NewStore(), func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return language.Logits(scope, cfg, ids)
	})
	defer exec.Finalize()
	fmt.Println(exec.MustCall1([][]int32{{5, 17, 4}}).Shape())
	// Output: (Float32)[1, 3, 100]
}
