package latent

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/diffusion"
)

// Text describes the text encoder: the transformer of CLIP's text tower, whoever trained it.
type Text struct {
	Tower  clip.TextConfig `json:"tower"`  // vocab_size is set from the vocabulary
	Joint  int             `json:"joint"`  // numbers of the embedding that the tower was trained for; not read
	Length int             `json:"length"` // L, tokens that are read of a text, with start and end
	Skip   int             `json:"skip"`   // blocks at the tower's end that are left out: what they make of a token serves what the tower was trained for

	// Mean and deviation of every number of a state, or none: [Model.Standardise].
	Mean      []float32 `json:"mean,omitempty"`
	Deviation []float32 `json:"deviation,omitempty"`
}

// Check says what is wrong with the sizes, if anything is.
func (t Text) Check() error {
	if t.Length < 3 || t.Length > t.Tower.ContextLength {
		return fmt.Errorf("text.length: expected 3 to the tower's context_length of %d, found %d", t.Tower.ContextLength, t.Length)
	}
	if max(t.Joint, t.Tower.Layers, t.Tower.Width, t.Tower.ContextLength) > diffusion.MaxSize {
		return fmt.Errorf("text: expected sizes of at most %d, found %+v", diffusion.MaxSize, t)
	}
	if t.Skip < 0 || t.Skip >= t.Tower.Layers {
		return fmt.Errorf("text.skip: expected 0 or more, and fewer than the tower's %d blocks, found %d", t.Tower.Layers, t.Skip)
	}
	if t.Joint < 1 || t.Tower.Layers < 1 || t.Tower.Heads < 1 || t.Tower.Width < t.Tower.Heads || t.Tower.Width%t.Tower.Heads != 0 {
		return fmt.Errorf("text: expected layers, and a width that the heads divide, found %+v", t)
	}
	if len(t.Mean) != len(t.Deviation) || len(t.Mean) > 0 && (len(t.Mean) != t.Tower.Width || !(slices.Min(t.Deviation) > 0)) {
		return fmt.Errorf("text: expected means and deviations, which are more than 0, of all %d numbers of a state or of none, found %d and %d", t.Tower.Width, len(t.Mean), len(t.Deviation))
	}
	return nil
}

// Tokens are the states of all tokens, ids [N, L] (int32) to [N, L, W]: behind the last block that is not left out, or behind the last layer norm if none is; less their
// mean and divided by their deviation where these are known.
func (t Text) Tokens(scope *model.Scope, ids *graph.Node) *graph.Node {
	ids.AssertDims(-1, t.Length)
	_, layers := clip.TextTower(scope, t.Tower, t.Joint, ids)
	at := len(layers) - 1 // the norm
	if t.Skip > 0 {
		at -= 1 + t.Skip
	}
	states := layers[at].Value
	states.AssertDims(ids.Shape().Dim(0), t.Length, t.Tower.Width)
	if len(t.Mean) > 0 {
		along := func(numbers []float32) *graph.Node {
			return graph.Reshape(graph.Const(ids.Graph(), numbers), 1, 1, t.Tower.Width)
		}
		states = graph.Div(graph.Sub(states, along(t.Mean)), along(t.Deviation))
	}
	return states
}

// States are [Text.Tokens] of a frozen encoder: no gradient flows back.
func (t Text) States(scope *model.Scope, ids *graph.Node) *graph.Node {
	return graph.StopGradient(t.Tokens(scope, ids))
}

// Standardise measures the states of the tokens of texts, and from then on every number of a state is given less its mean and divided by its deviation: an encoder that
// was not trained to tell words apart may put them close together beside what is common to all of them. What is behind an end token is not measured. A number that hardly
// changes is divided by a hundredth of the mean deviation of all.
func (m *Model) Standardise(b compute.Backend, texts []string) error {
	if len(texts) == 0 {
		return fmt.Errorf("cannot standardise the states of texts: expected at least one text, found none")
	}
	raw := *m
	raw.Config.Text.Mean, raw.Config.Text.Deviation = nil, nil
	out, err := raw.Embed(b, texts)
	if err != nil {
		return err
	}
	defer out.FinalizeAll()
	length, w := m.Config.Text.Length, m.Config.Text.Tower.Width
	ids := m.Tokenizer.EncodeBatch(texts, length)
	states, sums, squares, counted := tensors.MustCopyFlatData[float32](out), make([]float64, w), make([]float64, w), 0.0
	for i := range texts {
		end := slices.Index(ids[i*length:(i+1)*length], m.Tokenizer.EndToken())
		for k := range end + 1 {
			for c, v := range states[(i*length+k)*w:][:w] {
				sums[c], squares[c] = sums[c]+float64(v), squares[c]+float64(v)*float64(v)
			}
		}
		counted += float64(end + 1)
	}
	mean, deviation, all := make([]float32, w), make([]float32, w), 0.0
	for c := range w {
		mu := sums[c] / counted
		sigma := math.Sqrt(max(squares[c]/counted-mu*mu, 0))
		mean[c], deviation[c], all = float32(mu), float32(sigma), all+sigma/float64(w)
	}
	for c := range deviation {
		deviation[c] = max(deviation[c], float32(max(all/100, 1e-6)))
	}
	m.Config.Text.Mean, m.Config.Text.Deviation = mean, deviation
	return nil
}
