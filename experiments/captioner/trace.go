package captioner

import (
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/captioning"
)

// Trace is what a decoder did while it wrote a caption, step by step, in plain numbers.
type Trace struct {
	Features [][]float64 // [L][D] the feature vectors a_i of the picture
	Steps    []Step
}

// Step is one step of a [Trace].
type Step struct {
	Read string    // the word that the LSTM read, the start word first
	Took string    // the word that was written, or the end word
	H    []float64 // [H] the state before the step, h_(t-1)

	E, Alpha []float64 // [L] the attention's scores and weights
	Beta     float64   // the gate; its mean over features, where there is one for each
	Z        []float64 // [D] the context before the gate

	P []Candidate // all words with their probabilities, the likeliest first
}

// Candidate is a word that may come next.
type Candidate struct {
	Word string
	P    float64
}

// Trace follows the decoder through a caption of the picture, as [Model.Caption] writes it or any other of words that it
// knows. Words beyond what the model allows are left out.
func (c *Model) Trace(img image.Image, words []string) (*Trace, error) {
	if err := c.single(); err != nil {
		return nil, err
	}
	if !c.Looks() {
		return nil, errors.New("expected a captioner that looks at the picture at every step, found one without attention, such as Show and Tell or a language model")
	}
	inputs, err := c.Encoder.inputs([]image.Image{img})
	if err != nil {
		return nil, err
	}
	ids, _ := c.Vocabulary.Encode(words, c.Config.MaxLen)
	batch, err := c.Batch([]Item{{Input: inputs[0], IDs: ids}})
	if err != nil {
		return nil, err
	}
	out, err := c.decoded(batch[0], batch[1])
	if err != nil {
		return nil, fmt.Errorf("cannot follow the decoder: %w", err)
	}
	return c.traced(ids, out), nil
}

// The outputs of [Model.decoded].
const (
	outFeatures = iota
	outP
	outE
	outAlpha
	outBeta
	outZ
	outH
	outH0
	outputs
)

// decoded runs the decoder over a batch of one caption.
func (c *Model) decoded(inputs, captions *tensors.Tensor) (out [outputs][]float64, err error) {
	exec, err := model.NewExec(c.backend.Backend, c.Store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		features := c.Encoder.features(scope, in[0])
		o := captioning.Decode(scope.At("decoder"), c.Config, features, in[1])
		return []*graph.Node{features, graph.Softmax(o.Logits, 2), o.E, o.Alpha, graph.ReduceMean(o.Beta, 2), o.Z, o.H, o.H0}
	})
	if err != nil {
		return out, err
	}
	defer exec.Finalize()
	values, err := exec.Call(inputs, captions)
	if err != nil {
		return out, err
	}
	for i, v := range values {
		flat, err := tensors.CopyFlatData[float32](v)
		if err != nil {
			return out, err
		}
		out[i] = widened(flat)
	}
	return out, nil
}

func (c *Model) traced(ids []int32, out [outputs][]float64) *Trace {
	t := &Trace{Features: rows(out[outFeatures], c.Config.FeatureDim)}
	p, e, alpha := rows(out[outP], c.Config.VocabSize), rows(out[outE], c.Config.Locations), rows(out[outAlpha], c.Config.Locations)
	z, h := rows(out[outZ], c.Config.FeatureDim), append([][]float64{out[outH0]}, rows(out[outH], c.Config.Hidden)...)
	for i := range len(ids) - 1 {
		t.Steps = append(t.Steps, Step{
			Read: c.Vocabulary.Word(ids[i]), Took: c.Vocabulary.Word(ids[i+1]),
			H: h[i], E: e[i], Alpha: alpha[i], Beta: out[outBeta][i], Z: z[i], P: c.candidates(p[i]),
		})
	}
	return t
}

func (c *Model) candidates(p []float64) []Candidate {
	all := make([]Candidate, len(p))
	for id, x := range p {
		all[id] = Candidate{c.Vocabulary.Word(int32(id)), x}
	}
	slices.SortStableFunc(all, func(a, b Candidate) int {
		switch {
		case a.P > b.P:
			return -1
		case a.P < b.P:
			return 1
		}
		return 0
	})
	return all
}

// Look is the attention of one step with the model's weights, for [attention.Walk]. It returns an error where the model has no
// weights of attention, or has not been asked for a caption yet.
func (c *Model) Look(t *Trace, step int) (attention.Picture, error) {
	if step < 0 || step >= len(t.Steps) {
		return attention.Picture{}, fmt.Errorf("expected a step from 0 to %d, found %d", len(t.Steps)-1, step)
	}
	if c.Config.Attention == captioning.AttentionUniform {
		return attention.Picture{}, errNoWeights
	}
	weights := map[string][]float64{}
	for _, name := range []string{"W_a", "W_h", "b", "v"} {
		var err error
		if weights[name], err = c.weight("att", name); err != nil {
			return attention.Picture{}, err
		}
	}
	return attention.Picture{
		A: t.Features, H: t.Steps[step].H,
		W_a: rows(weights["W_a"], c.Config.FeatureDim), W_h: rows(weights["W_h"], c.Config.Hidden),
		B: weights["b"], V: weights["v"],
	}, nil
}

var errNoWeights = errors.New("expected a model with weights of attention, found none")

// weight is one of the decoder's, row by row.
func (c *Model) weight(part, name string) ([]float64, error) {
	v := c.Store.RootScope().At("decoder").At("%s", part).GetVariable(name)
	if v == nil {
		return nil, errNoWeights
	}
	value, err := v.Value()
	if err != nil {
		return nil, err
	}
	flat, err := tensors.CopyFlatData[float32](value)
	return widened(flat), err
}

// rows cuts a matrix that is stored row by row.
func rows(x []float64, width int) [][]float64 { return slices.Collect(slices.Chunk(x, width)) }

func widened(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
