package captioning

import "fmt"

// Config says which decoder is built.
type Config struct {
	VocabSize    int `json:"vocab_size"`    // V, the special words included
	EmbedDim     int `json:"embed_dim"`     // E, numbers that stand for a word
	Hidden       int `json:"hidden"`        // H, the LSTM's state
	AttentionDim int `json:"attention_dim"` // A, the hidden layer of the attention's score
	FeatureDim   int `json:"feature_dim"`   // D, numbers of one location's feature vector
	Locations    int `json:"locations"`     // L, places of the feature grid

	Gate       Gate      `json:"gate"`          // beta, which scales the context at every step
	DeepOutput bool      `json:"deep_output"`   // words from h, z and the last word (equation 7), not from h alone
	Attention  Attention `json:"attention"`     // learned, or the same everywhere as an ablation
	Hard       Hard      `json:"hard,omitzero"` // how hard attention is trained

	Lambda  float64 `json:"lambda"`  // weight of the doubly stochastic term
	Norm    Norm    `json:"norm"`    // what the loss is averaged over
	Dropout float64 `json:"dropout"` // share of the LSTM's output that is left out while training

	EmbedDropout   float64 `json:"embed_dropout"`   // share of the numbers of a word that is read, which are left out while training
	FeatureDropout float64 `json:"feature_dropout"` // share of the D features that a picture is seen without while training, in all its places

	// LabelSmoothing is the share of a word's weight in the loss that is spread evenly over all words (Szegedy et al. 2016,
	// arXiv 1512.00567, section 7).
	LabelSmoothing float64 `json:"label_smoothing"`

	MaxLen int `json:"max_len"` // most words of a caption, the end word included, the start word not
}

// Gate is the shape of beta_t = sigmoid(W h_(t-1) + b), by which the decoder turns the picture up and down.
type Gate string

const (
	GateNone   Gate = "none"   // beta = 1
	GateScalar Gate = "scalar" // one number a step: Xu et al. 2015, section 4.2.1
	GateVector Gate = "vector" // one number for each of the D features, as many later implementations have it
)

// Attention is how the weights alpha come about.
type Attention string

const (
	AttentionSoft    Attention = "soft"    // the softmax of learned scores
	AttentionHard    Attention = "hard"    // one place at every step, drawn by those weights while training
	AttentionUniform Attention = "uniform" // 1/L everywhere: the ablation without attention
)

// Norm is what the two terms of the loss are averaged over.
type Norm string

const (
	// NormMean averages -log p over all words, and (1 - sum_t alpha_ti)^2 over all images and locations: neither term
	// grows with the length of captions or the number of locations.
	NormMean Norm = "mean"
	// NormPaper sums both over a caption and averages over images: Xu et al. 2015, equation 14, for a batch.
	NormPaper Norm = "paper"
)

// Small is the decoder that two processor cores train in minutes, on the 7 x 7 x 512 features of a small network.
// The sizes are ours; Xu et al. give none in the paper.
func Small(vocabSize int) Config {
	return Config{
		VocabSize: vocabSize, EmbedDim: 256, Hidden: 384, AttentionDim: 256, FeatureDim: 512, Locations: 49,
		Gate: GateVector, Attention: AttentionSoft, Lambda: 1, Norm: NormMean, Dropout: 0.3, MaxLen: 17,
	}
}

// Paper has the shape of Xu et al. 2015: VGG's 14 x 14 x 512 features (section 4.3), the scalar gate (section 4.2.1), the
// deep output (equation 7), the loss of equation 14. The paper leaves E, H and A open; these are of the usual
// size for Flickr8k.
func Paper(vocabSize int) Config {
	return Config{
		VocabSize: vocabSize, EmbedDim: 512, Hidden: 1000, AttentionDim: 512, FeatureDim: 512, Locations: 196,
		Gate: GateScalar, DeepOutput: true, Attention: AttentionSoft, Lambda: 1, Norm: NormPaper, Dropout: 0.5, MaxLen: 30,
	}
}

// Tiny is for tests and for notebooks that train while one looks on.
func Tiny(vocabSize int) Config {
	return Config{
		VocabSize: vocabSize, EmbedDim: 32, Hidden: 64, AttentionDim: 32, FeatureDim: 32, Locations: 16,
		Gate: GateVector, Attention: AttentionSoft, Lambda: 1, Norm: NormMean, MaxLen: 12,
	}
}

// Validate returns an error that names the first field with a value that cannot be.
func (c Config) Validate() error {
	if err := atLeast([]leastValue{
		{"vocab_size", c.VocabSize, int(End) + 1}, {"embed_dim", c.EmbedDim, 1}, {"hidden", c.Hidden, 1},
		{"attention_dim", c.AttentionDim, 1}, {"feature_dim", c.FeatureDim, 1}, {"locations", c.Locations, 1},
		{"max_len", c.MaxLen, 1},
	}); err != nil {
		return err
	}
	switch c.Gate {
	case GateNone, GateScalar, GateVector:
	default:
		return fmt.Errorf("expected gate to be %q, %q or %q, found %q", GateNone, GateScalar, GateVector, c.Gate)
	}
	switch c.Attention {
	case AttentionSoft, AttentionUniform, AttentionHard:
	default:
		return fmt.Errorf("expected attention to be %q, %q or %q, found %q", AttentionSoft, AttentionHard, AttentionUniform, c.Attention)
	}
	if err := c.Hard.validate(); err != nil {
		return err
	}
	switch c.Norm {
	case NormMean, NormPaper:
	default:
		return fmt.Errorf("expected norm to be %q or %q, found %q", NormMean, NormPaper, c.Norm)
	}
	if !(c.Lambda >= 0) {
		return fmt.Errorf("expected lambda to be 0 or more, found %g", c.Lambda)
	}
	for _, d := range []struct {
		name string
		rate float64
	}{{"dropout", c.Dropout}, {"embed_dropout", c.EmbedDropout}, {"feature_dropout", c.FeatureDropout}} {
		if !(d.rate >= 0 && d.rate < 1) {
			return fmt.Errorf("expected %s to be from 0 to below 1, found %g", d.name, d.rate)
		}
	}
	if !(c.LabelSmoothing >= 0 && c.LabelSmoothing < 1) {
		return fmt.Errorf("expected label_smoothing to be from 0 to below 1, found %g", c.LabelSmoothing)
	}
	return nil
}

// leastValue is a field and the least value that it may have.
type leastValue struct {
	name         string
	value, least int
}

func atLeast(fields []leastValue) error {
	for _, f := range fields {
		if f.value < f.least {
			return fmt.Errorf("expected %s to be at least %d, found %d", f.name, f.least, f.value)
		}
	}
	return nil
}

// gateDim is the number of values of beta.
func (c Config) gateDim() int {
	switch c.Gate {
	case GateScalar:
		return 1
	case GateVector:
		return c.FeatureDim
	}
	return 0
}
