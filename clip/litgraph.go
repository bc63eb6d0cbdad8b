package clip

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// ReadLocked maps rows [N, inputs] of a locked tower to features [N, embedDim], not normalised: square roots (the numbers are
// activations after a ReLU, with long tails), standardised by the training pictures' mean and spread (variables
// visual/mean and visual/std, which [NewLiT] fills), then a linear map and, beside it, one hidden layer.
func ReadLocked(scope *model.Scope, cfg ReaderConfig, embedDim int, rows *graph.Node) *graph.Node {
	n := rows.Shape().Dim(0)
	rows.AssertDims(n, cfg.Inputs)
	scope = scope.At("visual")
	training := scope.IsTraining(rows.Graph())
	mean := nn.Variable(scope, "mean", nn.Zeros, cfg.Inputs).SetTrainable(false).NodeValue(rows)
	std := nn.Variable(scope, "std", nn.Ones, cfg.Inputs).SetTrainable(false).NodeValue(rows)
	x := graph.Sqrt(graph.MaxScalar(rows, 0))
	x = graph.Div(graph.Sub(x, graph.ExpandAxes(mean, 0)), graph.ExpandAxes(std, 0))
	x = nn.Dropout(scope, x, cfg.Dropout, training)
	scale := 1 / math.Sqrt(float64(cfg.Inputs))
	y := nn.Affine(x, nn.Param(scope.At("proj"), x, "weight", nn.Normal(scale), embedDim, cfg.Inputs), nil)
	if cfg.Hidden > 0 {
		h := linear(scope.At("hidden"), x, cfg.Hidden, nn.HeNormal)
		h = nn.Dropout(scope, nn.ReLU(h), cfg.Dropout, training)
		y = graph.Add(y, linear(scope.At("hidden_proj"), h, embedDim, nn.Normal(1/math.Sqrt(float64(cfg.Hidden)))))
	}
	y.AssertDims(n, embedDim)
	return y
}

// EncodeLiTText is [EncodeText] with dropout, and with the mean over tokens as another choice of the feature.
func EncodeLiTText(scope *model.Scope, cfg LiTConfig, ids *graph.Node) *graph.Node {
	g, n, l := ids.Graph(), ids.Shape().Dim(0), ids.Shape().Dim(1)
	training := scope.IsTraining(g)
	t := cfg.Text
	table := nn.Param(scope.At("token_embedding"), g, "weight", nn.Normal(0.02), t.VocabSize, t.Width)
	positions := nn.Param(scope, g, "positional_embedding", nn.Normal(0.01), t.ContextLength, t.Width)
	x := graph.Add(nn.Lookup(table, ids), graph.ExpandAxes(graph.Slice(positions, graph.AxisRange(0, l)), 0))
	x = nn.Dropout(scope, x, cfg.Dropout, training)

	blocks := t.blocks()
	for _, after := range blocks.encode(scope, x, nn.Causal(g, l)) {
		x = after
	}
	if cfg.Pool == "mean" {
		x = nn.LayerNorm(scope.At("ln_final"), x, blocks.eps)
		x = meanOfTokens(x, ids)
	} else {
		x = nn.LayerNorm(scope.At("ln_final"), at(x, endToken(ids, t.EndToken)), blocks.eps)
	}
	x = nn.Dropout(scope, x, cfg.Dropout, training)
	projection := nn.Param(scope, g, "text_projection", nn.Normal(1/math.Sqrt(float64(t.Width))), t.Width, cfg.EmbedDim)
	x = graph.MatMul(x, projection)
	x.AssertDims(n, cfg.EmbedDim)
	return x
}

// meanOfTokens is the mean of x [N, L, W] over each row's tokens, padding (id 0 after the first token) left out: [N, W].
func meanOfTokens(x, ids *graph.Node) *graph.Node {
	end := graph.Equal(ids, graph.ReduceAndKeep(ids, graph.ReduceMax, -1))
	position := graph.IotaLike(ids, -1)
	beyond := graph.MulScalar(graph.OnesLike(ids), ids.Shape().Dim(-1))
	first := graph.ReduceAndKeep(graph.Where(end, position, beyond), graph.ReduceMin, -1)
	inside := graph.ConvertDType(graph.LessOrEqual(position, first), x.DType()) // [N, L]
	sum := graph.ReduceSum(graph.Mul(x, graph.ExpandAxes(inside, -1)), 1)
	return graph.Div(sum, graph.ReduceAndKeep(inside, graph.ReduceSum, -1))
}

// readerStatistics are mean and spread of the square roots of rows of several views of the training pictures.
func readerStatistics(views [][][]float32, inputs int) (mean, std []float32) {
	n, sum, squares := 0.0, make([]float64, inputs), make([]float64, inputs)
	for _, rows := range views {
		for _, row := range rows {
			n++
			for j, v := range row {
				sum[j] += math.Sqrt(max(float64(v), 0))
				squares[j] += max(float64(v), 0)
			}
		}
	}
	for j := range sum {
		m := sum[j] / max(n, 1)
		mean = append(mean, float32(m))
		std = append(std, float32(math.Sqrt(max(squares[j]/max(n, 1)-m*m, 1e-6))))
	}
	return mean, std
}
