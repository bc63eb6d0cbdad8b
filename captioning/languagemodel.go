package captioning

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/bridge"
	"github.com/glimpse-ml/glimpse/captioning/language"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Bridge is how a picture comes into a language model.
type Bridge string

const (
	BridgeMLP         Bridge = "mlp"         // ClipCap: a prefix made of the picture as a whole by a network of one hidden layer
	BridgeTransformer Bridge = "transformer" // ClipCap: a prefix of learned vectors that read the picture's places
	BridgeLinear      Bridge = "linear"      // LLaVA: every place is a vector of the prefix
	BridgeFlamingo    Bridge = "flamingo"    // Flamingo: the blocks look at resampled vectors through gates; the prefix is one learned vector
)

// Bridges are all of them.
func Bridges() []Bridge {
	return []Bridge{BridgeMLP, BridgeTransformer, BridgeLinear, BridgeFlamingo}
}

// LanguageConfig says which captioner is built of a language model (package language) and a bridge from pictures to it (package bridge).
type LanguageConfig struct {
	Bridge     Bridge          `json:"bridge"`
	Length     int             `json:"length"`      // vectors that a picture becomes; linear makes one of each place instead
	Layers     int             `json:"layers"`      // of the bridge's transformer, where it has one
	Language   language.Config `json:"language"`    // its vocab_size and n_positions follow from the others
	FeatureDim int             `json:"feature_dim"` // D, numbers of one location's feature vector
	Locations  int             `json:"locations"`   // L, places of the feature grid

	LabelSmoothing float64 `json:"label_smoothing"` // as in [Config]
	MaxLen         int     `json:"max_len"`         // most words of a caption, the end word included, the start word not
}

// SmallLanguage is a captioner that a processor core trains in minutes. The sizes are ours; ClipCap's prefixes are 10 or 40 vectors.
func SmallLanguage(bridge Bridge) LanguageConfig {
	return LanguageConfig{Bridge: bridge, Length: 8, Layers: 2, Language: language.Small(int(End)+1, 64), FeatureDim: 512, Locations: 49, MaxLen: 20}
}

// Fit is c for a vocabulary and an encoder's features.
func (c LanguageConfig) Fit(vocabSize, locations, featureDim int) LanguageConfig {
	c.Locations, c.FeatureDim, c.Language.VocabSize = locations, featureDim, vocabSize
	c.Language.Context = c.prefix() + c.MaxLen
	return c
}

// prefix is P, the vectors before the first word.
func (c LanguageConfig) prefix() int {
	switch c.Bridge {
	case BridgeLinear:
		return c.Locations
	case BridgeFlamingo:
		return 1
	}
	return c.Length
}

// Validate returns an error that names the first field with a value that cannot be.
func (c LanguageConfig) Validate() error {
	switch c.Bridge {
	case BridgeMLP, BridgeTransformer, BridgeLinear, BridgeFlamingo:
	default:
		return fmt.Errorf("expected bridge to be one of %q, found %q", Bridges(), c.Bridge)
	}
	if err := atLeast([]leastValue{{"length", c.Length, 1}, {"layers", c.Layers, 1}, {"feature_dim", c.FeatureDim, 1}, {"locations", c.Locations, 1},
		{"max_len", c.MaxLen, 1}, {"language.vocab_size", c.Language.VocabSize, int(End) + 1}, {"language.n_positions", c.Language.Context, c.prefix() + c.MaxLen}}); err != nil {
		return err
	}
	if !(c.LabelSmoothing >= 0 && c.LabelSmoothing < 1) {
		return fmt.Errorf("expected label_smoothing to be from 0 to below 1, found %g", c.LabelSmoothing)
	}
	return c.Language.Validate()
}

// WeightShapes returns the shapes of the weights that every bridge has, by their names: those of the language model outside its blocks.
func (c LanguageConfig) WeightShapes() map[string][]int {
	W := c.Language.Width
	return map[string][]int{"lm.wte.weight": {c.Language.VocabSize, W}, "lm.wpe.weight": {c.Language.Context, W}, "lm.ln_f.weight": {W}, "lm.ln_f.bias": {W}}
}

// DecodeLanguage reads the pictures' features [N, L, D] and the words of captions [N, T] (int32), the start word first, padded to T, and returns at each
// of the T-1 steps the scores [N, T-1, V] of the word that follows. Variables: those of package language in the scope lm, the bridge's in bridge.
func DecodeLanguage(scope *model.Scope, cfg LanguageConfig, features, captions *Node) (logits *Node) {
	T := captions.Shape().Dim(1)
	lm := scope.At("lm")
	prefix, memory := cfg.bridge(scope, features)
	words := language.Embed(lm, cfg.Language, graph.SliceAxis(captions, 1, graph.AxisRange(0, T-1)))
	h, _ := language.Run(lm, cfg.Language, graph.Concatenate([]*Node{prefix, words}, 1), cfg.between(scope, memory))
	return language.Scores(lm, cfg.Language, graph.SliceAxis(h, 1, graph.AxisRangeToEnd(cfg.prefix())))
}

// LanguageLoss is the mean of -log p over all words: of the T words of captions [N, T], the first lengths [N] count, start and end included. Its total has
// its labels smoothed. DoublyStochastic is 0.
func LanguageLoss(cfg LanguageConfig, logits, captions, lengths *Node) Losses {
	nll, smoothed, mask := wordLosses(logits, captions, lengths, cfg.LabelSmoothing)
	words := graph.MaxScalar(graph.ReduceAllSum(mask), 1)
	mean := graph.Div(graph.ReduceAllSum(nll), words)
	return Losses{Total: graph.Div(graph.ReduceAllSum(smoothed), words), CrossEntropy: mean, DoublyStochastic: graph.ZerosLike(mean),
		PerExample: graph.ReduceSum(nll, 1), Steps: graph.ReduceSum(mask, 1)}
}

