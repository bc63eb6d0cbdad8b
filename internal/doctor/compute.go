package doctor

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// compute multiplies two small matrices, and tests the product.
func compute(b *backend.Backend) error {
	product, err := graph.NewExec(b.Backend, func(x, y *graph.Node) *graph.Node { return graph.Dot(x, y).Product() })
	if err != nil {
		return err
	}
	defer product.Finalize()
	out, err := product.Call([][]float32{{1, 2}, {3, 4}}, [][]float32{{5}, {6}})
	if err != nil {
		return err
	}
	got, err := tensors.CopyFlatData[float32](out[0])
	if err != nil {
		return err
	}
	if len(got) != 2 || got[0] != 17 || got[1] != 39 {
		return fmt.Errorf("expected [17 39] for a product of two matrices, found %v", got)
	}
	return nil
}
