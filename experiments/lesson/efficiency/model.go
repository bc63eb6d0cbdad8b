package efficiency

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Method is what the image tower learns from.
type Method string

// The methods, from the slowest to the fastest by the paper's account.
const (
	Language    Method = "transformer language model"
	Prediction  Method = "bag-of-words prediction"
	Contrastive Method = "bag-of-words contrastive"
	Transformer Method = "transformer contrastive"
)

// Methods lists them.
func Methods() []Method { return []Method{Language, Prediction, Contrastive, Transformer} }

// predicts says whether a method foretells the words of a text, rather than which text it is.
func (m Method) predicts() bool { return m == Language || m == Prediction }

// network is an image tower with what it learns from. shaped has its configuration and vocabulary, and no weights of it.
type network struct {
	method Method
	shaped *clip.Model
	store  *model.Store
}

func newNetwork(method Method, shaped *clip.Model, seed int64) *network {
	n := &network{method, shaped, model.NewStore()}
	n.store.SetParam("/"+nn.SeedParam, seed)
	return n
}

// image is the tower that all methods have: pictures [N, H, W, 3] to features [N, D].
func (n *network) image(scope *model.Scope, pictures *graph.Node) *graph.Node {
	return clip.EncodeImage(scope, n.shaped.Config.Vision, n.shaped.Config.EmbedDim, pictures)
}

// prefix makes what stands in front of the language model's words of image features [N, D]: [N, W].
func (n *network) prefix(scope *model.Scope, feature *graph.Node) *graph.Node {
	return nn.Linear(scope.At("image_proj"), feature, n.shaped.Config.Text.Width, true)
}

// words are the scores [N, V] of all words of the vocabulary, of image features [N, D].
func (n *network) words(scope *model.Scope, feature *graph.Node) *graph.Node {
	return nn.Linear(scope.At("words"), feature, n.shaped.Config.Text.VocabSize, true)
}

// text embeds ids [N, L]: unit vectors [N, D].
func (n *network) text(scope *model.Scope, ids *graph.Node) *graph.Node {
	c := n.shaped.Config
	if n.method == Contrastive {
		return clip.Normalize(clip.EncodeBagOfWords(scope, c.Text, c.EmbedDim, ids))
	}
	return clip.Normalize(clip.EncodeText(scope, c.Text, c.EmbedDim, ids))
}

// loss is that of a batch of pictures [N, H, W, 3], their texts' ids [N, L], and the mask [N, N] of texts that are right for other pictures too.
func (n *network) loss(scope *model.Scope, inputs []*graph.Node) (loss *graph.Node, scalars []experiments.Metric) {
	feature, ids := n.image(scope, inputs[0]), inputs[1]
	switch n.method {
	case Language:
		return n.languageLosses(scope, n.prefix(scope, feature), ids).Total, nil
	case Prediction:
		return bagLoss(logSoftmax(n.words(scope, feature)), ids, n.shaped.Tokenizer.StartToken()), nil
	}
	loss, scale := clip.CompareMasked(scope, clip.Normalize(feature), n.text(scope, ids), inputs[2])
	return loss, []experiments.Metric{{Name: "logit_scale", Value: scale}}
}

// languageLosses are those of the language model: of each token, the end token too, given the picture and the tokens before it. Averaged over all tokens
// of a batch; PerExample sums those of a text.
func (n *network) languageLosses(scope *model.Scope, prefix, ids *graph.Node) captioning.Losses {
	out := captioning.ShowAndTellOutputs{Logits: clip.LanguageModel(scope, n.shaped.Config.Text, prefix, ids)}
	return captioning.ShowAndTellLoss(out, ids, lengths(ids, n.shaped.Tokenizer.EndToken()))
}

// lengths are those of texts [N, L] with start and end token, which each holds once: [N].
func lengths(ids *graph.Node, end int32) *graph.Node {
	at := graph.Where(graph.Equal(ids, graph.ConstAs(ids, end)), graph.IotaLike(ids, -1), graph.ZerosLike(ids))
	return graph.AddScalar(graph.ReduceSum(at, -1), int32(1))
}

// bagOf counts the words of texts [N, L] by their ids: [N, V]. Padding, start and end, which have id 0 and those from start on, are none.
func bagOf(ids *graph.Node, vocab int, start int32) *graph.Node {
	bag := graph.ReduceSum(graph.OneHot(ids, vocab, dtypes.Float32), 1)
	at := graph.IotaLike(bag, -1)
	word := graph.LogicalAnd(graph.GreaterThan(at, graph.ZerosLike(at)), graph.LessThan(at, graph.ConstAs(at, start)))
	return graph.Mul(bag, graph.ConvertDType(word, dtypes.Float32))
}

// bagLoss is the mean over texts of the mean of -log p over a text's words, whatever their order (after Joulin et al. 2016, arXiv 1511.02251):
// logP [N, V], ids [N, L].
func bagLoss(logP, ids *graph.Node, start int32) *graph.Node {
	bag := graph.StopGradient(bagOf(ids, logP.Shape().Dim(-1), start))
	counts := graph.MaxScalar(graph.ReduceSum(bag, -1), 1)
	return graph.Neg(graph.ReduceAllMean(graph.Div(graph.ReduceSum(graph.Mul(bag, logP), -1), counts)))
}

// logSoftmax of scores [N, V].
func logSoftmax(x *graph.Node) *graph.Node {
	shifted := graph.Sub(x, graph.StopGradient(graph.ReduceAndKeep(x, graph.ReduceMax, -1)))
	return graph.Sub(shifted, graph.Log(graph.ReduceAndKeep(graph.Exp(shifted), graph.ReduceSum, -1)))
}

// after follows each step of the optimiser.
func (n *network) after(scope *model.Scope, g *graph.Graph) {
	if !n.method.predicts() {
		clip.ClampScale(scope, g)
	}
}
