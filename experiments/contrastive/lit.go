package contrastive

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// LiTConfig is the configuration of the experiment clip/lit.
type LiTConfig struct {
	Data         string                  `json:"data"`   // flickr8k or scenes
	Limit        int                     `json:"limit"`  // largest number of training pictures; 0 for all
	Tower        string                  `json:"tower"`  // the locked one: squeezenet, or thumbnail (a stand-in that needs no weights)
	Size         int                     `json:"size"`   // pixels on a side of what it sees
	Merges       int                     `json:"merges"` // of the byte-pair vocabulary, learned from the training captions
	Model        clip.LiTConfig          `json:"model"`  // vocab_size and inputs are set from the data
	Loss         clip.LossKind           `json:"loss"`
	BatchSize    int                     `json:"batch_size"`  // pairs
	Temp         float64                 `json:"temperature"` // that training by infonce begins with, 0.01 to 1
	LearnTemp    bool                    `json:"learn_temperature"`
	TokenDropout float64                 `json:"token_dropout"` // share of a caption's tokens that are left out at random
	Final        bool                    `json:"final"`         // whether the test pictures are looked at, once, at the end; false while choosing settings
	Train        experiments.TrainConfig `json:"train"`
}

// LiT is the experiment clip/lit: "LiT: Zero-Shot Transfer with Locked-image text Tuning" (Zhai et al. 2022, arXiv 2111.07991).
// A text transformer, trained from scratch on the 30,000 captions of Flickr8k's 6,000 training photographs, against SqueezeNet
// with ImageNet's weights. Of the picture's side nothing is trained but what reads the tower: a linear map (and, where the
// configuration has one, a hidden layer) from the means and maxima of the grid's channels and the scores of ImageNet's classes.
//
//	glimpse train clip/lit --seed 1    minutes on 2 cores
//	glimpse train clip/lit --quick     seconds, on Scenes and thumbnails
//
// Time, machine and scores are in docs/results/clip.md.
func LiT() experiments.Experiment {
	return experiments.New("clip/lit", "LiT: a text transformer against a locked SqueezeNet, on photographs with captions", LiTDefaults, trainLiT)
}

// LiTDefaults are the settings of clip/lit.
func LiTDefaults(form experiments.Form, _ backend.Kind) LiTConfig {
	c := LiTConfig{
		Data: "flickr8k", Tower: "squeezenet", Size: 224, Merges: 3000, Loss: clip.InfoNCELoss, BatchSize: 256, Temp: 0.07, LearnTemp: true, Final: true,
		Model: clip.LiTConfig{EmbedDim: 256, Pool: "mean", Dropout: 0.1,
			Reader: clip.ReaderConfig{Hidden: 512, Dropout: 0.3},
			Text:   clip.TextConfig{ContextLength: 24, Width: 256, Layers: 1, Heads: 4}},
		Train: experiments.TrainConfig{Steps: 450, Optimizer: experiments.DefaultAdamW(), LogEvery: 5, EvalEvery: 90, Average: 0.98},
	}
	c.Train.Optimizer.LR, c.Train.Optimizer.WeightDecay = 1e-3, 0.1
	if form == experiments.Quick {
		c.Data, c.Tower, c.Size, c.Limit, c.Merges, c.BatchSize = "scenes", "thumbnail", 8, 1000, 100, 64
		c.Model.Reader = clip.ReaderConfig{Hidden: 64}
		c.Model.EmbedDim, c.Model.Text.Width, c.Model.Text.Heads, c.Model.Text.ContextLength = 32, 32, 2, 12
		c.Train.Steps, c.Train.EvalEvery, c.Train.Optimizer.WarmupSteps, c.Train.Optimizer.LR = 120, 60, 5, 5e-3
	}
	return c
}

// litSet is a split with the locked tower's rows of its pictures and of their mirror images.
type litSet struct {
	datasets.Dataset
	views [2][][]float32
}

// Check says what is wrong with the settings, if anything is that needs no data to be seen.
func (c LiTConfig) Check() error { return cmp.Or(c.Loss.Check(), clip.CheckTemperature(c.Temp)) }

func trainLiT(ctx context.Context, env *experiments.Env, cfg LiTConfig) (experiments.Result, error) {
	var result experiments.Result
	begun := time.Now()
	p, err := OpenPairs(ctx, env, cfg)
	if err != nil {
		return result, err
	}
	report := &Report{Data: cfg.Data, Training: p.train.Len(), Dev: p.dev.Len(), HeldOut: p.test.Len(), Prepared: time.Since(begun).Seconds()}
	m, err := p.New(env.Seed)
	if err != nil {
		return result, err
	}
	b := env.Backend.Backend
	how := Fitting{After: clip.ClampScale}
	if how.Watch, err = Watch(env, "clip/lit"); err != nil {
		return result, err
	}
	if report.Trained, err = p.Fit(ctx, env, "clip/lit", m, how); err != nil {
		return result, err
	}
	if err := m.Save(env.Run.Path("model")); err != nil {
		return result, err
	}
	if report.OnDev, err = p.dev.retrieve(b, m, p.test.Len()); err != nil {
		return result, err
	}
	if cfg.Final {
		env.Say("clip/lit: evaluating on %d test pictures", p.test.Len())
		if report.OnHeldOut, err = p.test.retrieve(b, m, p.test.Len()); err != nil {
			return result, err
		}
	}
	report.Processor, report.PeakMemory = env.Usage()
	result.Metrics = report.metrics()
	if err := env.Run.WriteJSON(ReportFile, report); err != nil {
		return result, err
	}
	return result, draw(env.Run, report, cfg.BatchSize, cfg.Loss)
}

