package captioner

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// membersScope is where an ensemble has its members' weights.
const membersScope = "members"

// Ensemble makes one captioner of several, which foretells words and writes captions by the mean of their probabilities: see [captioning.Ensemble].
// Their vocabularies have to be the same, word for word; decoders, encoders and seeds may differ. The weights are copied: what is trained
// later changes nothing. The members are the ensemble's to close from then on. It can be neither trained nor saved.
func Ensemble(members ...*Model) (*Model, error) {
	if len(members) == 0 {
		return nil, fmt.Errorf("expected captioners to make an ensemble of, found none")
	}
	e := *members[0]
	e.Store, e.writer, e.grids, e.members = model.NewStore(), nil, nil, members
	var decoders captioning.Ensemble
	for i, m := range members {
		if m.members != nil {
			return nil, fmt.Errorf("member %d of the ensemble: expected a captioner, found an ensemble; name its members", i)
		}
		if theirs, ours := m.Vocabulary.Words(), e.Vocabulary.Words(); !slices.Equal(theirs, ours) {
			return nil, fmt.Errorf("member %d of the ensemble: expected the %d words of member 0, found a vocabulary of %d, the first other one at place %d; "+
				"train all on the same pictures and min_count", i, len(ours), len(theirs), firstOther(theirs, ours))
		}
		if m.Looks() != e.Looks() || m.Encoder.Grid != e.Encoder.Grid {
			e.blind = true
		}
		e.Config.MaxLen = min(e.Config.MaxLen, m.Config.MaxLen)
		decoders = append(decoders, m.decoder())
		saved, err := weights.FromStore(m.Store, isWeight)
		if err != nil {
			return nil, err
		}
		renamed := map[string]safetensors.Tensor{}
		for name, tensor := range saved {
			renamed[fmt.Sprintf("%s.%d.%s", membersScope, i, name)] = tensor
		}
		if err := weights.IntoStore(e.Store, renamed); err != nil {
			return nil, err
		}
	}
	e.Store.SetParam("/"+nn.FixedParam, true)
	return &e, decoders.Validate()
}

// Members are the captioners that an ensemble is made of; of any other captioner it is one, itself.
func (c *Model) Members() []*Model {
	if c.members == nil {
		return []*Model{c}
	}
	return c.members
}

// writes is the decoder that captions are written with, and the scope of its weights.
func (c *Model) writes() (captioning.Decoder, *model.Scope) {
	if c.members == nil {
		return c.decoder(), c.Store.RootScope().At("decoder")
	}
	var all captioning.Ensemble
	for _, m := range c.members {
		all = append(all, m.decoder())
	}
	return all, c.Store.RootScope().At(membersScope)
}

// ensembleLosses is [Model.losses] for an ensemble: those of the first member, with the mean of all members' probabilities in the place of its own.
func (c *Model) ensembleLosses(scope *model.Scope, inputs []*graph.Node, said func(logits *graph.Node) *graph.Node) (l captioning.Losses) {
	if scope.IsTraining(inputs[0].Graph()) {
		panic(fmt.Errorf("expected a captioner to train, found an ensemble; train its members"))
	}
	var all []*graph.Node
	from := inputs[0].Shape().Dim(1)
	for i, m := range slices.Backward(c.members) {
		from -= m.Encoder.inputSize()
		own := append([]*graph.Node{graph.SliceAxis(inputs[0], 1, graph.AxisRange(from, from+m.Encoder.inputSize()))}, inputs[1:]...)
		l = m.losses(scope.At(membersScope).At("%d", i), own, func(logits *graph.Node) *graph.Node {
			if all = append(all, logits); i > 0 {
				return logits
			}
			return said(captioning.MeanProbability(all...))
		})
	}
	return l
}

// inputs are pictures as [Set.Inputs] has them: for an ensemble what each member's encoder takes, side by side.
func (c *Model) inputs(images []image.Image) ([][]float32, error) {
	all := make([][]float32, len(images))
	for _, m := range c.Members() {
		own, err := m.Encoder.inputs(images)
		if err != nil {
			return nil, err
		}
		for i := range own {
			all[i] = append(all[i], own[i]...)
		}
	}
	return all, nil
}

// inputSet is [Encoder.inputSet]: for an ensemble what each member's encoder takes of a picture, side by side.
func (c *Model) inputSet(ctx context.Context, env *experiments.Env, set datasets.Dataset, mirrored bool) (func(i int) []float32, []error, error) {
	var parts []func(i int) []float32
	errs := make([]error, set.Len())
	for _, m := range c.Members() {
		inputs, own, err := m.Encoder.inputSet(ctx, env, set, mirrored)
		if err != nil {
			return nil, nil, err
		}
		for i := range errs {
			errs[i] = cmp.Or(errs[i], own[i])
		}
		parts = append(parts, inputs)
	}
	if len(parts) == 1 {
		return parts[0], errs, nil
	}
	return func(i int) (all []float32) {
		for _, part := range parts {
			all = append(all, part(i)...)
		}
		return all
	}, errs, nil
}

// inputSize is the number of numbers of an input.
func (c *Model) inputSize() (n int) {
	for _, m := range c.Members() {
		n += m.Encoder.inputSize()
	}
	return n
}

// ensembleFeatures is [Model.featuresOf] for an ensemble: what each member's decoder sees of a picture, side by side.
func (c *Model) ensembleFeatures(inputs [][]float32) ([]float32, error) {
	var columns [][]float32
	from := 0
	for _, m := range c.members {
		var own [][]float32
		for _, input := range inputs {
			own = append(own, input[from:from+m.Encoder.inputSize()])
		}
		features, err := m.featuresOf(own)
		if err != nil {
			return nil, err
		}
		columns, from = append(columns, features), from+m.Encoder.inputSize()
	}
	var rows []float32
	for i := range inputs {
		for _, column := range columns {
			size := len(column) / len(inputs)
			rows = append(rows, column[i*size:(i+1)*size]...)
		}
	}
	return rows, nil
}
