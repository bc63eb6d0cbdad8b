package captions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Config is the configuration of the experiment captions/flickr8k.
type Config struct {
	Data       string                  `json:"data"`        // flickr8k or scenes
	Pictures   int                     `json:"pictures"`    // largest number of training pictures; 0 for all
	Dev        int                     `json:"dev"`         // largest number of dev pictures, on which every choice is made
	HeldOut    int                     `json:"held_out"`    // likewise of test pictures; 0 for all
	Encoder    string                  `json:"encoder"`     // squeezenet, resnet:PATH, clip:DIR or cnn: see [captioner.OpenEncoder]
	FineTune   bool                    `json:"fine_tune"`   // whether resnet:PATH or clip:DIR is trained too; else it is frozen, its features kept on disk
	EncoderLR  float64                 `json:"encoder_lr"`  // what the learning rate is multiplied by for it
	LayerDecay float64                 `json:"layer_decay"` // and once more for each of its layers below the last; 1 for none
	Size       int                     `json:"size"`        // pixels on a side of what the encoder sees
	Pool       int                     `json:"pool"`        // places on a side that frozen features are averaged to; 0 for as many as they have
	Mirror     bool                    `json:"mirror"`      // half of the time a picture is trained on in a mirror
	Crops      int                     `json:"crops"`       // parts of a picture that are trained on too, each as often as the whole, and in a mirror where that is
	MinCount   int                     `json:"min_count"`
	Decoder    string                  `json:"decoder"`    // attend (Show, Attend and Tell) or tell (Show and Tell, with the sizes of model)
	Model      captioning.Config       `json:"model"`      // vocab_size, feature_dim and locations follow from data and encoder
	Start      string                  `json:"start"`      // folder of a saved captioner of the same shape to go on from; "" for fresh weights
	BatchSize  int                     `json:"batch_size"` // pictures, with one caption each
	Train      experiments.TrainConfig `json:"train"`      // to foretell people's words (cross-entropy); steps 0 for none
	Scheduled  captioning.Scheduled    `json:"scheduled"`  // share of its own words that the decoder reads meanwhile
	Critical   Critical                `json:"critical"`   // then, to write captions that score well
	Beam       int                     `json:"beam"`
	LengthNorm float64                 `json:"length_exponent"` // of a caption's length, by which its log p is divided
	Final      bool                    `json:"final"`           // whether the test pictures are looked at, once, at the end; false while choosing settings
	Examples   int                     `json:"examples"`        // captions for the report

	member int64 // of an ensemble: what is added to the run's seed for weights and batches, but not for the Scenes that are drawn
}

// The decoders.
const (
	attend = "attend"
	tell   = "tell"
)

// Photographs is the experiment captions/flickr8k: Show, Attend and Tell (Xu et al. 2015) with soft attention on the 6,000
// training photographs of Flickr8k and SqueezeNet's features, and self-critical training (Rennie et al. 2017) behind it.
//
//	glimpse train captions/flickr8k --seed 1    40 minutes on one core, half of them for self-critical training
//	glimpse train captions/flickr8k --quick     seconds, on Scenes
func Photographs() experiments.Experiment {
	return experiments.New("captions/flickr8k", "Show, Attend and Tell on photographs, then self-critical training; BLEU, ROUGE-L, CIDEr of its captions", defaults, train)
}

func defaults(form experiments.Form, _ backend.Kind) Config {
	c := Config{
		Data: "flickr8k", Dev: 500, Encoder: "squeezenet", EncoderLR: 0.05, LayerDecay: 1, Size: 224, Pool: 7, Mirror: true, MinCount: 5, Decoder: attend, Model: captioning.Small(0), BatchSize: 64,
		Train: experiments.TrainConfig{Steps: 5000, Optimizer: experiments.DefaultAdamW(), LogEvery: 10, EvalEvery: 1000, Average: 0.99},
		Critical: Critical{BatchSize: 32, Samples: 5, Temperature: 0.5,
			Train: experiments.TrainConfig{Steps: 600, Optimizer: experiments.DefaultAdamW(), LogEvery: 10, EvalEvery: 100, Average: 0.99}},
		Beam: 5, LengthNorm: 0.7, Final: true, Examples: 12,
	}
	c.Model.EmbedDim, c.Model.Hidden, c.Model.AttentionDim, c.Model.Dropout, c.Model.Lambda, c.Model.MaxLen = 300, 512, 256, 0.5, 0.01, 20
	c.Train.Optimizer.LR, c.Train.Optimizer.WarmupSteps, c.Train.Optimizer.WeightDecay = 2e-3, 100, 0.05
	c.Critical.Train.Optimizer.LR, c.Critical.Train.Optimizer.WarmupSteps, c.Critical.Train.Optimizer.WeightDecay = 1e-4, 20, 0
	c.Model.LabelSmoothing = 0.1
	if form == experiments.Quick {
		c.Data, c.Pictures, c.Dev, c.HeldOut, c.Encoder, c.Size, c.Pool, c.Mirror = "scenes", 600, 100, 100, "cnn", 32, 0, false
		c.Model, c.MinCount, c.BatchSize, c.Beam, c.Examples = captioning.Tiny(0), 1, 32, 3, 4
		c.Model.MaxLen = 20 // no caption of Scenes is cut
		c.Train.Steps, c.Train.EvalEvery, c.Train.Optimizer.WarmupSteps, c.Train.Optimizer.LR, c.Train.Average = 120, 60, 10, 5e-3, 0.9
		c.Critical.Train.Steps, c.Critical.Train.EvalEvery, c.Critical.BatchSize, c.Critical.Samples = 5, 5, 8, 3
	}
	c.Model.Hard = captioning.PaperHard() // where attention is hard
	return c
}

