package latentdiffusion

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/captioned"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
)

// learner is the model with what it learns from.
type learner struct {
	*latent.Model
	cfg     Config
	windows *captioned.Windows
}

// newLearner is an untrained model with a text encoder, which is trained and frozen.
func newLearner(ctx context.Context, env *experiments.Env, cfg Config, read Reader) (*learner, error) {
	tokenizer, store, done, err := read(ctx, env, cfg)
	if err != nil {
		return nil, err
	}
	defer done()
	windows, err := captioned.Draw(cfg.Model.Auto.Side, cfg.Model.Text.Length, env.Seed, cfg.Pictures, tokenizer)
	if err != nil {
		return nil, err
	}
	m, err := latent.New(cfg.latents(), tokenizer, env.Seed)
	if err != nil {
		return nil, err
	}
	if err := m.TakeText(store); err != nil {
		return nil, err
	}
	if cfg.Standard {
		var captions []string
		for _, p := range windows.Pictures[:measured] {
			captions = append(captions, p.Scene.Captions()...)
		}
		if err := m.Standardise(env.Backend.Backend, captions); err != nil {
			return nil, err
		}
	}
	return &learner{m, cfg, windows}, freeze(m.Store, latent.TextScope)
}

// freeze keeps a part of the model as it is.
func freeze(store *model.Store, part string) error {
	return experiments.Freeze(store, func(path string) bool { return strings.HasPrefix(path, "/"+part+"/") })
}

// example is a window, which may be shown without its caption.
type example struct {
	captioned.Example
	drop float32
}

// source draws windows [N, S, S, 3], noise of a latent [N, h, w, c], steps [N], ids of a caption [N, L], and 1 for those that are shown without it [N].
func (m *learner) source(seed int64) (*judge.Source[example], error) {
	side, z, depth, length := m.Config.Auto.Side, m.Config.Auto.Latents(), m.Config.Auto.Depth, m.Config.Text.Length
	return judge.NewSource(len(m.windows.Pictures), m.cfg.BatchSize, seed, func(i int, rng *rand.Rand) example {
		e := example{Example: m.windows.Example(i, rng, 1, m.Schedule.Steps())}
		if rng.Float64() < m.cfg.Drop {
			e.drop = 1
		}
		return e
	}, func(items []example) []*tensors.Tensor {
		var values, noise, drop []float32
		var steps, ids []int32
		for _, e := range items {
			values, noise, drop = append(values, e.Values...), append(noise, e.Noise[:z*z*depth]...), append(drop, e.drop)
			steps, ids = append(steps, e.Step), append(ids, e.IDs...)
		}
		n := len(items)
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, n, side, side, 3), tensors.FromFlatDataAndDimensions(noise, n, z, z, depth),
			tensors.FromFlatDataAndDimensions(steps, n), tensors.FromFlatDataAndDimensions(ids, n, length), tensors.FromFlatDataAndDimensions(drop, n)}
	})
}

// learn trains a part of the model.
func (m *learner) learn(ctx context.Context, env *experiments.Env, name string, seed int64, cfg experiments.TrainConfig, loss func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric)) error {
	source, err := m.source(seed)
	if err != nil {
		return err
	}
	defer source.Close()
	_, err = experiments.Fit(ctx, env, name, m.Store, experiments.Task{Loss: loss}, source, cfg, func(map[string]float64) string { return "" })
	return err
}

// learnLatents trains the autoencoder, freezes it and measures its latents.
func (m *learner) learnLatents(ctx context.Context, env *experiments.Env) error {
	err := m.learn(ctx, env, "autoencoder", env.Seed+3, m.cfg.AutoTrain, func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		loss, square := m.Config.Auto.Loss(scope.At(latent.AutoScope), inputs[0], inputs[1])
		return loss, []experiments.Metric{{Name: "square", Value: square}}
	})
	if err != nil {
		return err
	}
	if err := freeze(m.Store, latent.AutoScope); err != nil {
		return err
	}
	return m.measure(env)
}

// measured is how many windows the deviation of the latents is measured on, and of how many scenes the captions are with which states are standardised.
const measured = 64

// measure sets the deviation by which latents are divided (Rombach et al. 2022, appendix G), from windows that training has.
func (m *learner) measure(env *experiments.Env) error {
	rng := rand.New(rand.NewPCG(uint64(env.Seed), 5))
	var values []float32
	for _, p := range m.windows.Pictures[:measured] {
		values = append(values, p.Window(rng)...)
	}
	m.Config.Deviation = 1
	z, err := m.Encode(env.Backend.Backend, values)
	if err != nil {
		return err
	}
	m.Config.Deviation, err = deviation(z, measured)
	return err
}

// deviation is the standard deviation of the latents z of so many pictures, row-major, all their numbers together. It is an error if they do not tell
// pictures apart.
func deviation(z []float32, pictures int) (float64, error) {
	of := func(stride, from int) (variance, square float64) { // of every stride-th number
		sum, squares, n := 0.0, 0.0, 0.0
		for i := from; i < len(z); i += stride {
			v := float64(z[i])
			sum, squares, n = sum+v, squares+v*v, n+1
		}
		return squares/n - sum/n*sum/n, squares / n
	}
	size, between := len(z)/pictures, 0.0 // between pictures, at each place
	for i := range size {
		variance, _ := of(size, i)
		between += variance / float64(size)
	}
	variance, square := of(1, 0)
	if !(between > alike*square) {
		return 0, fmt.Errorf("expected latents that tell pictures apart, found a variance of %.2g between pictures; train the autoencoder for longer, or more slowly (auto_train.steps, auto_train.optimizer.lr)", between)
	}
	return math.Sqrt(variance), nil
}

// alike is the share of the latents' mean square below which a variance is one of rounding.
const alike = 1e-10

// learnNoise trains the network that tells the noise in latents.
func (m *learner) learnNoise(ctx context.Context, env *experiments.Env) error {
	return m.learn(ctx, env, "diffusion", env.Seed, m.cfg.Train, func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		return m.Loss(scope, inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]), nil
	})
}
