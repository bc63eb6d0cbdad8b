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
	"github.com/glimpse-ml/glimpse/captioning/language"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// BLIPConfig says which model with BLIP's three heads is built: Li et al. 2022, arXiv 2201.12086, section 3.2. One text transformer ([bridge.MED]) learns
// three things at once: which text belongs to which picture of a batch (ITC), whether a text is that of the picture it looks at (ITM), and
// to say it (LM).
//
// Left out are the momentum encoder, with its queue and its soft labels, and what bootstraps the captions (section 3.3).
type BLIPConfig struct {
	Text           bridge.MED `json:"text"`            // its vocab_size and context follow from the others
	EmbedDim       int        `json:"embed_dim"`       // E, numbers that pictures and texts are compared by
	Temperature    float64    `json:"temperature"`     // that the learned one starts from
	LabelSmoothing float64    `json:"label_smoothing"` // of the words
	ITC            float64    `json:"itc_weight"`      // of the contrastive loss in the sum; with 0 it is not there. The paper's weights are all 1
	ITM            float64    `json:"itm_weight"`      // of the loss of matching, likewise
	FeatureDim     int        `json:"feature_dim"`     // D, numbers of one location's feature vector
	Locations      int        `json:"locations"`       // L, places of the feature grid
	MaxLen         int        `json:"max_len"`         // most words of a caption, the end word included, the start word not
}

// SmallBLIP is a model that a processor core trains in minutes. Its sizes, dropout and temperature are ours; the smoothing is the paper's.
func SmallBLIP() BLIPConfig {
	return BLIPConfig{Text: bridge.MED{VocabSize: int(End) + 1, Context: 21, Width: 192, Layers: 2, Heads: 6, Dropout: 0.2}, EmbedDim: 64, Temperature: 0.07,
		LabelSmoothing: 0.1, ITC: 1, ITM: 1, FeatureDim: 512, Locations: 49, MaxLen: 20}
}

// Fit is c for a vocabulary and an encoder's features.
func (c BLIPConfig) Fit(vocabSize, locations, featureDim int) BLIPConfig {
	c.Text.VocabSize, c.Locations, c.FeatureDim = vocabSize, locations, featureDim
	c.Text.Context = c.MaxLen + 1
	return c
}

// Validate returns an error that names the first field with a value that cannot be.
func (c BLIPConfig) Validate() error {
	if err := atLeast([]leastValue{{"embed_dim", c.EmbedDim, 1}, {"feature_dim", c.FeatureDim, 1}, {"locations", c.Locations, 1}, {"max_len", c.MaxLen, 1},
		{"text.vocab_size", c.Text.VocabSize, int(End) + 1}, {"text.context", c.Text.Context, c.MaxLen + 1}}); err != nil {
		return err
	}
	switch {
	case !(c.Temperature > 0):
		return fmt.Errorf("expected temperature to be above 0, found %g", c.Temperature)
	case !(c.LabelSmoothing >= 0 && c.LabelSmoothing < 1):
		return fmt.Errorf("expected label_smoothing to be from 0 to below 1, found %g", c.LabelSmoothing)
	case !(c.ITC >= 0 && c.ITM >= 0):
		return fmt.Errorf("expected itc_weight and itm_weight to be 0 or more, found %g and %g", c.ITC, c.ITM)
	case c.ITM > 0 && c.ITC == 0:
		return fmt.Errorf("expected an itc_weight above 0 where itm_weight is: wrong pairs are drawn by the similarities that it teaches")
	}
	return c.Text.Check()
}

// BLIPLosses are the three losses of a batch, in nats, and what there is to watch; scalars but for the last two.
type BLIPLosses struct {
	Total    *Node // the sum of the three, with their weights
	ITC      *Node // which text belongs to which picture: the symmetric contrastive loss; chance is ln N
	ITM      *Node // whether the text is the picture's, over right pairs and two hard wrong ones for each
	LM       *Node // -log p of the words, with labels smoothed
	Accuracy *Node // share of the pairs of which ITM's head says what is right; always saying no gives 2/3
	Words    *Node // -log p of the words, without smoothing

	PerExample *Node // [N] -log p of each caption
	Steps      *Node // [N] its words
}

// BLIP builds the losses for features [N, L, D] of the pictures' places, and captions [N, T] (int32) of which the first lengths [N] (int32) words
// count, start and end included. N is at least 2. Gradients go to the features too. A loss without weight is 0, and its head is not built. Variables:
// those of [bridge.MED] in the scope text; image_proj, text_proj, itm_head and temperature, which is its logarithm.
func BLIP(scope *model.Scope, cfg BLIPConfig, features, captions, lengths *Node) (l BLIPLosses) {
	return BLIPAs(scope, cfg, features, captions, lengths, func(logits *Node) *Node { return logits })
}

// BLIPAs is [BLIP] with the words' scores changed before their loss is taken, as captions are drawn by others than those of the head.
func BLIPAs(scope *model.Scope, cfg BLIPConfig, features, captions, lengths *Node, said func(logits *Node) *Node) (l BLIPLosses) {
	seen := cfg.look(scope, features)
	l = blipWords(cfg, said(cfg.say(scope, seen, captions, lengths)), captions, lengths)
	if cfg.ITC == 0 {
		return l
	}
	similar := cfg.Similarities(scope, features, captions, lengths)
	l.ITC = contrasted(similar)
	l.Total = graph.Add(l.Total, graph.MulScalar(l.ITC, cfg.ITC))
	if cfg.ITM > 0 {
		texts, pictures := hardPairs(scope, similar)
		l.ITM, l.Accuracy = cfg.matched(scope, seen, captions, lengths, texts, pictures)
		l.Total = graph.Add(l.Total, graph.MulScalar(l.ITM, cfg.ITM))
	}
	return l
}

