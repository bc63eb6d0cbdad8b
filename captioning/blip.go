package captioning

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/captioning/bridge"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// BLIPConfig says which model with BLIP's three heads is built: Li et al. 2022, arXiv 2201.12086, section 3.2. One text transformer ([bridge.MED]) learns
// three things at once: which text belongs to which picture of a batch (ITC), whether a text is that of the picture it looks at (ITM), and
// to say it (LM).
//
// Left out are the momentum encoder, with its queue and its soft labels, and what bootstraps the captions (section 3.3).
type BLIPConfig struct {
	Text           bridge.MED `json:"text"`
	EmbedDim       int        `json:"embed_dim"`       // E, numbers that pictures and texts are compared by
	Temperature    float64    `json:"temperature"`     // that the learned one starts from
	LabelSmoothing float64    `json:"label_smoothing"` // of the words
}

// SmallBLIP is a model that a processor core trains in minutes. Its sizes and temperature are ours; the smoothing is the paper's.
func SmallBLIP(vocabSize, context int) BLIPConfig {
	return BLIPConfig{Text: bridge.MED{VocabSize: vocabSize, Context: context, Width: 192, Layers: 3, Heads: 6}, EmbedDim: 64, Temperature: 0.07, LabelSmoothing: 0.1}
}

// Validate returns an error that names the first field with a value that cannot be.
func (c BLIPConfig) Validate() error {
	switch {
	case c.EmbedDim < 1:
		return fmt.Errorf("expected embed_dim to be at least 1, found %d", c.EmbedDim)
	case !(c.Temperature > 0):
		return fmt.Errorf("expected temperature to be above 0, found %g", c.Temperature)
	case !(c.LabelSmoothing >= 0 && c.LabelSmoothing < 1):
		return fmt.Errorf("expected label_smoothing to be from 0 to below 1, found %g", c.LabelSmoothing)
	}
	return c.Text.Check()
}

// BLIPLosses are the three losses of a batch, in nats, and what there is to watch; all scalars.
type BLIPLosses struct {
	Total    *Node // the sum of the three
	ITC      *Node // which text belongs to which picture: the symmetric contrastive loss; chance is ln N
	ITM      *Node // whether the text is the picture's, over right pairs and two hard wrong ones for each
	LM       *Node // -log p of the words, with labels smoothed
	Accuracy *Node // share of the pairs of which ITM's head says what is right; always saying no gives 2/3
}

// BLIP builds the losses for features [N, L, D] of the pictures' places, and captions [N, T] (int32) of which the first lengths [N] (int32) words
// count, start and end included. N is at least 2. Gradients go to the features too. Variables: those of [bridge.MED] in the scope text; image_proj,
// text_proj, itm_head and temperature, which is its logarithm.
func BLIP(scope *model.Scope, cfg BLIPConfig, features, captions, lengths *Node) (l BLIPLosses) {
	similar := cfg.Similarities(scope, features, captions, lengths)
	l.ITC = contrasted(similar)
	texts, pictures := hardPairs(scope, similar)
	l.ITM, l.Accuracy = cfg.matched(scope, features, captions, lengths, texts, pictures)
	_, smoothed, mask := wordLosses(cfg.Say(scope, features, captions, lengths), captions, lengths, cfg.LabelSmoothing)
	l.LM = graph.Div(graph.ReduceAllSum(smoothed), graph.MaxScalar(graph.ReduceAllSum(mask), 1))
	l.Total = graph.Add(graph.Add(l.ITC, l.ITM), l.LM)
	return l
}

// Similarities are the cosines of the pictures (rows) and the texts (columns) of a batch, over the temperature: [N, N].
func (c BLIPConfig) Similarities(scope *model.Scope, features, captions, lengths *Node) *Node {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	h := c.Text.Read(scope.At("text"), bridge.Alone, captions, lengths, nil)
	unit := func(name string, x *Node) *Node {
		return graph.L2NormalizeWithEpsilon(nn.Linear(scope.At("%s", name), x, c.EmbedDim, true), 1e-12, -1)
	}
	image, text := unit("image_proj", graph.ReduceMean(features, 1)), unit("text_proj", first(h))
	log := nn.Param(scope, features, "temperature", nn.Constant(math.Log(c.Temperature)))
	return graph.Mul(graph.DotGeneral(image, []int{1}, nil, text, []int{1}, nil), graph.Exp(graph.Neg(log)))
}

