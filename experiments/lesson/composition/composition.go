// Package composition is the lesson's question whether CLIP puts together what it knows.
package composition

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/composition.
type Config struct {
	Model     clip.Config             `json:"model"`      // vocab_size is set from the vocabulary
	BatchSize int                     `json:"batch_size"` // scenes with a caption each, drawn anew for every batch
	Train     experiments.TrainConfig `json:"train"`
	Choices   int                     `json:"choices"` // scenes of each test
}

// Report is what a run found out.
type Report struct {
	Results []Result `json:"results"`
}

// Result is how often a text tower tells a right caption from a wrong one.
type Result struct {
	Tower string       `json:"tower"`
	Test  Test         `json:"test"`
	Split scenes.Split `json:"split"` // test: pairs of colour and shape that training had; unseen: at least one that it never had
	Right stats.Mean   `json:"right"` // share; the interval is a bootstrap over scenes
}

const (
	transformer = "transformer"
	bag         = "bag of words"
)

// Study is the experiment lesson/composition: the choice between a right caption and one that is wrong in one way ("When and why vision-language
// models behave like bags-of-words", Yuksekgonul et al. 2023, arXiv 2210.01936), for scenes with pairs of colour and shape that training had and never had.
//
//	glimpse train lesson/composition --seed 1    10 minutes on one core
//	glimpse train lesson/composition --quick     30 seconds
//
// Time, machine and scores are in docs/results/lesson-composition.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "composition", Title: "Does CLIP put together what it knows?", Asks: asks,
		Summary:  "right captions against wrong ones: other words, words exchanged, pairs never seen; transformer against bag of words",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, _ backend.Kind) Config {
	c := Config{Model: clip.Tiny(0), BatchSize: 128, Choices: 400,
		Train: experiments.TrainConfig{Steps: 2000, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: 0.99}}
	c.Model.EmbedDim, c.Model.Vision.Patch = 64, 4
	c.Model.Vision.Height, c.Model.Vision.Width = 48, 48
	c.Model.Vision.Stages = []clip.Stage{{Channels: 32, Blocks: 1}, {Channels: 64, Blocks: 1}, {Channels: 96, Blocks: 1}}
	c.Model.Text.Width, c.Model.Text.Layers, c.Model.Text.Heads, c.Model.Text.ContextLength = 64, 2, 4, 20
	c.Train.Optimizer.LR, c.Train.Optimizer.WarmupSteps = 2e-3, 50
	if form == experiments.Quick {
		c.BatchSize, c.Choices, c.Train.Steps, c.Train.Average = 64, 100, 150, 0.9
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case c.Choices < 2:
		return fmt.Errorf("choices: expected at least 2, found %d", c.Choices)
	case c.BatchSize < 2:
		return fmt.Errorf("batch_size: expected at least 2, found %d", c.BatchSize)
	case c.Model.Vision.Height != c.Model.Vision.Width || c.Model.Vision.Height < scenes.MinSize:
		return fmt.Errorf("model.vision: expected square pictures of at least %d pixels, found %d x %d", scenes.MinSize, c.Model.Vision.Width, c.Model.Vision.Height)
	}
	return nil
}

// drawn are scenes of two objects.
func (c Config) drawn(split scenes.Split, seed uint64, count int) scenes.Config {
	d := scenes.Pairs()
	d.Size, d.Split, d.Seed, d.Count, d.Phrasing = c.Model.Vision.Height, split, seed, count, scenes.SayRelations
	return d
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	for _, name := range []string{transformer, bag} {
		t, err := train(ctx, env, cfg, name)
		if err != nil {
			return report, nil, err
		}
		if err := report.measure(env, cfg, t, name); err != nil {
			return report, nil, err
		}
		if !t.bag {
			if err := t.asModel().Save(env.Run.Path("model")); err != nil {
				return report, nil, err
			}
		}
	}
	return report, nil, nil
}

// train trains a model from scratch on scenes that are each seen once.
func train(ctx context.Context, env *experiments.Env, cfg Config, name string) (*towers, error) {
	set, err := scenes.New(cfg.drawn(scenes.Train, uint64(env.Seed), (cfg.Train.Steps+1)*cfg.BatchSize))
	if err != nil {
		return nil, err
	}
	var corpus []string
	for i := range min(500, set.Len()) {
		corpus = append(corpus, set.Scene(i).Captions()...)
	}
	t := &towers{store: model.NewStore(), vision: cfg.Model.Vision, text: cfg.Model.Text, embedDim: cfg.Model.EmbedDim, bag: name == bag}
	if t.tokenizer, err = clip.TrainTokenizer(corpus, 200); err != nil {
		return nil, err
	}
	t.text.VocabSize = t.tokenizer.VocabSize()
	t.store.SetParam("/"+nn.SeedParam, env.Seed)
	source, err := newSource(t, set, cfg.BatchSize, env.Seed)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	task := contrastive.Comparing(t.embed)
	_, err = experiments.Fit(ctx, env, name, t.store, task, source, cfg.Train, func(map[string]float64) string { return "" })
	return t, err
}