// blipWords are the losses of the words alone, from their scores [N, T-1, V].
func blipWords(cfg BLIPConfig, logits, captions, lengths *Node) (l BLIPLosses) {
	nll, smoothed, mask := wordLosses(logits, captions, lengths, cfg.LabelSmoothing)
	words := graph.MaxScalar(graph.ReduceAllSum(mask), 1)
	l.LM, l.Words = graph.Div(graph.ReduceAllSum(smoothed), words), graph.Div(graph.ReduceAllSum(nll), words)
	none := graph.ZerosLike(l.LM)
	l.Total, l.ITC, l.ITM, l.Accuracy = l.LM, none, none, none
	l.PerExample, l.Steps = graph.ReduceSum(nll, 1), graph.ReduceSum(mask, 1)
	return l
}

// Similarities are the cosines of the pictures (rows) and the texts (columns) of a batch, over the temperature: [N, N].
func (c BLIPConfig) Similarities(scope *model.Scope, features, captions, lengths *Node) *Node {
	image, text := c.EmbedPictures(scope, features), c.EmbedTexts(scope, captions, lengths)
	log := nn.Param(scope, features, "temperature", nn.Constant(math.Log(c.Temperature)))
	return graph.Mul(graph.DotGeneral(image, []int{1}, nil, text, []int{1}, nil), graph.Exp(graph.Neg(log)))
}

// EmbedPictures are unit vectors [N, E] of pictures, which texts are compared with.
func (c BLIPConfig) EmbedPictures(scope *model.Scope, features *Node) *Node {
	return c.unit(scope.At("image_proj"), graph.ReduceMean(features, 1))
}

// EmbedTexts are unit vectors [N, E] of texts, read alone.
func (c BLIPConfig) EmbedTexts(scope *model.Scope, captions, lengths *Node) *Node {
	return c.unit(scope.At("text_proj"), first(c.Text.Read(scope.At("text"), bridge.Alone, captions, lengths, nil)))
}

func (c BLIPConfig) unit(scope *model.Scope, x *Node) *Node {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	return graph.L2NormalizeWithEpsilon(nn.Linear(scope, x, c.EmbedDim, true), 1e-12, -1)
}

// Match are the scores [N, 2] that a text is not the picture's, and that it is.
func (c BLIPConfig) Match(scope *model.Scope, features, captions, lengths *Node) *Node {
	return c.match(scope, c.look(scope, features), captions, lengths)
}

func (c BLIPConfig) match(scope *model.Scope, seen []language.KeysValues, captions, lengths *Node) *Node {
	h := c.Text.Read(scope.At("text"), bridge.Grounded, captions, lengths, seen)
	return nn.Linear(scope.At("itm_head"), first(h), 2, true)
}

// Say are the scores [N, T-1, V] of the word that follows each step.
func (c BLIPConfig) Say(scope *model.Scope, features, captions, lengths *Node) *Node {
	return c.say(scope, c.look(scope, features), captions, lengths)
}

// look is what features [N, L, D] are to the layers.
func (c BLIPConfig) look(scope *model.Scope, features *Node) []language.KeysValues {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	features.AssertDims(-1, c.Locations, c.FeatureDim)
	return c.Text.Look(scope.At("text"), features)
}

func (c BLIPConfig) say(scope *model.Scope, seen []language.KeysValues, captions, lengths *Node) *Node {
	read := graph.SliceAxis(captions, 1, graph.AxisRange(0, captions.Shape().Dim(1)-1))
	return c.Text.Scores(scope.At("text"), c.Text.Read(scope.At("text"), bridge.Speaking, read, lengths, seen))
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
func (c BLIPConfig) matched(scope *model.Scope, seen []language.KeysValues, captions, lengths, texts, pictures *Node) (loss, accuracy *Node) {
	g, N := captions.Graph(), captions.Shape().Dim(0)
	three := func(a, b, c *Node) *Node { return graph.Concatenate([]*Node{a, b, c}, 0) }
	lent := func(x *Node) *Node { return graph.Gather(x, graph.InsertAxes(texts, -1)) }
	which := attention.At(pictures, N)
	pairs := func(x *Node) *Node { // others come by a product, of which every backend has the gradient
		return three(x, x, graph.Reshape(graph.MatMul(which, graph.Reshape(x, N, -1)), x.Shape().Dimensions...))
	}
	var of []language.KeysValues
	for _, layer := range seen {
		of = append(of, language.KeysValues{K: pairs(layer.K), V: pairs(layer.V)})
	}
	scores := c.match(scope, of, three(captions, lent(captions), captions), three(lengths, lent(lengths), lengths))
	right := graph.ConvertDType(graph.LessThan(graph.Iota(g, shapes.Make(dtypes.Int32, 3*N), 0), graph.Scalar(g, dtypes.Int32, N)), dtypes.Int32)
	nll, _ := surprise(scores, right, 0)
	said := graph.ConvertDType(graph.Equal(graph.ArgMax(scores, 1), right), dtypes.Float32)
	return graph.ReduceAllMean(nll), graph.ReduceAllMean(said)
}
