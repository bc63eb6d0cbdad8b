package nn

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// FiLM scales and shifts every channel of x [M, ..., C] as a condition [M, E] says: (1 + gamma) * x + beta, of the shape of x, both of them linear in the condition (Perez et al.
// 2018, arXiv 1709.07871, equation 2, with their scale written as 1 + gamma). Variables in scope: gamma and beta, each as those of [Linear].
func FiLM(scope *model.Scope, x, condition *graph.Node) *graph.Node {
	m, c := x.Shape().Dim(0), x.Shape().Dim(-1)
	condition.AssertDims(m, condition.Shape().Dim(1))
	dims := []int{m}
	for range x.Rank() - 2 {
		dims = append(dims, 1)
	}
	by := func(name string) *graph.Node {
		return graph.Reshape(Linear(scope.At("%s", name), condition, c, true), append(dims, c)...)
	}
	return graph.Add(graph.Mul(x, graph.AddScalar(by("gamma"), 1)), by("beta"))
}
