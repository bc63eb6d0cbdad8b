// Package retrieval is the lesson's question what CLIP finds, pictures by texts and texts by pictures, and what it takes for what when it is wrong.
package retrieval

import (
	"context"
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/retrieval.
type Config struct {
	Pairs     contrastive.LiTConfig      `json:"pairs"`     // a LiT on captions, which finds photographs and captions
	Products  contrastive.ProductsConfig `json:"products"`  // a CLIP on titles, which classifies
	Confident int                        `json:"confident"` // so many of the most confident mistakes are grouped by themselves
	Examples  int                        `json:"examples"`  // are shown of each sort
	Levels    []string                   `json:"levels"`    // attributes whose values make classes siblings, the narrowest first
}

// Report is what a run found out. Captions and titles themselves are not in it: they belong to the data sets.
type Report struct {
	Data     string             `json:"data"`
	Found    evaluate.Retrieval `json:"found"`
	Temp     float64            `json:"temperature"`
	ToTexts  Direction          `json:"picture_to_text"`
	ToImages Direction          `json:"text_to_picture"`
	Right    Said               `json:"right"`  // captions judged by the others of their own photographs
	Random   Said               `json:"random"` // and by those of any other photograph
	Spread   []Spread           `json:"spread"` // photographs that are spread evenly over the test set
	Classes  Classification     `json:"classes"`
}

// Spread is a photograph, with what was found for it and by its first caption.
type Spread struct {
	Photograph string   `json:"photograph"`
	Caption    string   `json:"caption"`   // the caption that is nearest to it
	Rank       int      `json:"rank"`      // of its own best caption
	Missing    []string `json:"missing"`   // what the nearest caption says and the photograph's own do not
	TextRank   int      `json:"text_rank"` // of the photograph for its first caption
}

// Study is the experiment lesson/retrieval: retrieval both ways with examples, and the most confident mistakes, grouped by what they confuse.
//
//	glimpse train lesson/retrieval --seed 1    10 minutes on one core
//	glimpse train lesson/retrieval --quick     20 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-retrieval.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "retrieval", Title: "Retrieval both ways, and what is confused", Asks: asks,
		Summary:  "pictures by texts and texts by pictures, with examples; the most confident mistakes, by what they confuse",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Pairs: contrastive.LiTDefaults(form, kind), Products: contrastive.ProductDefaults(form, kind), Confident: 100, Examples: 8, Levels: []string{"subCategory", "masterCategory"}}
	c.Pairs.Train.Steps, c.Pairs.Train.EvalEvery = 300, 0
	c.Products.Train.Steps, c.Products.Train.EvalEvery = 500, 0
	if form == experiments.Quick {
		c.Pairs.Train.Steps, c.Products.Train.Steps = 150, 150
		c.Confident, c.Levels = 30, []string{"shape", "colour"}
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case c.Confident < 1:
		return fmt.Errorf("confident: expected at least 1 mistake, found %d", c.Confident)
	case c.Examples < 1:
		return fmt.Errorf("examples: expected at least 1, found %d", c.Examples)
	case len(c.Levels) == 0 || slices.Contains(c.Levels, ""):
		return fmt.Errorf("levels: expected at least one attribute of the catalogue, such as subCategory, found %q", c.Levels)
	}
	if err := c.Pairs.Check(); err != nil {
		return fmt.Errorf("pairs.%w", err)
	}
	if err := c.Products.Check(); err != nil {
		return fmt.Errorf("products.%w", err)
	}
	return nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	if err := report.retrieve(ctx, env, cfg); err != nil {
		return report, nil, err
	}
	all, remarks, err := report.Classes.classify(ctx, env, cfg)
	if err != nil {
		return report, nil, err
	}
	return report, remarks, drawMisnamed(env.Run, report.Classes.Classes, all, cfg.Examples)
}

// retrieve trains the LiT and measures retrieval with it.
func (r *Report) retrieve(ctx context.Context, env *experiments.Env, cfg Config) error {
	p, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return err
	}
	m, err := p.New(env.Seed)
	if err != nil {
		return err
	}
	if _, err := p.Fit(ctx, env, "LiT on captions", m, contrastive.Fitting{After: clip.ClampScale}); err != nil {
		return err
	}
	e, err := p.EmbedTest(env.Backend.Backend, m)
	if err != nil {
		return err
	}
	scale, err := m.Scale()
	if err != nil {
		return err
	}
	if len(e.Images) < 2 {
		return fmt.Errorf("%s: expected at least 2 test pictures, found %d", cfg.Pairs.Data, len(e.Images))
	}
	r.Data, r.Found, r.Temp = cfg.Pairs.Data, e.Retrieve(), 1/scale
	a := newAlbum(e, newReader(p.TrainingCaptions()))
	// The random pairs are the same for every seed, as the test set is.
	right, random := a.references(600)
	r.Right, r.Random = say(right), say(random)
	toTexts, toImages := answers(e, scale, true), answers(e, scale, false)
	r.ToTexts = a.direction(toTexts, true, random, cfg.Confident, cfg.Examples)
	r.ToImages = a.direction(toImages, false, random, cfg.Confident, cfg.Examples)
	spread := evenly(len(e.Images), cfg.Examples)
	r.Spread = a.spread(spread, toTexts, toImages)
	s := sheets{album: a, scale: scale, run: env.Run}
	return s.draw(spread, toTexts, toImages, cfg.Examples)
}

// evenly are k of n, evenly spread.
func evenly(n, k int) (picked []int) {
	for i := range min(n, k) {
		picked = append(picked, (2*i+1)*n/(2*min(n, k)))
	}
	return picked
}

// spread says of some photographs what was found.
func (a *album) spread(photos []int, toTexts, toImages []answer) (all []Spread) {
	for _, photo := range photos {
		s := Spread{Photograph: a.Examples[photo].ID}
		for _, x := range toTexts {
			if x.photo == photo {
				s.Caption, s.Rank, s.Missing = a.key(x.caption), x.rank, texts(a.judge(x.caption, photo).missing)
			}
		}
		for _, x := range toImages {
			if x.caption == a.of[photo][0] {
				s.TextRank = x.rank
			}
		}
		all = append(all, s)
	}
	return all
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{"temperature": r.Temp, "classes_ece": r.Classes.ECE}
	for _, k := range evaluate.RecallAt() {
		lesson.PutMean(out, fmt.Sprintf("picture_to_text_recall_%d", k), stats.Mean(r.Found.ImageToText[k]))
		lesson.PutMean(out, fmt.Sprintf("text_to_picture_recall_%d", k), stats.Mean(r.Found.TextToImage[k]))
	}
	lesson.PutMean(out, "picture_to_text_median_rank", r.Found.ImageToTexts.Median)
	lesson.PutMean(out, "text_to_picture_median_rank", r.Found.TextToImages.Median)
	for name, s := range map[string]Said{"picture_to_text": r.ToTexts.Mistakes, "text_to_picture": r.ToImages.Mistakes, "picture_to_text_confident": r.ToTexts.Confident, "text_to_picture_confident": r.ToImages.Confident} {
		lesson.PutMean(out, name+"_mistakes_mostly_fitting", stats.Mean(s.Most))
	}
	lesson.PutMean(out, "classes_top1", stats.Mean(r.Classes.Top1))
	for _, l := range r.Classes.Levels {
		lesson.PutMean(out, "mistakes_within_"+l.Attribute, stats.Mean(l.Mistakes))
	}
	return out
}
