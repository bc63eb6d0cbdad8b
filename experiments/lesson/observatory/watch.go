package observatory

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
)

// Watched is what was seen of a model that learned.
type Watched struct {
	Data    string   `json:"data"`
	Moments []Moment `json:"moments"` // before training, then as the configuration says; of held-out pairs
	Curve   []Point  `json:"curve"`   // of training batches
	Batch   int      `json:"batch"`   // pairs in one
	Shifted Shifted  `json:"shifted"`
}

// Point is the gap of a training batch.
type Point struct {
	Step int     `json:"step"`
	Gap  float64 `json:"gap"`
}

// Moment is how held-out pairs lie at one time.
type Moment struct {
	Step int   `json:"step"`
	Gap  Gap   `json:"gap"`
	Maps []Map `json:"maps,omitempty"` // of the first pairs: all pictures, then all texts
}

// view is what is kept of a moment while training goes on: its maps are drawn when it is over.
type view struct {
	Step   int         `json:"step"`
	Gap    Gap         `json:"gap"`
	Images [][]float32 `json:"images"` // of the pairs that are mapped
	Texts  [][]float32 `json:"texts"`
}

// look measures embeddings and keeps those of the first pairs.
func look(ctx context.Context, e *evaluate.Embedded, step int, cfg Config) (view, error) {
	images, texts := pairsOf(e)
	gap, err := gapOf(ctx, images, texts, cfg.Batch)
	if err != nil {
		return view{}, err
	}
	n := min(cfg.Shown, len(images))
	if n <= max(cfg.Joined, cfg.Neighbours) {
		return view{}, fmt.Errorf("shown: expected more held-out pairs than joined=%d and neighbours=%d, found %d", cfg.Joined, cfg.Neighbours, n)
	}
	return view{step, gap, images[:n], texts[:n]}, nil
}

func viewFile(step int) string { return fmt.Sprintf("plots/observatory-%05d.json", step) }

// products trains a CLIP on pictures with titles and watches it.
func (r *Report) products(ctx context.Context, env *experiments.Env, cfg Config) (remarks []string, err error) {
	p, err := contrastive.OpenTitled(ctx, env, cfg.Products)
	if err != nil {
		return nil, err
	}
	m, err := p.New(env)
	if err != nil {
		return nil, err
	}
	b := env.Backend.Backend
	// A step that was taken is looked at to the end, also when the run is told to stop: it is not taken again.
	whole := context.WithoutCancel(ctx)
	embed := func(m *clip.Model) (*evaluate.Embedded, error) { return evaluate.Embed(whole, b, m, p.HeldOut(), nil) }
	e, err := embed(m)
	if err != nil {
		return nil, err
	}
	before, err := look(whole, e, 0, cfg)
	if err != nil {
		return nil, err
	}
	watch := func(s experiments.Step) error {
		if !slices.Contains(cfg.Moments, s.Step) {
			return nil
		}
		e, err := embed(m)
		if err != nil {
			return err
		}
		now, err := look(whole, e, s.Step, cfg)
		if err != nil {
			return err
		}
		return env.Run.WriteJSON(viewFile(s.Step), now) // a run that is stopped and resumed finds it there
	}
	if _, remarks, err = p.Fit(ctx, env, "CLIP on titles", m, watch); err != nil {
		return remarks, err
	}
	r.Products = Watched{Data: cfg.Products.Data, Batch: cfg.Products.BatchSize}
	if err := r.Products.mapMoments(ctx, env, cfg, before); err != nil {
		return remarks, err
	}
	if e, err = embed(m); err != nil {
		return remarks, err
	}
	if err := r.judge(ctx, env, cfg, p, m, e); err != nil {
		return remarks, err
	}
	return remarks, r.fresh(ctx, env, cfg, p, m)
}

// mapMoments draws the maps of all moments.
func (w *Watched) mapMoments(ctx context.Context, env *experiments.Env, cfg Config, before view) error {
	views := []view{before}
	for _, step := range cfg.Moments {
		var v view
		data, err := os.ReadFile(env.Run.Path(viewFile(step)))
		if err == nil {
			err = json.Unmarshal(data, &v)
		}
		if err != nil {
			return fmt.Errorf("cannot read what was seen after step %d: %w", step, err)
		}
		views = append(views, v)
	}
	for _, v := range views {
		env.Say("lesson/observatory: maps of %d embeddings after step %d", 2*len(v.Images), v.Step)
		maps, err := mapPairs(ctx, v.Images, v.Texts, cfg)
		if err != nil {
			return err
		}
		w.Moments = append(w.Moments, Moment{v.Step, v.Gap, maps})
	}
	return nil
}

