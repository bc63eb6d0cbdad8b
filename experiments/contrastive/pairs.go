package contrastive

import (
	"context"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
)

// Pairs are pictures behind a locked tower with their captions, as a configuration of clip/lit has them: what is trained on them
// takes little time, because what the tower says of each picture is computed once.
type Pairs struct {
	Config           LiTConfig // may be changed between trainings; not its data
	train, dev, test *litSet
	tokenizer        *clip.Tokenizer
}

// OpenPairs opens training, dev and test pictures and learns the vocabulary from the training captions.
func OpenPairs(ctx context.Context, env *experiments.Env, cfg LiTConfig) (*Pairs, error) {
	p := &Pairs{Config: cfg}
	var err error
	if p.train, p.dev, p.test, err = openLiT(ctx, env, cfg); err != nil {
		return nil, err
	}
	p.tokenizer, err = clip.TrainTokenizer(texts(p.train), cfg.Merges)
	return p, err
}

// New is a model with fresh weights.
func (p *Pairs) New(seed int64) (*clip.LiT, error) {
	cfg := p.Config
	cfg.Model.Text.VocabSize, cfg.Model.Reader.Inputs = p.tokenizer.VocabSize(), len(p.train.views[0][0])
	m, err := clip.NewLiT(cfg.Model, p.tokenizer, p.train.views[:], seed)
	// SigLIP has a temperature of its own to begin with, and a run from before it was a setting has none.
	if err != nil || cfg.Loss == clip.SigLIPLoss || cfg.Temp == 0 {
		return m, err
	}
	return m, m.SetTemperature(cfg.Temp, cfg.LearnTemp)
}

// Fitting is what trainings of a model may differ in, besides the settings.
type Fitting struct {
	After func(*model.Scope, *graph.Graph) // follows each step of the optimiser, such as [clip.ClampScale]; nil for nothing
	Watch func(experiments.Step) error     // is told of every recorded step ([Watch]); nil for nobody
	LR    func(path string) float64        // what a variable's learning rate is multiplied by; nil for 1

	// Loss takes the place of the configuration's, on unit embeddings [N, D] of a batch's pictures and texts, row i of both being a pair; nil for that one.
	Loss func(image, text, logitScale *graph.Node) *graph.Node
}

// Fit trains a model.
func (p *Pairs) Fit(ctx context.Context, env *experiments.Env, name string, m *clip.LiT, how Fitting) (trained experiments.Trained, err error) {
	source, err := newLiTSource(m, p.train, p.Config, env.Seed)
	if err != nil {
		return trained, err
	}
	defer source.close()
	task := experiments.Task{
		Embed: func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			image, text := m.Embed(scope, inputs[0], inputs[1])
			return []*graph.Node{image, text}
		},
		Compare: how.compare(p.Config.Loss),
		After:   how.After,
		Watch:   how.Watch,
		LR:      how.LR,
		Tower:   Tower,
		Evaluate: func(context.Context) (map[string]float64, error) {
			found, err := p.dev.retrieve(env.Backend.Backend, m, p.test.Len())
			if err != nil {
				return nil, err
			}
			return devFigures(found), nil
		},
	}
	return experiments.Fit(ctx, env, name, m.Store, task, source, p.Config.Train, inWords)
}

// compare is the comparing half of a step, with the loss of its own if there is one.
func (f Fitting) compare(kind clip.LossKind) func(scope *model.Scope, embeddings []*graph.Node) (*graph.Node, []experiments.Metric) {
	if f.Loss == nil {
		return compare(kind)
	}
	return func(scope *model.Scope, e []*graph.Node) (*graph.Node, []experiments.Metric) {
		logitScale := clip.LogitScale(scope, e[0])
		return f.Loss(e[0], e[1], logitScale), BatchFigures(e[0], e[1], graph.Exp(logitScale))
	}
}

// EmbedTest embeds all test pictures and their captions.
func (p *Pairs) EmbedTest(b compute.Backend, m *clip.LiT) (*evaluate.Embedded, error) {
	return p.test.embed(b, m)
}

// Embed embeds other pictures than the pairs' own, in both views, with the captions that they have.
func (p *Pairs) Embed(ctx context.Context, env *experiments.Env, m *clip.LiT, set datasets.Dataset) (*evaluate.Embedded, error) {
	t, err := openTower(env, p.Config.Tower, p.Config.Size)
	if err != nil {
		return nil, err
	}
	defer t.close()
	return embedThrough(ctx, env, t, m, set)
}

func embedThrough(ctx context.Context, env *experiments.Env, t tower, m *clip.LiT, set datasets.Dataset) (*evaluate.Embedded, error) {
	s := &litSet{Dataset: set}
	for view, mirrored := range []bool{false, true} {
		var err error
		if s.views[view], err = t.rows(ctx, env, set, mirrored); err != nil {
			return nil, err
		}
	}
	return s.embed(env.Backend.Backend, m)
}

// compare is the comparing half of a training step, with the figures to be recorded.
func compare(kind clip.LossKind) func(scope *model.Scope, embeddings []*graph.Node) (*graph.Node, []experiments.Metric) {
	return func(scope *model.Scope, embeddings []*graph.Node) (*graph.Node, []experiments.Metric) {
		loss, scale := kind.Compare(scope, embeddings[0], embeddings[1])
		return loss, BatchFigures(embeddings[0], embeddings[1], scale)
	}
}

// Training is how many training pictures there are.
func (p *Pairs) Training() int { return p.train.Len() }

// TrainingCaptions are all captions of the training pictures.
func (p *Pairs) TrainingCaptions() []string { return texts(p.train) }

// EmbedTraining embeds all training pictures and their captions.
func (p *Pairs) EmbedTraining(b compute.Backend, m *clip.LiT) (*evaluate.Embedded, error) {
	return p.train.embed(b, m)
}

// Retold are the same pairs with fewer training pictures, those whose numbers keep holds, or with other captions: picture i has those of picture
// of[i]. The vocabulary and the test pictures stay.
func (p *Pairs) Retold(keep, of []int) (*Pairs, error) {
	subset, err := datasets.Subset(p.train.Dataset, keep)
	if err != nil {
		return nil, err
	}
	retold := *p
	train := &litSet{Dataset: &retelling{Dataset: subset, all: p.train.Dataset, keep: keep, of: of}}
	for view := range train.views {
		for _, i := range keep {
			train.views[view] = append(train.views[view], p.train.views[view][i])
		}
	}
	retold.train = train
	return &retold, nil
}

// retelling is a data set whose pictures have captions of others. It is only trained on: its fingerprint is that of its pictures.
type retelling struct {
	datasets.Dataset
	all      datasets.Dataset
	keep, of []int
}

func (r *retelling) At(i int) datasets.Example {
	example := r.Dataset.At(i)
	example.Captions = r.all.At(r.of[r.keep[i]]).Captions
	return example
}
