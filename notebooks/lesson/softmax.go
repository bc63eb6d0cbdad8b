package lesson

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/attention"
)

// Softmax is [attention.Softmax] of some scores, each multiplied by a factor first, in float64.
func Softmax(scores []float64, factor float64) []float64 {
	exec := Try(graph.NewExec(Backend().Backend, func(e *graph.Node) *graph.Node {
		return attention.Softmax(graph.MulScalar(e, factor))
	}))
	defer exec.Finalize()
	alpha := Try(exec.Call(tensors.FromFlatDataAndDimensions(scores, 1, len(scores))))
	return Try(tensors.CopyFlatData[float64](alpha[0]))
}
