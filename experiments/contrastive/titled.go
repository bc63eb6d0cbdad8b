package contrastive

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
)

// Titled are pictures with titles, as a configuration of clip/products has them, and what trains a CLIP on them from scratch.
type Titled struct {
	Config ProductsConfig // may be changed between trainings; not its data
	data   *productData
}

// OpenTitled opens training, dev and held-out pictures.
func OpenTitled(ctx context.Context, env *experiments.Env, cfg ProductsConfig) (*Titled, error) {
	data, err := openProducts(ctx, env, cfg)
	return &Titled{cfg, data}, err
}

// Train are the pictures that are trained on.
func (p *Titled) Train() datasets.Dataset { return p.data.train }

// Dev are the pictures that are set apart for choices.
func (p *Titled) Dev() datasets.Dataset { return p.data.dev }

// HeldOut are the pictures for measuring.
func (p *Titled) HeldOut() datasets.Dataset { return p.data.val }

// Pictures are those of Train, in their own sizes.
func (p *Titled) Pictures() []*picture.RGB { return p.data.pictures }

// Class is an example's class for zero-shot classification, "" where it has none or one with few held-out pictures.
func (p *Titled) Class(example datasets.Example) string { return p.data.class(p.Config)(example) }

// class reads an example's class, "" where it is rare among the held-out pictures.
func (d *productData) class(cfg ProductsConfig) func(datasets.Example) string {
	of := evaluate.ByAttribute(cfg.Attribute)
	return func(example datasets.Example) string {
		if c := of(example); d.counted[c] >= cfg.LeastClass {
			return c
		}
		return ""
	}
}

// New is a model with fresh weights, or the one that init names.
func (p *Titled) New(env *experiments.Env) (*clip.Model, error) {
	cfg := p.Config
	if cfg.Init == "" {
		tokenizer, err := clip.TrainTokenizer(texts(p.data.train), cfg.Merges)
		if err != nil {
			return nil, err
		}
		mc := cfg.Model
		mc.Text.VocabSize = tokenizer.VocabSize()
		return clip.New(mc, tokenizer, env.Seed)
	}
	m, err := clip.Load(cfg.Init)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	if m.Tokenizer == nil {
		return nil, fmt.Errorf("init: expected a model with its vocabulary in %s, found none", cfg.Init)
	}
	if cfg.Freeze != "" {
		err = experiments.Freeze(m.Store, func(path string) bool {
			return path != "/logit_scale" && experiments.IsVisual(path) == (cfg.Freeze == "visual")
		})
	}
	return m, err
}

// Evaluate measures a model on pictures with titles, such as [Titled.HeldOut].
func (p *Titled) Evaluate(ctx context.Context, env *experiments.Env, m *clip.Model, set datasets.Dataset) (*Figures, error) {
	return p.data.evaluate(ctx, env.Backend.Backend, m, set, p.Config)
}

// Fit trains a model. watch is told of every recorded step ([Watch]); nil for nobody. Pictures that could not be read are named in bad.
func (p *Titled) Fit(ctx context.Context, env *experiments.Env, name string, m *clip.Model, watch func(experiments.Step) error) (trained experiments.Trained, bad []string, err error) {
	task := experiments.Task{
		Embed:   embedProducts(m),
		Compare: compareProducts(p.Config),
		After:   clip.ClampScale,
		Watch:   watch,
		Tower:   Tower,
		Evaluate: func(ctx context.Context) (map[string]float64, error) {
			found, err := p.data.evaluate(ctx, env.Backend.Backend, m, p.data.dev, p.Config)
			if err != nil {
				return nil, err
			}
			return devFigures(found), nil
		},
	}
	if task.LR, err = experiments.LayerDecay(m.Store, p.Config.LayerDecay); err != nil {
		return trained, nil, err
	}
	return p.fit(ctx, env, name, m, m.Store, task, inWords)
}

// FitOther trains weights that are not a CLIP's on the batches of [Titled.Fit], which are the same for the same seed: pictures [N, H, W, 3] and
// ids [N, L] as m prepares them, and masks [N, N] of texts that are right for other pictures too. m's own weights are not used.
func (p *Titled) FitOther(ctx context.Context, env *experiments.Env, name string, m *clip.Model, store *model.Store, task experiments.Task) (trained experiments.Trained, bad []string, err error) {
	return p.fit(ctx, env, name, m, store, task, func(map[string]float64) string { return "" })
}

// fit trains what is in a store on the data set's batches, as m prepares them.
func (p *Titled) fit(ctx context.Context, env *experiments.Env, name string, m *clip.Model, store *model.Store, task experiments.Task, inWords func(map[string]float64) string) (trained experiments.Trained, bad []string, err error) {
	source, err := newProductSource(m, p.data, p.Config, env.Seed)
	if err != nil {
		return trained, nil, err
	}
	defer source.close()
	trained, err = experiments.Fit(ctx, env, name, store, task, source, p.Config.Train, inWords)
	return trained, source.bad(), err
}

// embedProducts is the towers' half of a training step. The mask goes through as it is.
func embedProducts(m *clip.Model) func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
	return func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		c := m.Config
		return []*graph.Node{
			clip.Normalize(clip.EncodeImage(scope, c.Vision, c.EmbedDim, inputs[0])),
			clip.Normalize(clip.EncodeText(scope, c.Text, c.EmbedDim, inputs[1])),
			inputs[2],
		}
	}
}

func compareProducts(cfg ProductsConfig) func(scope *model.Scope, embeddings []*graph.Node) (*graph.Node, []experiments.Metric) {
	if !cfg.masks() {
		return compare(cfg.Loss)
	}
	return func(scope *model.Scope, e []*graph.Node) (*graph.Node, []experiments.Metric) {
		loss, scale := clip.CompareMasked(scope, e[0], e[1], e[2])
		return loss, BatchFigures(e[0], e[1], scale)
	}
}
