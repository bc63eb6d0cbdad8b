package captioner

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"maps"
	"reflect"
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
// later changes nothing. The members are the ensemble's to close from then on, unless there is an error. It can be neither trained nor saved, nor asked
// what a single captioner alone can answer, such as [Model.Trace]. Its Config and Encoder are those of the first member.
func Ensemble(members ...*Model) (*Model, error) {
	if len(members) == 0 {
		return nil, fmt.Errorf("expected captioners to make an ensemble of, found none")
	}
	e := *members[0]
	e.Store, e.writer, e.grids, e.members = model.NewStore(), nil, nil, members
	var decoders captioning.Ensemble
	for i, m := range members {
		if m.members != nil {
			return nil, fmt.Errorf("member %d of the ensemble: expected a captioner, found an ensemble; name its members", i+1)
		}
		if theirs, ours := m.Vocabulary.Words(), e.Vocabulary.Words(); !slices.Equal(theirs, ours) {
			return nil, fmt.Errorf("member %d of the ensemble: expected the %d words of the first, found a vocabulary of %d, the first other one at place %d; "+
				"train all on the same pictures and min_count", i+1, len(ours), len(theirs), firstOther(theirs, ours))
		}
		e.apart = e.apart || m.Looks() != members[0].Looks() || m.Encoder.Grid != members[0].Encoder.Grid
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
	if err := decoders.Validate(); err != nil {
		return nil, err
	}
	return &e, nil
}

// WeightsSHA256 is a fingerprint of the captioner's weights, its encoder's included where that is trained with it.
func (c *Model) WeightsSHA256() (string, error) {
	all, err := weights.FromStore(c.Store, isWeight)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t := all[name]
		fmt.Fprintf(hash, "%s %s %v\n", name, t.DType, t.Shape)
		hash.Write(t.Data)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// single is an error for an ensemble, where one captioner alone is asked about.
func (c *Model) single() error {
	if c.members != nil {
		return fmt.Errorf("expected a captioner, found an ensemble of %d; ask its members", len(c.members))
	}
	return nil
}

// mustBeSingle panics for an ensemble.
func (c *Model) mustBeSingle() {
	if err := c.single(); err != nil {
		panic(err)
	}
}

// Fields returns what the places can see, as [Encoder.Fields] does; of an ensemble false unless its members' places see the same.
func (c *Model) Fields() (Fields, bool) {
	fields, ok := c.Encoder.Fields()
	for _, m := range c.members {
		other, also := m.Encoder.Fields()
		ok = ok && also && reflect.DeepEqual(fields, other)
	}
	return fields, ok
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
		c.mustBeSingle()
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
func (c *Model) inputSet(ctx context.Context, env *experiments.Env, set datasets.Dataset, view View) (func(i int) []float32, []error, error) {
	var parts []func(i int) []float32
	errs := make([]error, set.Len())
	for _, m := range c.Members() {
		inputs, own, err := m.Encoder.inputSet(ctx, env, set, view)
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
