package lesson

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// TellingConfig is the configuration of the notebooks' own captioners.
type TellingConfig struct {
	Decoder   string                  `json:"decoder"` // tell (Show and Tell) or attend (Show, Attend and Tell)
	Encoder   string                  `json:"encoder"` // see [captioner.OpenEncoder]
	Size      int                     `json:"size"`    // pixels on a side
	Pictures  int                     `json:"pictures"`
	Model     captioning.Config       `json:"model"` // vocab_size, feature_dim and locations follow from data and encoder
	BatchSize int                     `json:"batch_size"`
	Train     experiments.TrainConfig `json:"train"`
}

// telling is an experiment that trains one of the two decoders on scenes of one thing or two, with the same small network for pictures, trained
// from scratch. It has one form.
func telling() experiments.Experiment {
	return experiments.New("notebook/telling", "Show and Tell, or Show, Attend and Tell, on scenes of one thing or two", tellingDefaults, trainTelling)
}

func tellingDefaults(experiments.Form, backend.Kind) TellingConfig {
	c := TellingConfig{
		Decoder: "tell", Encoder: "cnn", Size: 64, Pictures: 4000, Model: captioning.Tiny(0), BatchSize: 32,
		Train: experiments.TrainConfig{Steps: 1500, Optimizer: experiments.DefaultAdamW(), LogEvery: 10},
	}
	c.Model.MaxLen, c.Model.Lambda, c.Model.EmbedDim, c.Model.Hidden = 16, 0, 64, 128 // no caption is cut
	c.Train.Optimizer.LR, c.Train.Optimizer.WarmupSteps = 5e-3, 20
	return c
}

// oneOrTwo are scenes of as many things, at least fewest.
func oneOrTwo(size, fewest, most int, seed int64, split scenes.Split, count int) (*scenes.Scenes, error) {
	return scenes.New(scenes.Config{Size: size, Seed: uint64(seed), Split: split, Count: count, MinObjects: fewest, MaxObjects: most,
		Phrasing: scenes.SayRelations})
}

func trainTelling(ctx context.Context, env *experiments.Env, cfg TellingConfig) (result experiments.Result, err error) {
	set, err := oneOrTwo(cfg.Size, 1, 2, env.Seed, scenes.Train, cfg.Pictures)
	if err != nil {
		return result, err
	}
	encoder, err := captioner.OpenEncoder(env.Backend.Backend, cfg.Encoder, cfg.Size, 0)
	if err != nil {
		return result, err
	}
	make := captioner.New
	switch cfg.Decoder {
	case "tell":
		make = captioner.NewShowAndTell
	case "attend":
	default:
		return result, fmt.Errorf("decoder: expected tell or attend, found %q", cfg.Decoder)
	}
	c, err := make(env.Backend, cfg.Model, captioning.NewVocabulary([][]string{scenes.Words()}, 1), encoder, env.Seed)
	if err != nil {
		return result, err
	}
	defer c.Close()
	c.Data = "scenes"
	train, _, err := c.Prepare(ctx, env, set)
	if err != nil {
		return result, err
	}
	loader, err := datasets.NewLoader(len(train.Examples), datasets.LoaderConfig{BatchSize: cfg.BatchSize, Seed: uint64(env.Seed), Shuffle: true, DropLast: true},
		func(_ context.Context, i int, rng *rand.Rand) (captioner.Item, error) {
			return captioner.Item{Input: train.Inputs(i), IDs: train.Texts[i][rng.IntN(len(train.Texts[i]))]}, nil
		})
	if err != nil {
		return result, err
	}
	defer loader.Close()
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		return c.Losses(scope, inputs).Total, nil
	}}
	trained, err := experiments.Fit(ctx, env, "telling", c.Store, task, &tellingSource{Loader: loader, c: c}, cfg.Train, nil)
	if err != nil {
		return result, err
	}
	result.Metrics = map[string]float64{"loss": trained.Last.Loss, "step_seconds": trained.StepSeconds}
	return result, c.Save(env.Run.Path("model"))
}

// tellingSource makes batches of tensors from a loader's items.
type tellingSource struct {
	*datasets.Loader[captioner.Item]
	c     *captioner.Model
	epoch int
}

func (s *tellingSource) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	s.epoch = batch.Epoch
	return s.c.Batch(batch.Items)
}

func (s *tellingSource) Epoch() int { return s.epoch }

var _ experiments.Resumable = (*tellingSource)(nil)