// openLiT opens training, dev and test pictures with the locked tower's rows.
func openLiT(ctx context.Context, env *experiments.Env, cfg LiTConfig) (train, dev, test *litSet, err error) {
	t, err := openTower(env, cfg.Tower, cfg.Size)
	if err != nil {
		return nil, nil, nil, err
	}
	defer t.close()
	var sets [3]*litSet
	for i, split := range []string{"train", "dev", "test"} {
		set, err := openSplit(env, cfg.Data, split)
		if err != nil {
			return nil, nil, nil, err
		}
		if split == "train" && cfg.Limit > 0 {
			set = datasets.Limit(set, cfg.Limit)
		}
		sets[i] = &litSet{Dataset: set}
		for view, mirrored := range []bool{false, true} {
			if sets[i].views[view], err = t.rows(ctx, env, set, mirrored); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	return sets[0], sets[1], sets[2], nil
}

// openSplit opens a split of a data set by its name. Scenes are drawn; their dev and test splits are different scenes.
func openSplit(env *experiments.Env, name, split string) (datasets.Dataset, error) {
	if name != "scenes" {
		return env.Open(name, split, true)
	}
	cfg := scenes.Single()
	cfg.Seed, cfg.Split, cfg.Count = uint64(env.Seed), scenes.Train, 4000
	switch split {
	case "dev":
		cfg.Split, cfg.Seed, cfg.Count = scenes.Test, uint64(env.Seed)+1, 200
	case "test":
		cfg.Split, cfg.Count = scenes.Test, 200
	}
	return scenes.New(cfg)
}

// texts are all captions of a data set.
func texts(set datasets.Dataset) (all []string) {
	for i := range set.Len() {
		all = append(all, set.At(i).Captions...)
	}
	return all
}

// embed embeds all pictures and captions. A picture's embedding is the mean of those of both views.
func (s *litSet) embed(b compute.Backend, m *clip.LiT) (*evaluate.Embedded, error) {
	e := &evaluate.Embedded{}
	for i := range s.Len() {
		example := s.At(i)
		e.Examples = append(e.Examples, example)
		for _, caption := range example.Captions {
			e.Captions, e.Owner = append(e.Captions, caption), append(e.Owner, i)
		}
	}
	var views [2][][]float32
	var err error
	for v := range views {
		if views[v], err = m.ReadImages(b, s.views[v]); err != nil {
			return nil, err
		}
	}
	for i, row := range views[0] {
		for j := range row {
			row[j] = (row[j] + views[1][i][j]) / 2
		}
	}
	e.Images = views[0]
	e.Texts, err = m.EncodeTexts(b, e.Captions)
	return e, err
}

// retrieve measures retrieval among the first n pictures: as many of dev as there are of test, so that the figures can be
// compared.
func (s *litSet) retrieve(b compute.Backend, m *clip.LiT, n int) (*Figures, error) {
	e, err := s.embed(b, m)
	if err != nil {
		return nil, err
	}
	first := e.First(n)
	figures := &Figures{Retrieval: first.Retrieve()}
	return figures, figures.measureRanks(first)
}

// newLiTSource yields batches of rows [N, inputs] and ids [N, L]: each picture in one of its two views and with one of its
// captions, at random.
func newLiTSource(m *clip.LiT, set *litSet, cfg LiTConfig, seed int64) (*pairSource, error) {
	length := m.Config.Text.ContextLength
	ids := make([][][]int32, set.Len())
	for i := range ids {
		captions := set.At(i).Captions
		if len(captions) == 0 {
			return nil, fmt.Errorf("expected captions of every picture, found none of %s", set.At(i).ID)
		}
		for _, caption := range captions {
			ids[i] = append(ids[i], m.Tokenizer.EncodeBatch([]string{caption}, length))
		}
	}
	load := func(_ context.Context, i int, rng *rand.Rand) (pair, error) {
		row := set.views[rng.IntN(len(set.views))][i]
		text := dropTokens(ids[i][rng.IntN(len(ids[i]))], m.Tokenizer.EndToken(), cfg.TokenDropout, rng)
		return pair{image: row, ids: text}, nil
	}
	return newPairSource(set.Len(), cfg.BatchSize, seed, []int{m.Config.Reader.Inputs}, length, load)
}

// dropTokens leaves out tokens between start and end, each with the given probability.
func dropTokens(ids []int32, end int32, share float64, rng *rand.Rand) []int32 {
	if share == 0 {
		return ids
	}
	kept := make([]int32, 0, len(ids))
	for i, id := range ids {
		if i == 0 || id == end || rng.Float64() >= share {
			kept = append(kept, id)
		}
		if id == end {
			break
		}
	}
	return append(kept, make([]int32, len(ids)-len(kept))...)
}
