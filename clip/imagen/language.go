package imagen

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Logits are the scores of every token of the vocabulary after each of ids [N, L] (int32): [N, L, V].
func Logits(scope *model.Scope, text latent.Text, ids *graph.Node) *graph.Node {
	text.Skip, text.Mean, text.Deviation = 0, nil, nil // the network by itself
	table := nn.Param(scope.At("token_embedding"), ids, "weight", nn.Normal(0.02), text.Tower.VocabSize, text.Tower.Width)
	return nn.Affine(text.Tokens(scope, ids), table, nil)
}

// Loss is the mean surprise of the tokens of texts ids [N, L] (int32), in nats: start token, words, end token, zeros, which are no part of a text and do not count. Radford
// et al. 2018, equation 1.
func Loss(scope *model.Scope, text latent.Text, ids *graph.Node) *graph.Node {
	n, l := ids.Shape().Dim(0), ids.Shape().Dim(1)
	logits := graph.SliceAxis(Logits(scope, text, ids), 1, graph.AxisRange(0, l-1))
	next := graph.SliceAxis(ids, 1, graph.AxisRange(1, l))
	counts := graph.ConvertDType(graph.NotEqual(next, graph.ZerosLike(next)), dtypes.Float32)
	chosen := graph.OneHot(next, text.Tower.VocabSize, dtypes.Float32)
	surprise := graph.Neg(graph.ReduceSum(graph.Mul(chosen, graph.LogSoftmax(logits, -1)), -1))
	surprise.AssertDims(n, l-1)
	return graph.Div(graph.ReduceAllSum(graph.Mul(surprise, counts)), graph.ReduceAllSum(counts))
}
