package judge

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config describes the classifier and its training.
type Config struct {
	Channels  []int                   `json:"channels"`   // of each grid, each having half the side of the one before
	Pictures  int                     `json:"pictures"`   // to train on: five sixths of seen pairs, one sixth of unseen ones
	Tested    int                     `json:"tested"`     // pictures of each split
	BatchSize int                     `json:"batch_size"` //
	Train     experiments.TrainConfig `json:"train"`
}

// Default is a classifier for pictures of 16 pixels or more.
func Default(form experiments.Form) Config {
	c := Config{Channels: []int{32, 64, 96}, Pictures: 4800, Tested: 500, BatchSize: 64,
		Train: experiments.TrainConfig{Steps: 400, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: 0.98}}
	c.Train.Optimizer.LR = 2e-3
	if form == experiments.Quick {
		c.Pictures, c.Tested, c.BatchSize, c.Train.Steps, c.Train.Average = 1200, 100, 32, 150, 0.9
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if len(c.Channels) == 0 || c.Pictures < c.BatchSize || c.Tested < 1 || c.BatchSize < 1 {
		return fmt.Errorf("judge: expected channels, at least a batch of pictures and one to test with, found %+v", c)
	}
	return nil
}

// Judge tells colour and shape of a window's object.
type Judge struct {
	cfg  Config
	side int
	exec *model.Exec
	env  *experiments.Env

	store *model.Store
}

// Verdict is what the judge sees in a picture, and how sure it is: the product of the two probabilities.
type Verdict struct {
	Label
	Sure float64
}

var colours, shapes = len(scenes.Colours()), len(scenes.Shapes())

// Train trains a judge of windows of side pixels on clean scenes. It knows every pair of colour and shape, those too that nothing else is trained on: it
// is what is measured with.
func Train(ctx context.Context, env *experiments.Env, cfg Config, side int) (*Judge, error) {
	unseen := cfg.Pictures / 6
	pictures, err := Draw(side, scenes.Train, uint64(env.Seed)+1000, cfg.Pictures-unseen)
	if err != nil {
		return nil, err
	}
	rest, err := Draw(side, scenes.Unseen, uint64(env.Seed)+1000, unseen)
	if err != nil {
		return nil, err
	}
	pictures = append(pictures, rest...)
	type example struct {
		values []float32
		label  Label
	}
	source, err := NewSource(len(pictures), cfg.BatchSize, env.Seed+1,
		func(i int, rng *rand.Rand) example { return example{pictures[i].Window(rng), pictures[i].Label} },
		func(items []example) []*tensors.Tensor {
			var values []float32
			labels := make([]float32, len(items)*(colours+shapes))
			for i, e := range items {
				values = append(values, e.values...)
				labels[i*(colours+shapes)+e.label.Colour], labels[i*(colours+shapes)+colours+e.label.Shape] = 1, 1
			}
			return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, len(items), side, side, 3), tensors.FromFlatDataAndDimensions(labels, len(items), colours+shapes)}
		})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	j := &Judge{cfg: cfg, side: side, env: env, store: model.NewStore()}
	j.store.SetParam("/"+nn.SeedParam, env.Seed)
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		log := cfg.logProbabilities(scope, inputs[0])
		return graph.Neg(graph.DivScalar(graph.ReduceAllSum(graph.Mul(log, inputs[1])), float64(inputs[0].Shape().Dim(0)))), nil
	}}
	if _, err := experiments.Fit(ctx, env, "judge", j.store, task, source, cfg.Train, func(map[string]float64) string { return "" }); err != nil {
		return nil, err
	}
	j.exec, err = model.NewExec(env.Backend.Backend, j.store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		return cfg.logProbabilities(scope, inputs[0])
	})
	return j, err
}

// Close gives the graph's memory back.
func (j *Judge) Close() { j.exec.Finalize() }

// logProbabilities of the colours and of the shapes, in nats: pictures x [N, H, W, 3] to [N, colours + shapes].
func (c Config) logProbabilities(scope *model.Scope, x *graph.Node) *graph.Node {
	for i, channels := range c.Channels {
		s := scope.At("%d", i)
		if i > 0 {
			x = nn.AvgPool2D(x, 2)
		}
		for k := range 2 {
			x = nn.Conv2DLayer(s.At("conv%d", k), x, channels, 3, nn.Conv{Padding: nn.Same(), NoBias: true})
			x = nn.ReLU(nn.GroupNorm(s.At("norm%d", k), x, 8, 1e-5))
		}
	}
	d := x.Shape().Dimensions
	x = nn.Linear(scope.At("out"), graph.Reshape(x, d[0], d[1]*d[2]*d[3]), colours+shapes, true)
	part := func(from, to int) *graph.Node {
		return graph.LogSoftmax(graph.Slice(x, graph.AxisRange(), graph.AxisRange(from, to)), -1)
	}
	return graph.Concatenate([]*graph.Node{part(0, colours), part(colours, colours+shapes)}, 1)
}

// lookAt is how many pictures are looked at together.
const lookAt = 64

// Look tells what is in pictures [n*side*side*3].
func (j *Judge) Look(values []float32) (all []Verdict, err error) {
	size := j.side * j.side * 3
	n := len(values) / size
	for from := 0; from < n; from += lookAt {
		batch := make([]float32, lookAt*size) // always as many, so that one graph is compiled
		copy(batch, values[from*size:])
		out, err := j.exec.Call1(tensors.FromFlatDataAndDimensions(batch, lookAt, j.side, j.side, 3))
		if err != nil {
			return nil, fmt.Errorf("the judge cannot look: %w", err)
		}
		err = tensors.ConstFlatData(out, func(log []float32) {
			for i := range min(lookAt, n-from) {
				row := log[i*(colours+shapes) : (i+1)*(colours+shapes)]
				colour, shape := largest(row[:colours]), largest(row[colours:])
				all = append(all, Verdict{Label{colour, shape}, math.Exp(float64(row[colour] + row[colours+shape]))})
			}
		})
		out.FinalizeAll()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func largest(row []float32) int {
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return best
}

// testSeed is that of the scenes that are tested with, the same in every run.
const testSeed = 7_000_021

// Accuracy is the share of new scenes of a split whose colour and shape the judge tells.
func (j *Judge) Accuracy(split scenes.Split) (stats.Proportion, error) {
	pictures, err := Draw(j.side, split, testSeed, j.cfg.Tested)
	if err != nil {
		return stats.Proportion{}, err
	}
	rng := rand.New(rand.NewPCG(testSeed, 1))
	var values []float32
	var labels []Label
	for _, p := range pictures {
		values, labels = append(values, p.Window(rng)...), append(labels, p.Label)
	}
	share, _, err := j.True(values, labels)
	return share, err
}

// True is the share of pictures [n*side*side*3] that show what their labels say, with what the judge sees in each.
func (j *Judge) True(values []float32, labels []Label) (stats.Proportion, []Verdict, error) {
	verdicts, err := j.Look(values)
	if err != nil {
		return stats.Proportion{}, nil, err
	}
	right := 0
	for i, v := range verdicts {
		if v.Label == labels[i] {
			right++
		}
	}
	return stats.NewProportion(right, len(labels)), verdicts, nil
}

// Accuracies are those of the splits that are tested with.
func (j *Judge) Accuracies() (map[scenes.Split]stats.Proportion, error) {
	all := map[scenes.Split]stats.Proportion{}
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		var err error
		if all[split], err = j.Accuracy(split); err != nil {
			return nil, err
		}
	}
	return all, nil
}
