package clip

import (
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Model is a model with its weights and vocabulary: what is trained, saved and used. Its methods are not safe for
// concurrent use.
type Model struct {
	Config    Config
	Tokenizer *Tokenizer
	Store     *model.Store

	images, texts *model.Exec
}

// encodeBatch is how many pictures or texts are encoded at once. Shorter batches are padded, so that a graph is
// compiled once.
const encodeBatch = 64

// New makes a model with fresh weights, which depend on seed alone.
func New(cfg Config, tokenizer *Tokenizer, seed int64) (*Model, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if got := tokenizer.VocabSize(); got != cfg.Text.VocabSize {
		return nil, fmt.Errorf("text.vocab_size: expected the vocabulary's %d, found %d", got, cfg.Text.VocabSize)
	}
	m := &Model{Config: cfg, Tokenizer: tokenizer, Store: model.NewStore()}
	m.Store.SetParam("/"+nn.SeedParam, seed)
	return m, nil
}

// LogitScale is the learned temperature's node: the natural logarithm of the factor on cosines.
func LogitScale(scope *model.Scope, g graph.GraphProvider) *graph.Node {
	return nn.Param(scope, g, "logit_scale", nn.Constant(InitialLogitScale))
}

// Loss builds the graph of one training step: images [N, H, W, 3] and ids [N, L] to the symmetric contrastive loss
// and exp(logit_scale), both scalars.
func (m *Model) Loss(scope *model.Scope, images, ids *graph.Node) (loss, scale *graph.Node) {
	image := Normalize(EncodeImage(scope, m.Config.Vision, m.Config.EmbedDim, images))
	text := Normalize(EncodeText(scope, m.Config.Text, m.Config.EmbedDim, ids))
	logitScale := LogitScale(scope, images)
	return InfoNCE(Logits(image, text, logitScale)), graph.Exp(logitScale)
}

// ClampScale keeps the temperature in bounds; it belongs after every optimiser step.
func (m *Model) ClampScale(scope *model.Scope, g *graph.Graph) {
	v := scope.GetVariable("logit_scale")
	v.SetNodeValue(ClampLogitScale(v.NodeValue(g)))
}

// Preprocess squashes a picture to the model's size and normalises it: [H, W, 3].
func (m *Model) Preprocess(img image.Image) ([]float32, error) {
	v := m.Config.Vision
	rgb, err := picture.ResizeCrop(img, v.Width, v.Height, image.Rect(0, 0, v.Width, v.Height), picture.Bicubic)
	if err != nil {
		return nil, err
	}
	return m.Normalize(rgb), nil
}

// Normalize is the second half of [Model.Preprocess], for pixels that already have the model's size.
func (m *Model) Normalize(rgb *picture.RGB) []float32 {
	mean, std := m.Config.Vision.Mean, m.Config.Vision.Std
	return picture.ToHWC(rgb, single(mean), single(std))
}

func single(v [3]float64) [3]float32 {
	return [3]float32{float32(v[0]), float32(v[1]), float32(v[2])}
}

// EncodeImages returns the unit embeddings [n][embedDim] of pictures that [Model.Preprocess] prepared.
func (m *Model) EncodeImages(b compute.Backend, pixels [][]float32) ([][]float32, error) {
	v := m.Config.Vision
	if m.images == nil {
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, images *graph.Node) *graph.Node {
			return Normalize(EncodeImage(scope, v, m.Config.EmbedDim, images))
		})
		if err != nil {
			return nil, err
		}
		m.images = exec
	}
	size := v.Height * v.Width * 3
	return inBatches(m.images, pixels, size, func(flat []float32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(flat, encodeBatch, v.Height, v.Width, 3)
	})
}

// EncodeTexts returns the unit embeddings [n][embedDim] of texts. Texts longer than the context are cut.
func (m *Model) EncodeTexts(b compute.Backend, texts []string) ([][]float32, error) {
	t := m.Config.Text
	if m.texts == nil {
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, ids *graph.Node) *graph.Node {
			return Normalize(EncodeText(scope, t, m.Config.EmbedDim, ids))
		})
		if err != nil {
			return nil, err
		}
		m.texts = exec
	}
	rows := make([][]int32, len(texts))
	for i, text := range texts {
		rows[i] = m.Tokenizer.EncodeBatch([]string{text}, t.ContextLength)
	}
	return inBatches(m.texts, rows, t.ContextLength, func(flat []int32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(flat, encodeBatch, t.ContextLength)
	})
}

// inBatches runs exec over rows of size numbers, encodeBatch at a time, the last batch padded with its first row.
func inBatches[T any](exec *model.Exec, rows [][]T, size int, tensor func(flat []T) *tensors.Tensor) ([][]float32, error) {
	var out [][]float32
	for start := 0; start < len(rows); start += encodeBatch {
		part := rows[start:min(start+encodeBatch, len(rows))]
		flat := make([]T, 0, encodeBatch*size)
		for i := range encodeBatch {
			row := part[0]
			if i < len(part) {
				row = part[i]
			}
			if len(row) != size {
				return nil, fmt.Errorf("expected %d numbers for input %d, found %d", size, start+i, len(row))
			}
			flat = append(flat, row...)
		}
		features, err := exec.Call1(tensor(flat))
		if err != nil {
			return nil, fmt.Errorf("cannot encode: %w", err)
		}
		out = append(out, features.Value().([][]float32)[:len(part)]...)
		features.MustFinalizeAll()
	}
	return out, nil
}

// Scale is the factor on cosines that the model has learned: 1/tau.
func (m *Model) Scale() (float64, error) {
	v := m.Store.GetVariable("/logit_scale")
	if v == nil {
		return math.Exp(InitialLogitScale), nil
	}
	value, err := v.Value()
	if err != nil {
		return 0, err
	}
	return math.Exp(float64(value.Value().(float32))), nil
}

// The files of a saved model.
const (
	ConfigFile    = "clip.json"
	WeightsFile   = "model.safetensors"
	TokenizerFile = "tokenizer.json"
)

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (m *Model) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	tensors, err := weights.FromStore(m.Store, IsWeight)
	if err != nil {
		return err
	}
	config, err := json.MarshalIndent(m.Config, "", "  ")
	if err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), tensors, nil); err != nil {
		return err
	}
	if err := m.Tokenizer.Save(filepath.Join(dir, TokenizerFile)); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, ConfigFile), append(config, '\n'))
}

// IsWeight tells a model's variables from those of its training.
func IsWeight(path string) bool {
	return !strings.HasPrefix(path, "/optimizer/") && !strings.HasPrefix(path, "/#")
}

// Load reads what [Model.Save] wrote: dir is the folder itself, or a run folder with the model inside.
func Load(dir string) (*Model, error) {
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err != nil {
		if _, err := os.Stat(filepath.Join(dir, "model", ConfigFile)); err != nil {
			return nil, fmt.Errorf("expected a CLIP model (%s) in %s or its folder model, found none; `glimpse train clip` makes one", ConfigFile, dir)
		}
		dir = filepath.Join(dir, "model")
	}
	data, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the model's configuration: %w", err)
	}
	var cfg Config
	if err := json.Unmarshal(data, &cfg); err != nil {
		return nil, fmt.Errorf("%s: expected a CLIP configuration as JSON: %w", filepath.Join(dir, ConfigFile), err)
	}
	tokenizer, err := LoadTokenizer(filepath.Join(dir, TokenizerFile))
	if err != nil {
		return nil, err
	}
	m, err := New(cfg, tokenizer, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
	}
	file, err := safetensors.Load(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	return m, weights.IntoStore(m.Store, file.Tensors)
}
