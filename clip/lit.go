package clip

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// LiTConfig describes a model of "LiT: Zero-Shot Transfer with Locked-image text Tuning" (Zhai et al. 2022, arXiv
// 2111.07991): a picture tower that is never trained, seen here as a row of numbers for each picture, and a text tower
// that learns to say what those numbers say. What reads the locked tower is trained, as in the paper's section 3.
type LiTConfig struct {
	EmbedDim int          `json:"embed_dim"` // D, the width of the shared space
	Reader   ReaderConfig `json:"reader"`
	Text     TextConfig   `json:"text"`
	Pool     string       `json:"pool"`    // what of the text becomes its feature: "end" (the end token) or "mean" (of all tokens)
	Dropout  float64      `json:"dropout"` // of the text's token embeddings and of its feature
}

// ReaderConfig describes what reads a locked tower's numbers.
type ReaderConfig struct {
	Inputs  int     `json:"inputs"`  // numbers a picture
	Hidden  int     `json:"hidden"`  // width of a hidden layer beside the linear map; 0 for none
	Dropout float64 `json:"dropout"` // of the inputs and of the hidden layer
}

// Check says what is wrong with a configuration, if anything is.
func (c LiTConfig) Check() error {
	switch {
	case c.EmbedDim < 1 || c.Reader.Inputs < 1 || c.Reader.Hidden < 0 || max(c.EmbedDim, c.Reader.Inputs, c.Reader.Hidden) > maxWidth:
		return fmt.Errorf("expected embed_dim and reader.inputs of at least 1 and reader.hidden of at least 0, all of them at most %d, found %d, %d and %d",
			maxWidth, c.EmbedDim, c.Reader.Inputs, c.Reader.Hidden)
	case !(c.Dropout >= 0 && c.Dropout < 1) || !(c.Reader.Dropout >= 0 && c.Reader.Dropout < 1):
		return fmt.Errorf("dropout: expected rates of at least 0 and below 1, found %g and %g", c.Dropout, c.Reader.Dropout)
	case c.Pool != "end" && c.Pool != "mean":
		return fmt.Errorf("pool: expected end or mean, found %q", c.Pool)
	}
	return c.Text.check()
}

// weights lists every tensor of a model of this configuration. The graph functions make the same ones.
func (c LiTConfig) weights() []Weight {
	l := &weightList{tower: Both}
	l.add("logit_scale")
	l.tower = ImageSide
	l.add("visual.mean", c.Reader.Inputs)
	l.add("visual.std", c.Reader.Inputs)
	l.add("visual.proj.weight", c.EmbedDim, c.Reader.Inputs)
	if c.Reader.Hidden > 0 {
		l.linear("visual.hidden", c.Reader.Hidden, c.Reader.Inputs)
		l.linear("visual.hidden_proj", c.EmbedDim, c.Reader.Hidden)
	}
	l.textTower(c.Text, c.EmbedDim)
	return l.weights
}

// LiT is a model with its weights and vocabulary. The locked tower is no part of it: pictures come as rows of its numbers. Its
// methods are not safe for concurrent use.
type LiT struct {
	Config    LiTConfig
	Tokenizer *Tokenizer
	Store     *model.Store

	images, texts encoder
}

