package lesson

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/plots"
)

// InfoNCE is the library's contrastive loss ([clip.InfoNCE]) of logits [N][N], in nats, and its gradient [N][N]: how much the loss
// changes with each of the logits. The backend differentiates; no formula is used.
func InfoNCE(b *backend.Backend, logits [][]float64) (loss float64, gradient [][]float64) {
	n := len(logits)
	flat := make([]float32, 0, n*n)
	for _, row := range logits {
		for _, v := range row {
			flat = append(flat, float32(v))
		}
	}
	exec := Try(graph.NewExec(b.Backend, func(x *graph.Node) []*graph.Node {
		loss := clip.InfoNCE(x)
		return []*graph.Node{loss, graph.Gradient(loss, x)[0]}
	}))
	defer exec.Finalize()
	out := Try(exec.Call(tensors.FromFlatDataAndDimensions(flat, n, n)))
	Check(tensors.ConstFlatData(out[0], func(flat []float32) { loss = float64(flat[0]) }))
	Check(tensors.ConstFlatData(out[1], func(flat []float32) { gradient = Try(plots.Rows(flat, n, n)) }))
	return loss, gradient
}