// judge moves the trained embeddings along the gap, and maps the classes of the pictures.
func (r *Report) judge(ctx context.Context, env *experiments.Env, cfg Config, p *contrastive.Titled, m *clip.Model, e *evaluate.Embedded) error {
	var classes []string
	for _, example := range e.Examples {
		if c := p.Class(example); c != "" && !slices.Contains(classes, c) {
			classes = append(classes, c)
		}
	}
	slices.Sort(classes)
	var names [][]string
	for _, c := range classes {
		names = append(names, evaluate.Names(c))
	}
	weights, err := m.ClassWeights(env.Backend.Backend, names, evaluate.ProductTemplates())
	if err != nil {
		return err
	}
	labels := make([]int, len(e.Examples))
	for i, example := range e.Examples {
		labels[i] = slices.Index(classes, p.Class(example))
	}
	scale, err := m.Scale()
	if err != nil {
		return err
	}
	r.Products.Shifted = shiftsOf(newShiftable(e, weights, labels), cfg.Lambdas, cfg.Taus, scale, cfg.Batch)
	r.Classes, err = mapClasses(ctx, env, unit(e.Images), labels, classes, cfg)
	return err
}

// fresh compares models with other weights, of which nothing was trained.
func (r *Report) fresh(ctx context.Context, env *experiments.Env, cfg Config, p *contrastive.Titled, m *clip.Model) error {
	var images, texts [][][]float32
	for i := range cfg.Fresh {
		other, err := clip.New(m.Config, m.Tokenizer, env.Seed+int64(1000*(i+1)))
		if err != nil {
			return err
		}
		e, err := evaluate.Embed(ctx, env.Backend.Backend, other, p.HeldOut(), nil)
		if err != nil {
			return err
		}
		i, t := pairsOf(e)
		images, texts = append(images, i), append(texts, t)
	}
	r.Cones = conesOf(images, texts)
	return nil
}

// photographs trains a text transformer against a locked tower, and measures its gap before and after.
func (r *Report) photographs(ctx context.Context, env *experiments.Env, cfg Config) error {
	p, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return err
	}
	m, err := p.New(env.Seed)
	if err != nil {
		return err
	}
	r.Photographs = Watched{Data: cfg.Pairs.Data, Batch: cfg.Pairs.BatchSize}
	see := func(step int) (*evaluate.Embedded, error) {
		e, err := p.EmbedTest(env.Backend.Backend, m)
		if err != nil {
			return nil, err
		}
		images, texts := pairsOf(e)
		gap, err := gapOf(ctx, images, texts, cfg.Batch)
		r.Photographs.Moments = append(r.Photographs.Moments, Moment{Step: step, Gap: gap})
		return e, err
	}
	if _, err := see(0); err != nil {
		return err
	}
	if _, err := p.Fit(ctx, env, "photographs", m, contrastive.Fitting{After: clip.ClampScale}); err != nil {
		return err
	}
	e, err := see(cfg.Pairs.Train.Steps)
	if err != nil {
		return err
	}
	scale, err := m.Scale()
	if err != nil {
		return err
	}
	r.Photographs.Shifted = shiftsOf(newShiftable(e, nil, nil), cfg.Lambdas, cfg.Taus, scale, cfg.Batch)
	return nil
}

// gapsInTraining reads from the run's metrics how the gap of the batches moved in each training: those follow each other.
func gapsInTraining(run *experiments.Run) (trainings [][]Point, err error) {
	steps, err := run.Metrics()
	if err != nil {
		return nil, err
	}
	last := math.Inf(1)
	for _, step := range steps {
		if step["step"] <= last {
			trainings = append(trainings, nil)
		}
		last = step["step"]
		trainings[len(trainings)-1] = append(trainings[len(trainings)-1], Point{int(step["step"]), rounded(step[learning.Gap], 4)})
	}
	return trainings, nil
}
