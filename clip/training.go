package clip

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// LossKind is a loss to train with. The zero value is [InfoNCELoss].
type LossKind string

const (
	InfoNCELoss LossKind = "infonce" // CLIP's symmetric cross-entropy, [InfoNCE]
	SigLIPLoss  LossKind = "siglip"  // pairwise sigmoids, [SigLIP]
)

// Check says what is wrong with the name of a loss, if anything is.
func (k LossKind) Check() error {
	if k != "" && k != InfoNCELoss && k != SigLIPLoss {
		return fmt.Errorf("loss: expected %s or %s, found %q", InfoNCELoss, SigLIPLoss, k)
	}
	return nil
}

// SigLIP's learned scalars start at these values (Zhai et al. 2023, section 3.2): of so many pairs nearly all do not match, and
// the bias says so from the beginning.
var (
	InitialSigLIPScale = math.Log(10)
	InitialSigLIPBias  = -10.0
)

// Compare is the comparing half of a training step: unit embeddings [N, D] of pictures and texts to the loss and
// exp(logit_scale), both scalars. What it learns is logit_scale in scope and, for SigLIP, logit_bias beside the optimiser's
// state: it changes no rank, and the formats of models have no place for it.
func (k LossKind) Compare(scope *model.Scope, image, text *graph.Node) (loss, scale *graph.Node) {
	if k == SigLIPLoss {
		logitScale := nn.Param(scope, image, "logit_scale", nn.Constant(InitialSigLIPScale))
		bias := nn.Param(scope.Store().Scope("/optimizer"), image, "logit_bias", nn.Constant(InitialSigLIPBias))
		return SigLIP(image, text, logitScale, bias), graph.Exp(logitScale)
	}
	logitScale := LogitScale(scope, image)
	return InfoNCE(Logits(image, text, logitScale)), graph.Exp(logitScale)
}

// CompareMasked is [LossKind.Compare] by InfoNCE for a batch in which some texts would do for other pictures too: where ignore
// [N, N] is above 0.5, the text of the column is no negative of the picture of the row. The diagonal is never ignored.
func CompareMasked(scope *model.Scope, image, text, ignore *graph.Node) (loss, scale *graph.Node) {
	logitScale := LogitScale(scope, image)
	logits := Logits(image, text, logitScale)
	n := logits.Shape().Dim(0)
	ignore.AssertDims(n, n)
	out := graph.LogicalAnd(graph.GreaterThan(ignore, graph.ConstAs(ignore, 0.5)), graph.LogicalNot(graph.Diagonal(logits.Graph(), n)))
	return InfoNCE(graph.Where(out, graph.MulScalar(graph.OnesLike(logits), -1e4), logits)), graph.Exp(logitScale)
}

// ClampScale keeps the temperature in scope in bounds; it belongs after every optimiser step.
func ClampScale(scope *model.Scope, g *graph.Graph) {
	v := scope.GetVariable("logit_scale")
	v.SetNodeValue(ClampLogitScale(v.NodeValue(g)))
}

// LocalInfoNCE is the part of [InfoNCE] that one of several ranks computes when a batch is spread over them: its own pictures
// and texts [n, D] against those of all ranks [N, D], in the order of the ranks. Its pairs begin at offset, so that the
// label of its row i is offset + i. The mean of all ranks' parts is the loss of the whole batch, and so are the gradients
// if all ranks' embeddings are gathered with gradients; without them, the gradient of a rank's embeddings lacks
// what they do as the others' negatives (open_clip's local_loss and gather_with_grad).
func LocalInfoNCE(image, text, allImages, allTexts, logitScale *graph.Node, offset int) *graph.Node {
	rows := shardCrossEntropy(Logits(image, allTexts, logitScale), offset)
	columns := shardCrossEntropy(Logits(text, allImages, logitScale), offset)
	return graph.MulScalar(graph.Add(rows, columns), 0.5)
}

// shardCrossEntropy is the mean over the rows of logits [n, N] of -log softmax at column offset + row.
func shardCrossEntropy(logits *graph.Node, offset int) *graph.Node {
	row := graph.AddScalar(graph.Iota(logits.Graph(), logits.Shape(), 0), float64(offset))
	column := graph.Iota(logits.Graph(), logits.Shape(), 1)
	own := graph.ReduceSum(graph.Where(graph.Equal(row, column), logits, graph.ZerosLike(logits)), 1)
	return graph.ReduceAllMean(graph.Sub(logSumExp(logits, 1), own))
}