// bridge makes the prefix [N, P, W] of features [N, L, D], and what the blocks look at, [N, length, W], or nil.
func (c LanguageConfig) bridge(scope *model.Scope, features *Node) (prefix, memory *Node) {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	features.AssertDims(-1, c.Locations, c.FeatureDim)
	scope = scope.At("bridge")
	W := c.Language.Width
	sizes := bridge.TransformerConfig{Length: c.Length, Width: W, Layers: c.Layers, Heads: c.Language.Heads}
	switch c.Bridge {
	case BridgeMLP:
		return bridge.MLP(scope, features, c.Length, W), nil
	case BridgeTransformer:
		return bridge.Transformer(scope, sizes, features), nil
	case BridgeLinear:
		return bridge.Linear(scope, features, W), nil
	}
	image := nn.Param(scope, features, "image_token", nn.Normal(0.02), 1, 1, W)
	return graph.BroadcastToDims(image, features.Shape().Dim(0), 1, W), bridge.Resample(scope, sizes, features)
}

// between lets the blocks look at memory [N, M, W], if there is one. Where x has the words of N K captions, K of each picture, those of a picture look
// together.
func (c LanguageConfig) between(scope *model.Scope, memory *Node) language.Between {
	if memory == nil {
		return nil
	}
	return func(layer int, x *Node) *Node {
		N, dims := memory.Shape().Dim(0), x.Shape().Dimensions
		grouped := graph.Reshape(x, N, -1, dims[2])
		looked := bridge.GatedCrossAttention(scope.At("bridge").At("looks").At("%d", layer), grouped, memory, c.Language.Heads)
		return graph.Reshape(looked, dims...)
	}
}

// The captioner as a walk sees it. Kept of each picture are the keys and values [P, W] of its prefix in every block, and the memory. A caption's state h, c
// holds the keys, and the values, of its words in every block, [layers max_len W], and behind the keys the number of words read.

func (c LanguageConfig) sizes() sizes {
	s := sizes{features: []int{c.Locations, c.FeatureDim}, vocab: c.Language.VocabSize, maxLen: c.MaxLen,
		hidden: c.read().hidden()}
	for range c.Language.Layers {
		s.seen = append(s.seen, []int{c.prefix(), c.Language.Width}, []int{c.prefix(), c.Language.Width})
	}
	if c.Bridge == BridgeFlamingo {
		s.seen = append(s.seen, []int{c.Length, c.Language.Width})
	}
	return s
}

func (c LanguageConfig) meet(scope *model.Scope, features *Node) (seen []*Node, h, cell *Node) {
	prefix, memory := c.bridge(scope, features)
	_, past := language.Run(scope.At("lm"), c.Language, prefix, c.between(scope, memory))
	for _, block := range past {
		seen = append(seen, block.K, block.V)
	}
	if memory != nil {
		seen = append(seen, memory)
	}
	nothing := graph.Zeros(features.Graph(), shapes.Make(dtypes.Float32, features.Shape().Dim(0), c.sizes().hidden))
	return seen, nothing, nothing
}

func (c LanguageConfig) next(scope *model.Scope, seen []*Node, h, cell, words *Node) (logits, alpha, nextH, nextC *Node) {
	lm, layers := scope.At("lm"), c.Language.Layers
	var memory *Node
	if c.Bridge == BridgeFlamingo {
		memory = seen[2*layers]
	}
	var prefix []language.KeysValues
	for i := range layers {
		prefix = append(prefix, language.KeysValues{K: seen[2*i], V: seen[2*i+1]})
	}
	keys, count := c.read().unpack(h)
	values, unused := c.read().unpack(cell)
	var own []language.KeysValues
	for i := range layers {
		own = append(own, language.KeysValues{K: keys[i], V: values[i]})
	}
	at := graph.ConvertDType(graph.Squeeze(count, 1), dtypes.Int32)
	said, own := language.Step(lm, c.Language, language.Embed(lm, c.Language, words), at, prefix, own, c.between(scope, memory))
	for i := range layers {
		keys[i], values[i] = own[i].K, own[i].V
	}
	return language.Scores(lm, c.Language, said), nil, pack(keys, graph.AddScalar(count, 1)), pack(values, unused)
}

// read is how the state holds what was read.
func (c LanguageConfig) read() readSoFar {
	return readSoFar{layers: c.Language.Layers, maxLen: c.MaxLen, width: c.Language.Width}
}

// readSoFar says how a state [rows, H] holds the words that a transformer has read: in each layer a vector [max_len, W], its keys in one half of the
// state and its values in the other, and behind them a number.
type readSoFar struct{ layers, maxLen, width int }

// hidden is H.
func (r readSoFar) hidden() int { return r.layers*r.maxLen*r.width + 1 }

// unpack takes a state apart: one [rows, max_len, W] a layer, and the last number [rows, 1].
func (r readSoFar) unpack(state *Node) (layers []*Node, last *Node) {
	size := r.maxLen * r.width
	for i := range r.layers {
		layer := graph.SliceAxis(state, 1, graph.AxisRange(i*size, (i+1)*size))
		layers = append(layers, graph.Reshape(layer, -1, r.maxLen, r.width))
	}
	return layers, graph.SliceAxis(state, 1, graph.AxisRangeToEnd(r.layers*size))
}

// pack undoes unpack.
func pack(layers []*Node, last *Node) *Node {
	var all []*Node
	for _, layer := range layers {
		all = append(all, graph.Reshape(layer, layer.Shape().Dim(0), -1))
	}
	return graph.Concatenate(append(all, last), 1)
}
