// Package prompts is the lesson's question how much the wording of the prompts matters.
package prompts

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/prompts.
type Config struct {
	Products contrastive.ProductsConfig `json:"products"` // a CLIP from scratch on titles, which classifies its own held-out pictures
	Pairs    contrastive.LiTConfig      `json:"pairs"`    // a LiT on captions,
	Labelled string                     `json:"labelled"` // which classifies pictures of this data set: cifar10, or scenes
	Choosing int                        `json:"choosing"` // of its training pictures, so many choose among prompts
	Draws    int                        `json:"draws"`    // random ensembles of each size
}

// Report is what a run found out.
type Report struct {
	Tasks []Task `json:"tasks"`
}

// Task is one classification, with prompts in many wordings.
type Task struct {
	Name      string     `json:"name"`
	Data      string     `json:"data"`
	Classes   int        `json:"classes"`
	Pictures  int        `json:"pictures"` // measured on
	Choosing  int        `json:"choosing"` // prompts were chosen on
	Wordings  []Wording  `json:"wordings"`
	Templates []Alone    `json:"templates"`
	Random    []Ensemble `json:"random"` // by size, from 1 to all templates
	Greedy    []Chosen   `json:"greedy"` // in the order in which they were chosen, all templates
	Kept      int        `json:"kept"`   // so many of them are the subset: with the highest accuracy on the pictures that it is chosen on
}

// Wording is a way to put the classes.
type Wording struct {
	Name    string           `json:"name"`
	Prompts int              `json:"prompts"` // a class, on average
	Top1    stats.Proportion `json:"top1"`
	Gain    stats.Mean       `json:"gain"` // over the bare word, paired by picture
}

// Alone is a template by itself.
type Alone struct {
	Template string           `json:"template"`
	Top1     stats.Proportion `json:"top1"`
}