// stoppedBefore is what a run that wrote no report, because it was stopped in its self-critical training, says of its first one: steps and seconds
// as recorded. Its processor seconds are not known: the clock's take their place. A folder that is no run says nothing.
func stoppedBefore(dir string) (*Report, error) {
	report := &Report{Foretold: &Phase{}}
	run, err := experiments.OpenRun(dir)
	if err != nil {
		return report, nil // the captioner was copied out of its run
	}
	metrics, err := run.Metrics()
	if err != nil {
		return nil, err
	}
	trained := &report.Foretold.Trained
	for _, line := range metrics {
		if int(line["step"]) <= trained.Last.Step {
			break // the next training
		}
		trained.Last = experiments.Step{Step: int(line["step"]), Loss: line["loss"], Seconds: line["seconds"]}
	}
	trained.Seconds = trained.Last.Seconds
	trained.StepSeconds = trained.Seconds / float64(max(trained.Last.Step, 1))
	report.Processor = trained.Seconds
	return report, nil
}

// sets are the pictures of a run.
type sets struct {
	train, dev, test *captioner.Set
	views            []*captioner.Set // of the training pictures, as they are first
}

// view is a view of training picture i, drawn.
func (s *sets) view(i int, rng *rand.Rand) []float32 {
	return s.views[rng.IntN(len(s.views))].Inputs(i)
}

func train(ctx context.Context, env *experiments.Env, cfg Config) (experiments.Result, error) {
	var result experiments.Result
	c, data, err := prepare(ctx, env, cfg, cfg.decoder(), &result)
	if err != nil {
		return result, err
	}
	defer c.Close()
	report := &Report{Data: cfg.Data, Training: len(data.train.Examples), Dev: len(data.dev.Examples), HeldOut: len(data.test.Examples), Words: c.Vocabulary.Len()}
	earlier, err := startedFrom(cfg)
	if err != nil {
		return result, err
	}
	report.Earlier = earlier.Processor + earlier.Earlier
	if report.Foretold, err = foretell(ctx, env, cfg, "foretelling words", c, data, earlier); err != nil {
		return result, err
	}
	if err := report.Foretold.score(ctx, env, cfg, c, data); err != nil {
		return result, err
	}
	if err := c.Save(env.Run.Path("foretelling")); err != nil { // before self-critical training
		return result, err
	}
	if cfg.Critical.Train.Steps > 0 {
		report.Critical = &Phase{}
		if report.Critical.Trained, err = criticize(ctx, env, cfg, c, data); err != nil {
			return result, err
		}
		if err := report.Critical.score(ctx, env, cfg, c, data); err != nil {
			return result, err
		}
	}
	if err := c.Save(env.Run.Path("model")); err != nil {
		return result, err
	}
	held := data.test
	if !cfg.Final {
		held = data.dev
	}
	if report.Baselines, err = baselines(ctx, cfg, c, data.train, held); err != nil {
		return result, err
	}
	report.Processor, _ = env.Usage()
	result.Metrics = report.metrics()
	return result, env.Run.WriteJSON(ReportFile, report)
}

