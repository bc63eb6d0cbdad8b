package clip

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Model is a model with its weights and vocabulary: what is trained, saved and used. Its methods are not safe for
// concurrent use.
type Model struct {
	Config    Config
	Tokenizer *Tokenizer // nil when the model was loaded without a vocabulary: it takes ids then, but no texts
	Store     *model.Store
	Naming    Naming // of the file that it was loaded from; [OpenAI] for models made here

	images, texts encoder
	frozen        *frozen // where the weights are until they are wanted; nil when the store has them all
	prefixed      bool    // the file that it was loaded from has textPrefix
	vocabulary    error   // what is wrong with the vocabulary beside the file, when there is one and Tokenizer is nil
}

// encoder is a tower that was compiled for a backend.
type encoder struct {
	backend compute.Backend
	exec    *model.Exec
	fixed   []fixed // of a frozen model, one for each shape of inputs
}

func (e *encoder) close() {
	if e.exec != nil {
		e.exec.Finalize()
	}
	for _, f := range e.fixed {
		f.exec.Finalize()
	}
	*e = encoder{}
}

// towerGraph is the graph of one side: inputs to unit embeddings.
type towerGraph = func(scope *model.Scope, inputs *graph.Node) *graph.Node

// runner says how inputs go through a tower: in batches of which size, when so many inputs of so many numbers are left, and through what.
type runner struct {
	next func(left, size int) int
	exec func(batch *tensors.Tensor) (*model.Exec, error)
}

// encodeBatch is how many pictures or texts are encoded at once, at most.
const encodeBatch = 64

// batchSizes are the sizes of the batches that are encoded: every size is a graph of its own to compile, and so there are few.
var batchSizes = []int{1, 4, 16, encodeBatch}

// nextBatch is the size of the batch with which to encode when n inputs are left: the smallest for all of them, which is
// padded then, unless that is more than twice as large as it need be.
func nextBatch(n int) int {
	for i, size := range batchSizes {
		switch {
		case n > size:
		case i > 0 && size > 2*n-1:
			return batchSizes[i-1]
		default:
			return size
		}
	}
	return encodeBatch
}

// New makes a model with fresh weights, which depend on seed alone. Without a tokenizer (nil) it takes ids, but no texts.
func New(cfg Config, tokenizer *Tokenizer, seed int64) (*Model, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if tokenizer != nil {
		if err := cfg.Text.checkVocabulary(tokenizer); err != nil {
			return nil, err
		}
	}
	m := &Model{Config: cfg, Tokenizer: tokenizer, Store: model.NewStore(), Naming: OpenAI}
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
	image, text := m.Embed(scope, images, ids)
	return InfoNCELoss.Compare(scope, image, text)
}

// Embed is the towers' half of a training step: images [N, H, W, 3] and ids [N, L] to unit embeddings [N, D] of both.
func (m *Model) Embed(scope *model.Scope, images, ids *graph.Node) (image, text *graph.Node) {
	if err := m.thaw(); err != nil {
		panic(err)
	}
	return Normalize(EncodeImage(scope, m.Config.Vision, m.Config.EmbedDim, images)), Normalize(EncodeText(scope, m.Config.Text, m.Config.EmbedDim, ids))
}

// ClampScale keeps the temperature in bounds; it belongs after every optimiser step.
func (m *Model) ClampScale(scope *model.Scope, g *graph.Graph) {
	v := scope.GetVariable("logit_scale")
	v.SetNodeValue(ClampLogitScale(v.NodeValue(g)))
}

// EncodeImages returns the unit embeddings [n][embedDim] of pictures that [Model.Preprocess] prepared.
func (m *Model) EncodeImages(b compute.Backend, pixels [][]float32) ([][]float32, error) {
	v := m.Config.Vision
	run, err := m.prepare(&m.images, b, ImageSide, func(scope *model.Scope, images *graph.Node) *graph.Node {
		return Normalize(EncodeImage(scope, v, m.Config.EmbedDim, images))
	})
	if err != nil {
		return nil, err
	}
	size := v.Height * v.Width * 3
	return inBatches(run, pixels, size, func(flat []float32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(flat, len(flat)/size, v.Height, v.Width, 3)
	})
}

// errNoVocabulary says why a model encodes no texts.
var errNoVocabulary = errors.New("expected a model with a vocabulary to encode texts, found one without: the folder it was loaded from has none; " +
	"`glimpse data get clip-vocab` brings that of the published models, `glimpse encode` takes token ids")

// EncodeTexts returns the unit embeddings [n][embedDim] of texts. One that is longer than the context is an error that
// names it.
func (m *Model) EncodeTexts(b compute.Backend, texts []string) ([][]float32, error) {
	return m.encodeTexts(b, texts, false)
}

// EncodeTextsTruncated is [Model.EncodeTexts] for captions as they come: texts longer than the context are cut.
func (m *Model) EncodeTextsTruncated(b compute.Backend, texts []string) ([][]float32, error) {
	return m.encodeTexts(b, texts, true)
}

func (m *Model) encodeTexts(b compute.Backend, texts []string, truncate bool) ([][]float32, error) {
	if m.Tokenizer == nil && m.vocabulary != nil {
		return nil, fmt.Errorf("expected a model with a vocabulary to encode texts, found one that cannot be used with it: %w", m.vocabulary)
	}
	if m.Tokenizer == nil {
		return nil, errNoVocabulary
	}
	rows := make([][]int32, len(texts))
	var err error
	for i, text := range texts {
		if rows[i], err = m.Tokenizer.encodeBatch([]string{text}, m.Config.Text.ContextLength, truncate); err != nil {
			return nil, err
		}
	}
	return m.EncodeTokens(b, rows)
}