// Ensemble are random ensembles of one size: mean accuracy, the worst and the best.
type Ensemble struct {
	Size    int     `json:"size"`
	Mean    float64 `json:"mean"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

// Chosen is a template that greedy selection adds to those before it.
type Chosen struct {
	Template string           `json:"template"`
	Choosing float64          `json:"choosing"` // accuracy of the ensemble up to here, on the pictures it is chosen on
	Top1     stats.Proportion `json:"top1"`     // on the others
}

// The names of the tasks.
const (
	titled    = "product titles"
	captioned = "captions"
)

// Study is the experiment lesson/prompts: prompt engineering and ensembling (Radford et al. 2021, section 3.1.4) with two small models,
// each of which has learned from texts of its own kind.
//
//	glimpse train lesson/prompts --seed 1    12 minutes on one core
//	glimpse train lesson/prompts --quick     20 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-prompts.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "prompts", Title: "How much does the wording of prompts matter?", Asks: asks,
		Summary:  "the bare word, \"a photo of a {}\", wordings of a class's own, ensembles, a subset chosen greedily: zero-shot accuracy",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Products: contrastive.ProductDefaults(form, kind), Pairs: contrastive.LiTDefaults(form, kind), Labelled: "cifar10", Choosing: 1000, Draws: 30}
	c.Products.Train.Steps, c.Products.Train.EvalEvery = 500, 0
	c.Pairs.Train.Steps, c.Pairs.Train.EvalEvery = 200, 0
	if form == experiments.Quick {
		c.Labelled, c.Choosing, c.Draws = "scenes", 200, 10
		c.Products.Train.Steps, c.Pairs.Train.Steps = 150, 150
		c.Pairs.Model.Text.ContextLength = 24 // prompts are longer than captions
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case c.Labelled != "cifar10" && c.Labelled != "scenes":
		return fmt.Errorf("labelled: expected cifar10 or scenes, found %q", c.Labelled)
	case c.Choosing < 10:
		return fmt.Errorf("choosing: expected at least 10 pictures, found %d", c.Choosing)
	case c.Draws < 1:
		return fmt.Errorf("draws: expected at least 1, found %d", c.Draws)
	}
	if err := c.Products.Check(); err != nil {
		return fmt.Errorf("products.%w", err)
	}
	if err := c.Pairs.Check(); err != nil {
		return fmt.Errorf("pairs.%w", err)
	}
	return nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	for _, task := range []func(context.Context, *experiments.Env, Config) (Task, []string, error){byTitles, byCaptions} {
		t, bad, err := task(ctx, env, cfg)
		if err != nil {
			return report, nil, err
		}
		report.Tasks, remarks = append(report.Tasks, t), append(remarks, bad...)
	}
	return report, remarks, nil
}

// byTitles trains a CLIP on titles and classifies its held-out pictures. Prompts are chosen on its dev pictures.
func byTitles(ctx context.Context, env *experiments.Env, cfg Config) (Task, []string, error) {
	p, err := contrastive.OpenTitled(ctx, env, cfg.Products)
	if err != nil {
		return Task{}, nil, err
	}
	m, err := p.New(env)
	if err != nil {
		return Task{}, nil, err
	}
	_, bad, err := p.Fit(ctx, env, titled, m, nil)
	if err != nil {
		return Task{}, nil, err
	}
	b := env.Backend.Backend
	choosing, err := evaluate.EmbedImages(ctx, b, m, p.Dev(), nil)
	if err != nil {
		return Task{}, nil, err
	}
	test, err := evaluate.EmbedImages(ctx, b, m, p.HeldOut(), nil)
	if err != nil {
		return Task{}, nil, err
	}
	c := classifier{lists: productWordings(), encode: func(texts []string) ([][]float32, error) { return m.EncodeTexts(b, texts) }}
	if cfg.Products.Data == "scenes" {
		c.lists = sceneWordings()
	}
	c.label(choosing, test, p.Class)
	t, err := c.measure(titled, cfg.Products.Data, cfg.Draws, rand.New(rand.NewPCG(uint64(env.Seed), 5)))
	return t, bad, err
}

// byCaptions trains a LiT on captions and classifies pictures of another data set.
func byCaptions(ctx context.Context, env *experiments.Env, cfg Config) (Task, []string, error) {
	pairs, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return Task{}, nil, err
	}
	m, err := pairs.New(env.Seed)
	if err != nil {
		return Task{}, nil, err
	}
	if _, err := pairs.Fit(ctx, env, captioned, m, contrastive.Fitting{After: clip.ClampScale}); err != nil {
		return Task{}, nil, err
	}
	b := env.Backend.Backend
	c := classifier{lists: pictureWordings(), encode: func(texts []string) ([][]float32, error) { return m.EncodeTexts(b, texts) }}
	if cfg.Labelled == "scenes" {
		c.lists = sceneWordings()
	}
	var sets [2]*evaluate.Embedded
	for i, split := range []string{"train", "test"} {
		set, err := openLabelled(env, cfg, split)
		if err != nil {
			return Task{}, nil, err
		}
		if sets[i], err = pairs.Embed(ctx, env, m, set); err != nil {
			return Task{}, nil, err
		}
	}
	c.label(sets[0], sets[1], evaluate.ByAttribute(""))
	t, err := c.measure(captioned, cfg.Labelled, cfg.Draws, rand.New(rand.NewPCG(uint64(env.Seed), 6)))
	return t, nil, err
}

// openLabelled opens a split of the pictures that are classified by a model of captions; of train, those that choose among prompts. They
// are the same for every seed.
func openLabelled(env *experiments.Env, cfg Config, split string) (datasets.Dataset, error) {
	if cfg.Labelled == "scenes" {
		single := scenes.Single()
		single.Split, single.Seed, single.Count = scenes.Test, 77, cfg.Choosing
		if split == "test" {
			single.Seed, single.Count = 78, 500
		}
		return scenes.New(single)
	}
	set, err := env.Open(cfg.Labelled, split, false)
	if err != nil || split == "test" {
		return set, err
	}
	if cfg.Choosing > set.Len() {
		return nil, fmt.Errorf("choosing: expected at most the %d training pictures of %s, found %d", set.Len(), cfg.Labelled, cfg.Choosing)
	}
	return datasets.Subset(set, rand.New(rand.NewPCG(600, 2)).Perm(set.Len())[:cfg.Choosing])
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, t := range r.Tasks {
		for _, w := range t.Wordings {
			name := identifier(t.Name) + "_" + identifier(w.Name)
			lesson.PutMean(out, name, stats.Mean(w.Top1))
			lesson.PutMean(out, name+"_gain", w.Gain)
		}
	}
	return out
}