// source draws a fresh scene for every example.
type source struct {
	*datasets.Loader[example]
	t *towers
}

type example struct {
	pixels []float32
	ids    []int32
}

func newSource(t *towers, set *scenes.Scenes, batch int, seed int64) (*source, error) {
	loader, err := datasets.NewLoader(set.Len(), datasets.LoaderConfig{BatchSize: batch, Seed: uint64(seed), DropLast: true},
		func(_ context.Context, i int, rng *rand.Rand) (example, error) {
			scene := set.Scene(i)
			pixels, err := t.pixels(scene.Image())
			return example{pixels, t.tokenizer.EncodeBatch([]string{scene.Caption(rng)}, t.text.ContextLength)}, err
		})
	return &source{loader, t}, err
}

// pixels are a scene's as the tower sees them.
func (t *towers) pixels(img *image.RGBA) ([]float32, error) {
	side := t.vision.Width
	rgb, err := picture.ResizeCrop(img, side, side, image.Rect(0, 0, side, side), picture.Bilinear)
	if err != nil {
		return nil, err
	}
	half := [3]float32{0.5, 0.5, 0.5}
	return picture.ToHWC(rgb, half, half), nil
}

// asModel is the one with the transformer as a model of its own, which sees pictures as [towers.pixels] prepares them.
func (t *towers) asModel() *clip.Model {
	cfg := clip.Config{EmbedDim: t.embedDim, Vision: t.vision, Text: t.text}
	cfg.Vision.Mean, cfg.Vision.Std = [3]float64{0.5, 0.5, 0.5}, [3]float64{0.5, 0.5, 0.5}
	return &clip.Model{Config: cfg, Tokenizer: t.tokenizer, Store: t.store, Naming: clip.OpenAI}
}

func (s *source) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	var pixels []float32
	var ids []int32
	for _, e := range batch.Items {
		pixels, ids = append(pixels, e.pixels...), append(ids, e.ids...)
	}
	n, v := len(batch.Items), s.t.vision
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(pixels, n, v.Height, v.Width, 3), tensors.FromFlatDataAndDimensions(ids, n, s.t.text.ContextLength)}, nil
}

func (s *source) SavePosition() (json.RawMessage, error) { return s.Loader.SavePosition() }
func (s *source) RestorePosition(position json.RawMessage) error {
	return s.Loader.RestorePosition(position)
}

// Epoch is always 0: no scene is seen twice.
func (s *source) Epoch() int { return 0 }

// testSeed is that of the scenes that are tested with, the same in every run.
const testSeed = 5_000_011

// measure adds a tower's results.
func (r *Report) measure(env *experiments.Env, cfg Config, t *towers, name string) error {
	s, err := t.scorer(env.Backend)
	if err != nil {
		return err
	}
	defer s.exec.Finalize()
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		for _, test := range Tests() {
			all, err := Choices(cfg.drawn(split, testSeed, 1), test, cfg.Choices)
			if err != nil {
				return err
			}
			right, err := s.choose(all)
			if err != nil {
				return err
			}
			r.Results = append(r.Results, Result{name, test, split, right})
		}
	}
	return nil
}

// choose is how often the right caption is the nearer one. Captions that are equally near, as those of the same words are to a bag of words, count half.
func (s *scorer) choose(all []Choice) (stats.Mean, error) {
	var pictures [][]float32
	var rights, wrongs []string
	for _, c := range all {
		pixels, err := s.t.pixels(c.Scene.Image())
		if err != nil {
			return stats.Mean{}, err
		}
		pictures, rights, wrongs = append(pictures, pixels), append(rights, c.Right), append(wrongs, c.Wrong)
	}
	a, err := s.cosines(pictures, rights)
	if err != nil {
		return stats.Mean{}, err
	}
	b, err := s.cosines(pictures, wrongs)
	if err != nil {
		return stats.Mean{}, err
	}
	points := make([]float64, len(all))
	for i := range a {
		switch d := a[i] - b[i]; {
		case d > tie:
			points[i] = 1
		case d > -tie:
			points[i] = 0.5
		}
	}
	return stats.NewMean(points), nil
}

// tie is a difference of cosines that is no difference but rounding.
const tie = 1e-5

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, x := range r.Results {
		lesson.PutMean(out, identifier(x.Tower)+"_"+identifier(string(x.Test))+"_"+string(x.Split), x.Right)
	}
	return out
}
