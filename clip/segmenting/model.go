package segmenting

import (
	"fmt"
	"image"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Model is a CLIP with a decoder on it. Its methods are not safe for concurrent use.
type Model struct {
	Config Config
	CLIP   *clip.Model  // frozen; its weights lie in Store
	Store  *model.Store // of the CLIP and of the decoder

	exec    *model.Exec
	backend compute.Backend
}

// decoderScope holds the decoder's weights.
const decoderScope = "segmenting"

// New makes a segmenter on a CLIP, whose weights it copies and freezes. The decoder's are fresh and depend on the seed alone.
func New(cfg Config, eye *clip.Model, seed int64) (*Model, error) {
	cfg.CLIP = eye.Config
	if err := cfg.whole(); err != nil {
		return nil, err
	}
	if eye.Tokenizer == nil {
		return nil, fmt.Errorf("expected a CLIP with a vocabulary, found one without")
	}
	known, err := weights.FromStore(eye.Store, clip.IsWeight)
	if err != nil {
		return nil, fmt.Errorf("cannot take over the CLIP: %w", err)
	}
	m := build(cfg, eye.Tokenizer)
	if err := weights.IntoStore(m.Store, known); err != nil {
		return nil, fmt.Errorf("cannot take over the CLIP: %w", err)
	}
	m.freeze()
	m.Store.SetParam("/"+nn.SeedParam, seed)
	return m, nil
}

func build(cfg Config, tokenizer *clip.Tokenizer) *Model {
	store := model.NewStore()
	return &Model{Config: cfg, Store: store, CLIP: &clip.Model{Config: cfg.CLIP, Tokenizer: tokenizer, Store: store, Naming: clip.OpenAI}}
}

// freeze keeps the CLIP as it is.
func (m *Model) freeze() {
	for v := range m.Store.IterVariables() {
		if !isDecoder(v.Path()) {
			v.SetTrainable(false)
		}
	}
}

// Texts are the conditions of texts: their unit embeddings, [n][E]. One that is longer than the CLIP's context is an error that names it.
func (m *Model) Texts(b compute.Backend, texts []string) ([][]float32, error) {
	return m.CLIP.EncodeTexts(b, texts)
}

// Examples are the conditions of example pictures: their unit embeddings, [n][E]. See [Spotlight].
func (m *Model) Examples(b compute.Backend, pictures []image.Image) ([][]float32, error) {
	var pixels [][]float32
	for _, p := range pictures {
		prepared, err := m.CLIP.Preprocess(p)
		if err != nil {
			return nil, err
		}
		pixels = append(pixels, prepared)
	}
	return m.CLIP.EncodeImages(b, pixels)
}

// Mask is where in a picture there is what a condition says, at the picture's own size.
func (m *Model) Mask(b compute.Backend, picture image.Image, condition []float32) (*Mask, error) {
	pixels, err := m.CLIP.Preprocess(picture)
	if err != nil {
		return nil, err
	}
	found, err := m.Probabilities(b, [][]float32{pixels}, [][][]float32{{condition}})
	if err != nil {
		return nil, err
	}
	v, size := m.Config.CLIP.Vision, picture.Bounds().Size()
	return &Mask{size.X, size.Y, Resized(found[0][0], v.Width, v.Height, size.X, size.Y)}, nil
}

// Probabilities of every pixel, [picture][condition][H*W], of pictures that [clip.Model.Preprocess] prepared, each with conditions
// [picture][condition][E]. There may be more of them for one picture than for another.
func (m *Model) Probabilities(b compute.Backend, pixels [][]float32, conditions [][][]float32) (all [][][]float32, err error) {
	if err := m.fit(pixels, conditions); err != nil {
		return nil, err
	}
	if err := m.compile(b); err != nil {
		return nil, err
	}
	most := 1
	for _, list := range conditions {
		most = max(most, len(list))
	}
	batch := min(len(pixels), maskBatch)
	for from := 0; from < len(pixels); from += batch {
		to := min(from+batch, len(pixels))
		part, err := m.probabilities(batch, most, pixels[from:to], conditions[from:to])
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

// fit says whether pictures and conditions have the sizes that the model wants.
func (m *Model) fit(pixels [][]float32, conditions [][][]float32) error {
	v, e := m.Config.CLIP.Vision, m.Config.CLIP.EmbedDim
	if len(pixels) != len(conditions) {
		return fmt.Errorf("expected conditions for each of %d pictures, found them for %d", len(pixels), len(conditions))
	}
	for i, list := range conditions {
		if size := v.Height * v.Width * 3; len(pixels[i]) != size {
			return fmt.Errorf("expected %d numbers for picture %d, found %d", size, i, len(pixels[i]))
		}
		for _, condition := range list {
			if len(condition) != e {
				return fmt.Errorf("expected a condition of %d numbers, found %d", e, len(condition))
			}
		}
	}
	return nil
}

// maskBatch is how many pictures are looked at together, at most.
const maskBatch = 16

// probabilities fills a batch of so many pictures and conditions up: every size is a graph of its own to compile.
func (m *Model) probabilities(batch, most int, pixels [][]float32, conditions [][][]float32) ([][][]float32, error) {
	v, e := m.Config.CLIP.Vision, m.Config.CLIP.EmbedDim
	size := v.Height * v.Width
	shown, asked := make([]float32, batch*size*3), make([]float32, batch*most*e)
	for i, list := range conditions {
		copy(shown[i*size*3:], pixels[i])
		for k, condition := range list {
			copy(asked[(i*most+k)*e:], condition)
		}
	}
	out, err := m.exec.Call1(tensors.FromFlatDataAndDimensions(shown, batch, v.Height, v.Width, 3), tensors.FromFlatDataAndDimensions(asked, batch, most, e))
	if err != nil {
		return nil, fmt.Errorf("cannot segment: %w", err)
	}
	defer out.FinalizeAll()
	values := out.Value().([][][]float32)[:len(pixels)]
	for i := range values {
		values[i] = values[i][:len(conditions[i])]
	}
	return values, nil
}

func (m *Model) compile(b compute.Backend) (err error) {
	if m.exec != nil && m.backend == b {
		return nil
	}
	m.closeExec()
	m.exec, err = model.NewExec(b, m.Store, func(scope *model.Scope, pictures, conditions *graph.Node) *graph.Node {
		logits := Segment(scope, m.Config, pictures, conditions)
		d := logits.Shape().Dimensions
		return graph.Reshape(graph.Sigmoid(logits), d[0], d[1], d[2]*d[3])
	})
	m.backend = b
	return err
}

func (m *Model) closeExec() {
	if m.exec != nil {
		m.exec.Finalize()
	}
	m.exec = nil
}

// Close gives back what the model holds on backends. The model is of no use after it.
func (m *Model) Close() {
	m.closeExec()
	m.CLIP.Close()
}