// EncodeTokens is [Model.EncodeTexts] for texts that are token ids already, [n][contextLength].
func (m *Model) EncodeTokens(b compute.Backend, rows [][]int32) ([][]float32, error) {
	t := m.Config.Text
	for i, row := range rows {
		if len(row) != t.ContextLength {
			return nil, fmt.Errorf("expected %d token ids for text %d, which is the model's context, found %d", t.ContextLength, i, len(row))
		}
		if err := t.checkIDs(i, row); err != nil {
			return nil, err
		}
	}
	run, err := m.prepare(&m.texts, b, TextSide, func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return Normalize(EncodeText(scope, t, m.Config.EmbedDim, ids))
	})
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(rows))
	for length, texts := range t.byLength(rows) {
		var cut [][]int32
		for _, i := range texts {
			cut = append(cut, rows[i][:length])
		}
		features, err := inBatches(run, cut, length, func(flat []int32) *tensors.Tensor {
			return tensors.FromFlatDataAndDimensions(flat, len(flat)/length, length)
		})
		if err != nil {
			return nil, err
		}
		for k, i := range texts {
			out[i] = features[k]
		}
	}
	return out, nil
}

// Close gives back what the model holds on backends, where that need not wait for the garbage collector. The model is of no
// use after it.
func (m *Model) Close() {
	m.images.close()
	m.texts.close()
	m.Store.Finalize()
	m.frozen.close()
	m.frozen = nil
}

// prepare makes ready what pictures or texts go through on b.
func (m *Model) prepare(e *encoder, b compute.Backend, side Tower, t towerGraph) (runner, error) {
	if m.frozen != nil {
		if laysOut(b) {
			return m.frozen.runner(e, b, t), nil
		}
		if err := m.frozen.load(m.Store, side); err != nil {
			return runner{}, err
		}
	}
	return e.compile(b, m.Store, t)
}

// compile prepares a tower for b, unless that was done before, and brings the weights there, which may have gone elsewhere since.
func (e *encoder) compile(b compute.Backend, store *model.Store, t towerGraph) (runner, error) {
	if err := moveTo(b, store); err != nil {
		return runner{}, err
	}
	if e.exec == nil || e.backend != b {
		exec, err := model.NewExec(b, store, t)
		if err != nil {
			return runner{}, err
		}
		e.close()
		e.backend, e.exec = b, exec
	}
	return runner{next: func(left, _ int) int { return nextBatch(left) }, exec: func(*tensors.Tensor) (*model.Exec, error) { return e.exec, nil }}, nil
}

// moveTo brings the weights to where b can reach them, away from another backend that holds them: a tensor is on one backend at
// a time. Backends of the processor take a weight's memory over by copying it; the copies that are left behind are given back
// to the system on the way, so that memory holds the weights once and not twice.
func moveTo(b compute.Backend, store *model.Store) error {
	left := 0
	for v := range store.IterVariables() {
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("cannot read the weight %s: %w", v.Path(), err)
		}
		if holder, err := value.Backend(); err == nil && holder != nil && holder != b {
			if value, err = value.LocalClone(); err == nil {
				err = v.SetValue(value)
			}
			if err != nil {
				return fmt.Errorf("cannot read the weight %s from the backend that holds it; that one must stay open: %w", v.Path(), err)
			}
		}
		if !IsWeight(v.Path()) || value.IsOnAnyDevice() {
			continue
		}
		if err := value.MaterializeOnDevice(b, true, 0); err != nil {
			return fmt.Errorf("cannot bring the weight %s to the backend: %w", v.Path(), err)
		}
		if left += int(value.ByteSize()); left > 128<<20 {
			left = 0
			debug.FreeOSMemory()
		}
	}
	return nil
}

// inBatches sends rows of size numbers through a tower, in batches, the last one padded with its first row.
func inBatches[T any](run runner, rows [][]T, size int, tensor func(flat []T) *tensors.Tensor) ([][]float32, error) {
	var out [][]float32
	for start := 0; start < len(rows); {
		batch := run.next(len(rows)-start, size)
		part := rows[start:min(start+batch, len(rows))]
		flat := make([]T, 0, batch*size)
		for i := range batch {
			row := part[0]
			if i < len(part) {
				row = part[i]
			}
			if len(row) != size {
				return nil, fmt.Errorf("expected %d numbers for input %d, found %d", size, start+i, len(row))
			}
			flat = append(flat, row...)
		}
		input := tensor(flat)
		exec, err := run.exec(input)
		if err != nil {
			return nil, err
		}
		features, err := exec.Call1(input)
		if err != nil {
			return nil, fmt.Errorf("cannot encode: %w", err)
		}
		out = append(out, features.Value().([][]float32)[:len(part)]...)
		features.MustFinalizeAll()
		start += len(part)
	}
	return out, nil
}

// Scale is the factor on cosines that the model has learned: 1/tau.
func (m *Model) Scale() (float64, error) { return scaleOf(m.Store) }

// Scale is [Model.Scale].
func (m *LiT) Scale() (float64, error) { return scaleOf(m.Store) }

func scaleOf(store *model.Store) (float64, error) {
	v := store.GetVariable("/logit_scale")
	if v == nil {
		return math.Exp(InitialLogitScale), nil
	}
	value, err := v.Value()
	if err != nil {
		return 0, err
	}
	return math.Exp(float64(value.Value().(float32))), nil
}
