package scenesclip

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
)

// Config says which CLIP is trained, and how.
type Config struct {
	Model      clip.Config             `json:"model"`       // vocab_size is set from the captions
	BatchSize  int                     `json:"batch_size"`  // scenes with a caption each, drawn anew for every batch
	Full       float64                 `json:"full"`        // share of the captions that say of every object what can be said; the others say what comes to mind
	MaxObjects int                     `json:"max_objects"` // most objects in a scene
	Train      experiments.TrainConfig `json:"train"`
}

// Defaults is a convolutional tower that leaves a grid of 6 x 6 places of pictures of 48 x 48, and a transformer of two layers.
func Defaults(form experiments.Form) Config {
	c := Config{Model: clip.Tiny(0), BatchSize: 64, Full: 0.5, MaxObjects: scenes.MostObjects,
		Train: experiments.TrainConfig{Steps: 800, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: 0.99}}
	c.Model.EmbedDim = 64
	c.Model.Vision.Height, c.Model.Vision.Width, c.Model.Vision.Patch = 48, 48, 2
	c.Model.Vision.Mean, c.Model.Vision.Std = [3]float64{0.5, 0.5, 0.5}, [3]float64{0.5, 0.5, 0.5}
	c.Model.Vision.Stages = []clip.Stage{{Channels: 32, Blocks: 1}, {Channels: 64, Blocks: 1}, {Channels: 96, Blocks: 1}}
	c.Model.Text.Width, c.Model.Text.Layers, c.Model.Text.Heads, c.Model.Text.ContextLength = 64, 2, 4, 40
	c.Train.Optimizer.LR, c.Train.Optimizer.WarmupSteps = 2e-3, 50
	if form == experiments.Quick {
		c.BatchSize, c.Train.Steps, c.Train.Average = 24, 40, 0.9
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case c.BatchSize < 2:
		return fmt.Errorf("clip.batch_size: expected at least 2, found %d", c.BatchSize)
	case !(c.Full >= 0 && c.Full <= 1):
		return fmt.Errorf("clip.full: expected a share from 0 to 1, found %g", c.Full)
	case c.Model.Vision.Height != c.Model.Vision.Width || c.Model.Vision.Height < scenes.MinSize:
		return fmt.Errorf("clip.model.vision: expected square pictures of at least %d pixels, found %d x %d", scenes.MinSize, c.Model.Vision.Width, c.Model.Vision.Height)
	case c.MaxObjects < 1 || c.MaxObjects > scenes.MostObjects:
		return fmt.Errorf("clip.max_objects: expected 1 to %d, found %d", scenes.MostObjects, c.MaxObjects)
	}
	return nil
}

// Scenes are the scenes that such a CLIP sees: count of them.
func (c Config) Scenes(split scenes.Split, seed uint64, count int) (*scenes.Scenes, error) {
	d := scenes.Default()
	d.Size, d.MaxObjects, d.Split, d.Seed, d.Count = c.Model.Vision.Height, c.MaxObjects, split, seed, count
	return scenes.New(d)
}

// Train trains a CLIP as a part of a run, in which its training is called clip, and saves it in the run's folder clip.
func Train(ctx context.Context, env *experiments.Env, cfg Config) (*clip.Model, error) {
	set, err := cfg.Scenes(scenes.Train, uint64(env.Seed), (cfg.Train.Steps+1)*cfg.BatchSize)
	if err != nil {
		return nil, err
	}
	m, err := fresh(cfg, set, env.Seed)
	if err != nil {
		return nil, err
	}
	source, err := newSource(m, cfg, set, env.Seed)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	task := contrastive.Comparing(m.Embed)
	if _, err := experiments.Fit(ctx, env, "clip", m.Store, task, source, cfg.Train, func(map[string]float64) string { return "" }); err != nil {
		m.Close()
		return nil, err
	}
	if err := m.Save(env.Run.Path("clip")); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// fresh is an untrained model with a vocabulary for the captions.
func fresh(cfg Config, set *scenes.Scenes, seed int64) (*clip.Model, error) {
	tokenizer, err := Vocabulary(set)
	if err != nil {
		return nil, err
	}
	cfg.Model.Text.VocabSize = tokenizer.VocabSize()
	return clip.New(cfg.Model, tokenizer, seed)
}

// Vocabulary is made of the captions of the first scenes.
func Vocabulary(set *scenes.Scenes) (*clip.Tokenizer, error) {
	var corpus []string
	for i := range min(1000, set.Len()) {
		corpus = append(corpus, set.Scene(i).Captions()...)
	}
	return clip.TrainTokenizer(corpus, 200)
}

// Caption is one of a scene, as such a CLIP reads them.
func (c Config) Caption(scene scenes.Scene, rng *rand.Rand) string {
	caption := scene.Caption(rng)
	if rng.Float64() < c.Full {
		caption = scene.Captions()[0]
	}
	return caption
}
