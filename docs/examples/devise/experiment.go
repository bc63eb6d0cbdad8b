package devise

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of the experiment devise: every field is a setting by the name of its JSON.
type Config struct {
	Model     Model                   `json:"model"`
	Pictures  int                     `json:"pictures"` // to train on
	HeldOut   int                     `json:"held_out"` // of the splits test and unseen, each
	BatchSize int                     `json:"batch_size"`
	Train     experiments.TrainConfig `json:"train"`
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if c.Model.Margin <= 0 {
		return fmt.Errorf("model.margin: expected more than 0, found %g", c.Model.Margin)
	}
	return nil
}

// Experiment is DeViSE on [Swatches]: accuracy (hit@1) on labels that training had, and on labels that it never had.
func Experiment() experiments.Experiment {
	return experiments.New("devise", "DeViSE on swatches of colour: hit@1 on labels that were seen and that never were", defaults, run)
}

func defaults(form experiments.Form, _ backend.Kind) Config {
	c := Config{Model: Model{Dim: 32, Margin: 0.1}, Pictures: 3000, HeldOut: 600, BatchSize: 64,
		Train: experiments.TrainConfig{Steps: 1000, Optimizer: experiments.DefaultAdamW(), LogEvery: 50}}
	c.Train.Optimizer.LR = 0.01
	if form == experiments.Quick {
		c.Pictures, c.HeldOut, c.Train.Steps, c.Train.LogEvery = 300, 120, 150, 25
	}
	return c
}

// run trains the map and measures it. The vectors of words follow from the seed, as everything else does.
func run(ctx context.Context, env *experiments.Env, cfg Config) (result experiments.Result, err error) {
	training, err := NewSwatches("train", cfg.Pictures)
	if err != nil {
		return result, err
	}
	source, err := newSource(training, cfg.BatchSize, env.Seed)
	if err != nil {
		return result, err
	}
	defer source.Close()
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, env.Seed)
	vectors := Vectors(Labels(), cfg.Model.Dim, env.Seed)
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		seen := graph.Const(inputs[0].Graph(), vectors[:len(vectors)-unseen])
		return cfg.Model.Loss(Similarities(cfg.Model.Map(scope, inputs[0]), seen), inputs[1]), nil
	}}
	trained, err := experiments.Fit(ctx, env, "devise", store, task, source, cfg.Train, func(map[string]float64) string { return "" })
	if err != nil {
		return result, err
	}
	result.Metrics = map[string]float64{"loss": trained.Last.Loss}
	for _, split := range []string{"test", "unseen"} {
		hit, err := measure(env.Backend, cfg, store, vectors, split)
		if err != nil {
			return result, err
		}
		name := split + "_hit@1"
		result.Metrics[name], result.Metrics[name+"_low"], result.Metrics[name+"_high"], result.Metrics[name+"_n"] = hit.Value, hit.Low, hit.High, float64(hit.N)
	}
	return result, nil
}

// source yields batches of pictures [N, side, side, 3] with their labels [N], in an order that follows from the seed. The loader saves its place, so
// that a run can be stopped and resumed.
type source struct {
	*datasets.Loader[example]
}

type example struct {
	pixels []float32
	label  int32
}

func newSource(s *Swatches, batch int, seed int64) (*source, error) {
	loader, err := datasets.NewLoader(s.Len(), datasets.LoaderConfig{BatchSize: batch, Seed: uint64(seed), Shuffle: true, DropLast: true},
		func(_ context.Context, i int, _ *rand.Rand) (example, error) { return s.read(i) })
	return &source{loader}, err
}

// read is picture i as the model sees it.
func (s *Swatches) read(i int) (example, error) {
	img, err := s.At(i).Open()
	if err != nil {
		return example{}, err
	}
	half := [3]float32{0.5, 0.5, 0.5}
	return example{picture.ToHWC(img, half, half), int32(s.label(i))}, nil
}

// Next implements [experiments.Source].
func (s *source) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	return inTensors(batch.Items), nil
}

func inTensors(examples []example) []*tensors.Tensor {
	var pixels []float32
	var labels []int32
	for _, e := range examples {
		pixels, labels = append(pixels, e.pixels...), append(labels, e.label)
	}
	n := len(examples)
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(pixels, n, side, side, 3), tensors.FromFlatDataAndDimensions(labels, n)}
}

// Epoch implements [experiments.Source].
func (s *source) Epoch() int { return s.Loader.Position().Epoch }

// measure is how often the nearest of all eight labels is the right one.
func measure(b *backend.Backend, cfg Config, store *model.Store, vectors [][]float32, split string) (hit stats.Proportion, err error) {
	set, err := NewSwatches(split, cfg.HeldOut)
	if err != nil {
		return hit, err
	}
	examples := make([]example, set.Len())
	for i := range examples {
		if examples[i], err = set.read(i); err != nil {
			return hit, err
		}
	}
	inputs := inTensors(examples)
	nearest, err := model.CallOnce(b.Backend, store, func(scope *model.Scope, pictures *graph.Node) *graph.Node {
		all := graph.Const(pictures.Graph(), vectors)
		return graph.ArgMax(Similarities(cfg.Model.Map(scope, pictures), all), -1)
	}, inputs[0])
	if err != nil {
		return hit, fmt.Errorf("cannot measure the split %s: %w", split, err)
	}
	hits := 0
	for i, k := range tensors.MustCopyFlatData[int32](nearest) {
		if k == examples[i].label {
			hits++
		}
	}
	return stats.NewProportion(hits, len(examples)), nil
}