// Match are the scores [N, 2] that a text is not the picture's, and that it is.
func (c BLIPConfig) Match(scope *model.Scope, features, captions, lengths *Node) *Node {
	h := c.Text.Read(scope.At("text"), bridge.Grounded, captions, lengths, features)
	return nn.Linear(scope.At("itm_head"), first(h), 2, true)
}

// Say are the scores [N, T-1, V] of the word that follows each step.
func (c BLIPConfig) Say(scope *model.Scope, features, captions, lengths *Node) *Node {
	read := graph.SliceAxis(captions, 1, graph.AxisRange(0, captions.Shape().Dim(1)-1))
	return c.Text.Scores(scope.At("text"), c.Text.Read(scope.At("text"), bridge.Speaking, read, lengths, features))
}

// first is what has become of the first token of h [N, T, W]: [N, W].
func first(h *Node) *Node { return graph.Squeeze(graph.SliceAxis(h, 1, graph.AxisRange(0, 1)), 1) }

// contrasted is the mean of -log p of the right text over each row of scores [N, N], and of the right picture over each column, the right
// ones being on the diagonal.
func contrasted(scores *Node) *Node {
	right := graph.Iota(scores.Graph(), shapes.Make(dtypes.Int32, scores.Shape().Dim(0)), 0)
	texts, _ := surprise(scores, right, 0)
	pictures, _ := surprise(graph.Transpose(scores, 0, 1), right, 0)
	return graph.MulScalar(graph.ReduceAllMean(graph.Add(texts, pictures)), 0.5)
}

// hardPairs draws for each picture a wrong text, and for each text a wrong picture, the likelier the more similar they are (section 3.2): numbers
// [N] (int32) each.
func hardPairs(scope *model.Scope, similar *Node) (texts, pictures *Node) {
	g, N := similar.Graph(), similar.Shape().Dim(0)
	if N < 2 {
		panic(fmt.Errorf("expected a batch of at least 2 pictures, which lend each other wrong texts, found %d", N))
	}
	similar = graph.StopGradient(graph.Where(graph.Diagonal(g, N), graph.MulScalar(graph.OnesLike(similar), -1e9), similar))
	noise := func() *Node { return attention.Gumbel(scope.RandomUniform(g, shapes.Make(dtypes.Float32, N, N))) }
	return attention.Locate(similar, noise()), attention.Locate(graph.Transpose(similar, 0, 1), noise())
}

// matched is the loss of right pairs, of pictures with wrong texts [N] and of texts with wrong pictures [N], all read together, and the accuracy.
func (c BLIPConfig) matched(scope *model.Scope, features, captions, lengths, texts, pictures *Node) (loss, accuracy *Node) {
	g, N := features.Graph(), features.Shape().Dim(0)
	three := func(a, b, c *Node) *Node { return graph.Concatenate([]*Node{a, b, c}, 0) }
	lent := func(x *Node) *Node { return graph.Gather(x, graph.InsertAxes(texts, -1)) }
	others := graph.MatMul(attention.At(pictures, N), graph.Reshape(features, N, -1)) // a product, of which every backend has the gradient
	scores := c.Match(scope, three(features, features, graph.Reshape(others, features.Shape().Dimensions...)), three(captions, lent(captions), captions),
		three(lengths, lent(lengths), lengths))
	right := graph.ConvertDType(graph.LessThan(graph.Iota(g, shapes.Make(dtypes.Int32, 3*N), 0), graph.Scalar(g, dtypes.Int32, N)), dtypes.Int32)
	nll, _ := surprise(scores, right, 0)
	said := graph.ConvertDType(graph.Equal(graph.ArgMax(scores, 1), right), dtypes.Float32)
	return graph.ReduceAllMean(nll), graph.ReduceAllMean(said)
}