// startedFrom is the report of the run whose captioner this one starts from; an empty one when there is none.
func startedFrom(cfg Config) (*Report, error) {
	earlier := &Report{Foretold: &Phase{}}
	if cfg.Start == "" {
		return earlier, nil
	}
	data, err := os.ReadFile(filepath.Join(cfg.Start, "..", ReportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return stoppedBefore(filepath.Join(cfg.Start, ".."))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the report of the run to start from: %w", err)
	}
	if err := json.Unmarshal(data, earlier); err != nil || earlier.Foretold == nil {
		return nil, fmt.Errorf("%s: expected the report of a run of captions/flickr8k, found something else (%v)", filepath.Join(cfg.Start, "..", ReportFile), err)
	}
	return earlier, nil
}

// prepare opens the data, learns the vocabulary, and encodes pictures and captions.
func prepare(ctx context.Context, env *experiments.Env, cfg Config, make Maker, result *experiments.Result) (*captioner.Model, *sets, error) {
	open, err := openSplits(env, cfg)
	if err != nil {
		return nil, nil, err
	}
	var captions [][]string
	for i := range open[0].Len() {
		for _, caption := range open[0].At(i).Captions {
			captions = append(captions, captioning.Tokenize(caption))
		}
	}
	encoder, err := openEncoder(env, cfg)
	if err != nil {
		return nil, nil, err
	}
	c, err := make(env.Backend, captioning.NewVocabulary(captions, cfg.MinCount), encoder, env.Seed+cfg.member)
	if err != nil {
		encoder.Close()
		return nil, nil, err
	}
	c.Data, c.DataDir = cfg.Data, env.DataDir
	if cfg.Start != "" {
		if err := errors.Join(c.Adopt(cfg.Start), env.Run.StartsFrom(cfg.Start)); err != nil {
			c.Close()
			return nil, nil, err
		}
	}
	data := &sets{}
	for i, into := range []**captioner.Set{&data.train, &data.dev, &data.test} {
		var problems []string
		if *into, problems, err = c.Prepare(ctx, env, open[i]); err != nil {
			c.Close()
			return nil, nil, err
		}
		result.Remarks = append(result.Remarks, problems...)
	}
	data.views = []*captioner.Set{data.train}
	for _, view := range cfg.views() {
		set, _, err := c.PrepareView(ctx, env, open[0], view)
		if err != nil {
			c.Close()
			return nil, nil, err
		}
		data.views = append(data.views, set)
	}
	return c, data, nil
}

// views are those that are trained on besides the pictures as they are.
func (c Config) views() (views []captioner.View) {
	for crop := range c.Crops + 1 {
		if crop > 0 {
			views = append(views, captioner.View{Crop: crop})
		}
		if c.Mirror {
			views = append(views, captioner.View{Crop: crop, Mirrored: true})
		}
	}
	return views
}

// openEncoder opens the picture network, frozen or to be trained.
func openEncoder(env *experiments.Env, cfg Config) (*captioner.Encoder, error) {
	if cfg.FineTune {
		return captioner.OpenFineTuned(cfg.Encoder, cfg.Size, cfg.Pool)
	}
	return captioner.OpenEncoder(env.Backend.Backend, cfg.Encoder, cfg.Size, cfg.Pool)
}

// Check refuses decoders, learning rates and schedules that cannot be.
func (c Config) Check() error {
	if c.Decoder != attend && c.Decoder != tell {
		return fmt.Errorf("decoder: expected %s or %s, found %q", attend, tell, c.Decoder)
	}
	if err := c.Scheduled.Validate(); err != nil {
		return fmt.Errorf("scheduled: %w", err)
	}
	if c.Scheduled.Decay != captioning.DecayNone && c.Model.Attention == captioning.AttentionHard {
		return fmt.Errorf("scheduled.decay: expected none with hard attention, which draws its places anew when words are read again, found %q", c.Scheduled.Decay)
	}
	if h := c.Model.Hard; c.Decoder == attend && c.Model.Attention == captioning.AttentionHard && h.LambdaR == 0 && h.Expected == 0 {
		return fmt.Errorf("model.hard: expected lambda_r or expected above 0 with hard attention, which learns nothing otherwise, found 0 for both")
	}
	if c.Decoder == attend && c.Model.Attention == captioning.AttentionHard && c.Critical.Train.Steps > 0 {
		return fmt.Errorf("critical.train.steps: expected 0 with hard attention, whose places learn nothing of a caption's score, found %d", c.Critical.Train.Steps)
	}
	if c.Decoder == tell && c.Scheduled.Decay != captioning.DecayNone {
		return fmt.Errorf("scheduled.decay: expected none with decoder=%s, which always reads the true words, found %q", tell, c.Scheduled.Decay)
	}
	if c.Decoder == tell && c.Model.LabelSmoothing != 0 {
		return fmt.Errorf("model.label_smoothing: expected 0 with decoder=%s, whose loss is the paper's, found %g", tell, c.Model.LabelSmoothing)
	}
	if m := c.Model; c.Decoder == tell && (m.EmbedDropout != 0 || m.FeatureDropout != 0) {
		return fmt.Errorf("model.embed_dropout, model.feature_dropout: expected 0 with decoder=%s, which has the dropout of the LSTM's output alone, found %g and %g", tell, m.EmbedDropout, m.FeatureDropout)
	}
	if c.Crops < 0 {
		return fmt.Errorf("crops: expected 0 or more, found %d", c.Crops)
	}
	if d := c.Critical.Dropout; !(d >= 0 && d < 1) {
		return fmt.Errorf("critical.dropout: expected at least 0 and less than 1, found %g", d)
	}
	if !(c.EncoderLR >= 0) || math.IsInf(c.EncoderLR, 0) {
		return fmt.Errorf("encoder_lr: expected 0 or more, found %g", c.EncoderLR)
	}
	if !(c.LayerDecay > 0 && c.LayerDecay <= 1) {
		return fmt.Errorf("layer_decay: expected more than 0 and at most 1, found %g", c.LayerDecay)
	}
	return nil
}

// openSplits opens the training, dev and test pictures.
func openSplits(env *experiments.Env, cfg Config) (open [3]datasets.Dataset, err error) {
	if cfg.Data == "scenes" {
		s := scenes.Pairs()
		s.Size = max(cfg.Size, 32)
		for i, count := range []int{max(cfg.Pictures, 100), max(cfg.Dev, 100), max(cfg.HeldOut, 100)} {
			s.Seed, s.Split, s.Count = uint64(env.Seed), scenes.Train, count
			if i > 0 {
				s.Seed, s.Split = s.Seed+uint64(i), scenes.Test
			}
			if open[i], err = scenes.New(s); err != nil {
				return open, err
			}
		}
		return open, nil
	}
	for i, split := range []string{"train", "dev", "test"} {
		if open[i], err = env.Open(cfg.Data, split, true); err != nil {
			return open, err
		}
		if limit := []int{cfg.Pictures, cfg.Dev, cfg.HeldOut}[i]; limit > 0 {
			open[i] = datasets.Limit(open[i], limit)
		}
	}
	return open, nil
}

// sortedTogether is from how many batches captions of one length are put together.
const sortedTogether = 8

// foretell trains the decoder to foretell people's words, or takes it as an earlier run has trained it.
func foretell(ctx context.Context, env *experiments.Env, cfg Config, name string, c *captioner.Model, data *sets, earlier *Report) (*Phase, error) {
	if cfg.Train.Steps == 0 {
		return &Phase{Trained: earlier.Foretold.Trained}, nil
	}
	seed := uint64(env.Seed + cfg.member)
	loader, err := datasets.NewLoader(len(data.train.Examples), datasets.LoaderConfig{
		BatchSize: cfg.BatchSize, Seed: seed, Shuffle: true, DropLast: true, Prefetch: 4,
	}, func(_ context.Context, i int, rng *rand.Rand) (captioner.Item, error) {
		texts := data.train.Texts[i]
		return captioner.Item{Input: data.view(i, rng), IDs: texts[rng.IntN(len(texts))]}, nil
	})
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	source := &itemSource{Loader: loader, c: c, mixed: sortedTogether, rng: rand.NewPCG(seed, 12), scheduled: cfg.Scheduled}
	rates, err := c.LearningRates(cfg.EncoderLR, cfg.LayerDecay)
	if err != nil {
		return nil, err
	}
	task := experiments.Task{
		LR: rates,
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			losses := c.Losses(scope, inputs)
			watched := []experiments.Metric{{Name: "cross_entropy", Value: losses.CrossEntropy}, {Name: "doubly_stochastic", Value: losses.DoublyStochastic}}
			for _, other := range losses.Others {
				watched = append(watched, experiments.Metric(other))
			}
			return losses.Total, watched
		},
		Evaluate: onDev(env, cfg, c, data),
		Figure:   devCIDEr,
	}
	trained, err := experiments.Fit(ctx, env, name, c.Store, task, source, cfg.Train, inWords)
	return &Phase{Trained: trained}, err
}

// inWords are the figures on dev pictures for the progress bar.
func inWords(found map[string]float64) string {
	return fmt.Sprintf("dev CIDEr %.3f, BLEU-4 %.1f", found[devCIDEr], 100*found[devBLEU4])
}
