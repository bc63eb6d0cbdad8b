package answering

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Model is a network with its weights, the image tower's among them. Its methods are not safe for concurrent use.
type Model struct {
	Config Config
	Store  *model.Store

	exec    *model.Exec
	backend compute.Backend
}

// New makes a network on the image tower of a CLIP, whose weights it copies; its own are fresh and depend on the seed alone, and so do those of a tower that
// has none yet.
func New(cfg Config, tower *clip.Model, seed int64) (*Model, error) {
	cfg.Vision, cfg.EmbedDim = tower.Config.Vision, tower.Config.EmbedDim
	if err := cfg.whole(); err != nil {
		return nil, err
	}
	visual, err := weights.FromStore(tower.Store, isVisual)
	if err != nil {
		return nil, fmt.Errorf("cannot take over the image tower: %w", err)
	}
	m := &Model{Config: cfg, Store: model.NewStore()}
	if err := weights.IntoStore(m.Store, visual); err != nil {
		return nil, fmt.Errorf("cannot take over the image tower: %w", err)
	}
	m.Store.SetParam("/"+nn.SeedParam, seed)
	return m, nil
}

// Answered is an answer and how likely the network finds it.
type Answered struct {
	Answer      string  `json:"answer"`
	Probability float64 `json:"probability"`
}

// Ask answers a question about a picture: all answers, the likeliest first. A word that the network does not know is an error that says which it knows.
func (m *Model) Ask(b compute.Backend, picture image.Image, question string) ([]Answered, error) {
	pixels, err := m.Preprocess(picture)
	if err != nil {
		return nil, err
	}
	logits, err := m.Logits(b, [][]float32{pixels}, [][]string{{question}})
	if err != nil {
		return nil, err
	}
	return m.Config.rank(logits[0][0]), nil
}

// rank turns logits [A] into probabilities, the largest first.
func (c Config) rank(logits []float32) []Answered {
	all := make([]Answered, len(logits))
	peak, sum := slices.Max(logits), 0.0
	for i, v := range logits {
		all[i] = Answered{c.Answers[i], math.Exp(float64(v - peak))}
		sum += all[i].Probability
	}
	for i := range all {
		all[i].Probability /= sum
	}
	slices.SortStableFunc(all, func(a, b Answered) int { return cmp.Compare(b.Probability, a.Probability) })
	return all
}

// Preprocess gives a picture the tower's size and normalises it: [H*W*3].
func (m *Model) Preprocess(picture image.Image) ([]float32, error) {
	return (&clip.Model{Config: clip.Config{Vision: m.Config.Vision}}).Preprocess(picture)
}

// Logits are those of the answers, [picture][question][answer], to questions [picture][question] about pictures that [Model.Preprocess] prepared. There may be
// more questions about one picture than about another.
func (m *Model) Logits(b compute.Backend, pixels [][]float32, questions [][]string) (all [][][]float32, err error) {
	if len(pixels) != len(questions) {
		return nil, fmt.Errorf("expected questions about each of %d pictures, found them about %d", len(pixels), len(questions))
	}
	if err := m.compile(b); err != nil {
		return nil, err
	}
	most := 1
	for _, list := range questions {
		most = max(most, len(list))
	}
	batch := min(len(pixels), askBatch)
	for from := 0; from < len(pixels); from += batch {
		to := min(from+batch, len(pixels))
		part, err := m.logits(batch, most, pixels[from:to], questions[from:to])
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

// askBatch is how many pictures are looked at together, at most.
const askBatch = 50

// logits fills a batch of so many pictures and questions up: every size is a graph of its own to compile.
func (m *Model) logits(batch, most int, pixels [][]float32, questions [][]string) ([][][]float32, error) {
	v, length := m.Config.Vision, m.Config.tokens()
	size := v.Height * v.Width * 3
	shown, ids := make([]float32, batch*size), make([]int32, batch*most*length)
	for i, list := range questions {
		if len(pixels[i]) != size {
			return nil, fmt.Errorf("expected %d numbers for picture %d, found %d", size, i, len(pixels[i]))
		}
		copy(shown[i*size:], pixels[i])
		for k, question := range list {
			encoded, err := m.Config.Encode(question)
			if err != nil {
				return nil, err
			}
			copy(ids[(i*most+k)*length:], encoded)
		}
	}
	for i := 0; i < len(ids); i += length { // where nothing is asked
		ids[i] = mark
	}
	var inputs []any
	for _, t := range m.Config.Tensors(shown, ids, batch) {
		inputs = append(inputs, t)
	}
	out, err := m.exec.Call1(inputs...)
	if err != nil {
		return nil, fmt.Errorf("cannot answer: %w", err)
	}
	defer out.FinalizeAll()
	values := out.Value().([][][]float32)[:len(pixels)]
	for i := range values {
		values[i] = values[i][:len(questions[i])]
	}
	return values, nil
}

// Tensors are what the network takes for n pictures of flat pixels and as many questions about each as there are ids for; a network that sees nothing is shown nothing.
func (c Config) Tensors(pixels []float32, ids []int32, n int) (inputs []*tensors.Tensor) {
	if c.Sees != Nothing {
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(pixels, n, c.Vision.Height, c.Vision.Width, 3))
	}
	return append(inputs, tensors.FromFlatDataAndDimensions(ids, n, len(ids)/c.tokens()/n, c.tokens()))
}

// Forward is [Answer] of what [Config.Tensors] made.
func (m *Model) Forward(scope *model.Scope, inputs []*graph.Node) *graph.Node {
	if m.Config.Sees == Nothing {
		return Answer(scope, m.Config, nil, inputs[0])
	}
	return Answer(scope, m.Config, inputs[0], inputs[1])
}

func (m *Model) compile(b compute.Backend) (err error) {
	if m.exec != nil && m.backend == b {
		return nil
	}
	m.Close()
	m.exec, err = model.NewExec(b, m.Store, m.Forward)
	m.backend = b
	return err
}

// Close gives back what the model holds on a backend; it can be used again after it.
func (m *Model) Close() {
	if m.exec != nil {
		m.exec.Finalize()
	}
	m.exec = nil
}