// NewLiT makes a model with fresh weights, which depend on seed alone. rows are those of the training pictures, in one or more
// views ([view][picture][inputs]): their statistics become part of the model.
func NewLiT(cfg LiTConfig, tokenizer *Tokenizer, rows [][][]float32, seed int64) (*LiT, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if err := cfg.Text.checkVocabulary(tokenizer); err != nil {
		return nil, err
	}
	m := &LiT{Config: cfg, Tokenizer: tokenizer, Store: model.NewStore()}
	m.Store.SetParam("/"+nn.SeedParam, seed)
	mean, std := readerStatistics(rows, cfg.Reader.Inputs)
	scope := m.Store.Scope("/visual")
	for name, values := range map[string][]float32{"mean": mean, "std": std} {
		if err := nn.Variable(scope, name, nn.Zeros, cfg.Reader.Inputs).SetTrainable(false).SetValue(tensors.FromValue(values)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Embed is the towers' half of a training step: rows [N, inputs] and ids [N, L] to unit embeddings [N, D] of both.
func (m *LiT) Embed(scope *model.Scope, rows, ids *graph.Node) (image, text *graph.Node) {
	return Normalize(ReadLocked(scope, m.Config.Reader, m.Config.EmbedDim, rows)), Normalize(EncodeLiTText(scope, m.Config, ids))
}

// ReadImages returns the unit embeddings [n][embedDim] of rows of the locked tower.
func (m *LiT) ReadImages(b compute.Backend, rows [][]float32) ([][]float32, error) {
	run, err := m.images.compile(b, m.Store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return Normalize(ReadLocked(scope, m.Config.Reader, m.Config.EmbedDim, x))
	})
	if err != nil {
		return nil, err
	}
	size := m.Config.Reader.Inputs
	return inBatches(run, rows, size, func(flat []float32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(flat, len(flat)/size, size)
	})
}

// EncodeTexts returns the unit embeddings [n][embedDim] of texts. Texts longer than the context are cut.
func (m *LiT) EncodeTexts(b compute.Backend, texts []string) ([][]float32, error) {
	run, err := m.texts.compile(b, m.Store, func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return Normalize(EncodeLiTText(scope, m.Config, ids))
	})
	if err != nil {
		return nil, err
	}
	length := m.Config.Text.ContextLength
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		ids[i] = m.Tokenizer.EncodeBatch([]string{text}, length)
	}
	return inBatches(run, ids, length, func(flat []int32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(flat, len(flat)/length, length)
	})
}

// LiTFile is the configuration of a saved [LiT].
const LiTFile = "lit.json"

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be. When that fails an older
// model in the folder stays as it was.
func (m *LiT) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	all, err := weights.FromStore(m.Store, IsWeight)
	if err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	return saveParts(dir, LiTFile, m.Config, m.Tokenizer, all)
}

func (c LiTConfig) identity() any { return c }

// LoadLiT reads what [LiT.Save] wrote. A weight of another shape, or that is none of the model's, is an error; one that is
// missing is an error once the model is used.
func LoadLiT(dir string) (*LiT, error) {
	data, err := os.ReadFile(filepath.Join(dir, LiTFile))
	if err != nil {
		return nil, fmt.Errorf("expected a model of `glimpse train clip/lit` (%s) in %s: %w", LiTFile, dir, err)
	}
	m := &LiT{Store: model.NewStore()}
	if err := json.Unmarshal(data, &m.Config); err != nil {
		return nil, fmt.Errorf("%s: expected a configuration as JSON: %w", filepath.Join(dir, LiTFile), err)
	}
	if err := m.Config.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, LiTFile), err)
	}
	if m.Tokenizer, err = LoadTokenizer(filepath.Join(dir, TokenizerFile)); err != nil {
		return nil, err
	}
	if err := m.Config.Text.checkVocabulary(m.Tokenizer); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, LiTFile), err)
	}
	if err := m.loadWeights(filepath.Join(dir, WeightsFile)); err != nil {
		return nil, err
	}
	m.Store.SetParam("/"+nn.FixedParam, true)
	return m, nil
}

// loadWeights reads a file of weights, which has none but the model's.
func (m *LiT) loadWeights(path string) error {
	file, err := safetensors.Load(path)
	if err != nil {
		return err
	}
	dims := map[string][]int{}
	for _, w := range m.Config.weights() {
		dims[w.Name] = w.Dims
	}
	for name, t := range file.Tensors {
		want, ok := dims[name]
		if !ok {
			return fmt.Errorf("%s: expected the weights of the model that %s describes and no others, found %s besides; the file belongs to another configuration",
				path, LiTFile, name)
		}
		if !slices.Equal(t.Shape, want) {
			return fmt.Errorf("%s: expected the dimensions %v of the tensor %s, found %v; the file belongs to another configuration", path, want, name, t.Shape)
		}
	}
	if err := weights.IntoStore(m.Store, file.Tensors); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return checkPartners(path, file.Metadata, m.Config, m.Tokenizer)
}
