package demo

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
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// CaptionerConfig is the configuration of the experiment captioner.
type CaptionerConfig struct {
	Data         string                  `json:"data"`           // flickr8k or scenes
	Pictures     int                     `json:"pictures"`       // largest number of training pictures; 0 for all
	HeldOut      int                     `json:"held_out"`       // likewise of held-out ones
	HeldOutTexts int                     `json:"held_out_texts"` // captions of each held-out picture that the loss is measured on
	Encoder      string                  `json:"encoder"`        // squeezenet (frozen ImageNet features) or cnn (trained from scratch)
	Size         int                     `json:"size"`           // pixels on a side of what the encoder sees
	MinCount     int                     `json:"min_count"`      // words rarer than this in the training captions are unknown
	Model        captioning.Config       `json:"model"`          // vocab_size, feature_dim and locations follow from data and encoder
	BatchSize    int                     `json:"batch_size"`     // pictures, with one caption each
	Ablation     bool                    `json:"ablation"`       // also train the same decoder with attention forced uniform
	Examples     int                     `json:"examples"`       // captions written for the report
	Train        experiments.TrainConfig `json:"train"`
}

// CaptionerExperiment is the experiment captioner: Show, Attend and Tell on Flickr8k's photographs with SqueezeNet's
// features, and the same decoder without attention beside it.
//
//	glimpse train captioner          minutes on 2 cores
//	glimpse train captioner --quick  seconds, on Scenes, with a small network trained from scratch
//
// What came out is in docs/results/demo.md.
func CaptionerExperiment() experiments.Experiment {
	return experiments.New("captioner", "a small Show, Attend and Tell on photographs with captions", captionerDefaults, trainCaptioner)
}

func captionerDefaults(form experiments.Form, kind backend.Kind) CaptionerConfig {
	c := CaptionerConfig{
		Data: "flickr8k", Pictures: 4000, HeldOut: 700, HeldOutTexts: 5, Encoder: "squeezenet", Size: 128, MinCount: 5,
		Model: captioning.Small(0), BatchSize: 64, Ablation: true, Examples: 10,
		Train: experiments.TrainConfig{Steps: 240, Optimizer: experiments.DefaultAdamW(), LogEvery: 5},
	}
	c.Train.Optimizer.LR, c.Train.Optimizer.WarmupSteps = 5e-3, 30
	c.Model.Lambda = 0.01 // 12 words cannot look at all of 49 places: a full weight would only keep attention even
	if kind == backend.Go {
		c.Pictures, c.HeldOut, c.HeldOutTexts, c.Train.Steps = 1500, 400, 1, 100
	}
	if form == experiments.Quick {
		c.Data, c.Pictures, c.HeldOut, c.HeldOutTexts, c.Encoder, c.Size = "scenes", 1500, 100, 1, "cnn", 32
		c.Model, c.MinCount, c.BatchSize = captioning.Tiny(0), 1, 32
		c.Train.Steps, c.Train.LogEvery, c.Train.Optimizer.WarmupSteps, c.Train.Optimizer.LR = 120, 1, 10, 5e-3
	}
	return c
}

// CaptionerReport is what the experiment captioner found out, as written to report.json.
type CaptionerReport struct {
	Data       string             `json:"data"`
	Encoder    string             `json:"encoder"`
	Training   int                `json:"training"`    // pictures trained on
	Words      int                `json:"words"`       // in the vocabulary
	Soft       Fitted             `json:"soft"`        // the decoder with attention
	Uniform    *Fitted            `json:"uniform"`     // the same without
	Gain       *stats.Mean        `json:"gain"`        // loss of uniform minus loss of soft, paired by picture, nats a word
	Forced     stats.Mean         `json:"forced"`      // held-out loss of the trained soft decoder when its attention is forced uniform
	ForcedGain stats.Mean         `json:"forced_gain"` // that minus its own loss, paired
	Examples   []DescribedExample `json:"examples"`
}

// Fitted is one trained decoder.
type Fitted struct {
	Loss    stats.Mean          `json:"loss"` // held-out cross-entropy, nats a word, mean over pictures
	Trained experiments.Trained `json:"trained"`

	perPicture []float64
}

// DescribedExample is a held-out picture with what the model and what people say of it.
type DescribedExample struct {
	ID        string    `json:"id"`
	Index     int       `json:"index"` // in the held-out set
	Described Described `json:"described"`
	Human     []string  `json:"human"`
}

func trainCaptioner(ctx context.Context, env *experiments.Env, cfg CaptionerConfig) (experiments.Result, error) {
	var result experiments.Result
	data, err := openCaptions(env, &cfg, &result)
	if err != nil {
		return result, err
	}
	c, err := newCaptioner(env, &cfg, data, &result)
	if err != nil {
		return result, err
	}
	defer c.Close()
	train, heldOut, problems, err := c.prepare(ctx, env, cfg, data)
	if err != nil {
		return result, err
	}
	result.Remarks = append(result.Remarks, problems...)
	report := &CaptionerReport{Data: cfg.Data, Encoder: cfg.Encoder, Training: len(train.examples), Words: c.Vocabulary.Len()}
	if report.Soft, err = c.fit(ctx, env, cfg, train, heldOut, "captioner", true); err != nil {
		return result, err
	}
	if err := c.Save(env.Run.Path("model")); err != nil {
		return result, err
	}
	if err := env.Run.SaveCheckpoint(cfg.Train.Steps, c.store, ""); err != nil {
		return result, err
	}
	if err := c.compareUniform(ctx, env, cfg, train, heldOut, report); err != nil {
		return result, err
	}
	env.Say("captioner: writing captions")
	if report.Examples, err = c.examples(heldOut, cfg.Examples); err != nil {
		return result, err
	}
	result.Metrics = report.metrics()
	if err := env.Run.WriteJSON(ReportFile, report); err != nil {
		return result, err
	}
	return result, drawCaptioner(env.Run, report, c, heldOut)
}

// compareUniform measures what attention is worth: the trained decoder with its attention forced uniform, and the
// same decoder trained without attention.
func (c *Captioner) compareUniform(ctx context.Context, env *experiments.Env, cfg CaptionerConfig, train, heldOut *captionSet, report *CaptionerReport) error {
	forced := *c
	forced.Config.Attention = captioning.AttentionUniform
	losses, err := forced.heldOutLoss(ctx, env, heldOut, cfg)
	if err != nil {
		return err
	}
	report.Forced, report.ForcedGain = stats.NewMean(losses), stats.NewMean(minus(losses, report.Soft.perPicture))
	if !cfg.Ablation {
		return nil
	}
	uniform := c.fresh(env.Seed)
	uniform.Config.Attention = captioning.AttentionUniform
	fitted, err := uniform.fit(ctx, env, cfg, train, heldOut, "captioner without attention", false)
	if err != nil {
		return err
	}
	gain := stats.NewMean(minus(fitted.perPicture, report.Soft.perPicture))
	report.Uniform, report.Gain = &fitted, &gain
	return nil
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// captionData is a data set's training and held-out split.
type captionData struct{ train, heldOut datasets.Dataset }

// openCaptions opens the data. Without the real photographs it takes Scenes and says so.
func openCaptions(env *experiments.Env, cfg *CaptionerConfig, result *experiments.Result) (*captionData, error) {
	train, heldOut, err := captionSplits(env, cfg)
	if err != nil && env.DataDir == "" && cfg.Data != "scenes" {
		remark := fmt.Sprintf("%v; training on Scenes instead", err)
		result.Remarks = append(result.Remarks, remark)
		env.Say("captioner: %s", remark)
		cfg.Data, cfg.Encoder, cfg.Size, cfg.MinCount = "scenes", "cnn", 64, 1
		train, heldOut, err = captionSplits(env, cfg)
	}
	if err != nil {
		return nil, err
	}
	if cfg.Pictures > 0 {
		train = datasets.Limit(train, cfg.Pictures)
	}
	if cfg.HeldOut > 0 {
		heldOut = datasets.Limit(heldOut, cfg.HeldOut)
	}
	return &captionData{train, heldOut}, nil
}

func captionSplits(env *experiments.Env, cfg *CaptionerConfig) (train, heldOut datasets.Dataset, err error) {
	if cfg.Data == "scenes" {
		s := scenes.Pairs()
		s.Seed, s.Size, s.Split, s.Count = uint64(env.Seed), max(cfg.Size, 32), scenes.Train, max(cfg.Pictures, 100)
		if train, err = scenes.New(s); err != nil {
			return nil, nil, err
		}
		s.Split, s.Count = scenes.Test, max(cfg.HeldOut, 100)
		heldOut, err = scenes.New(s)
		return train, heldOut, err
	}
	if train, err = env.Open(cfg.Data, "train", true); err != nil {
		return nil, nil, err
	}
	heldOut, err = openHeldOut(env, cfg.Data, true)
	return train, heldOut, err
}

// newCaptioner learns the vocabulary and makes a decoder with fresh weights.
func newCaptioner(env *experiments.Env, cfg *CaptionerConfig, data *captionData, result *experiments.Result) (*Captioner, error) {
	var captions [][]string
	for i := range data.train.Len() {
		for _, caption := range data.train.At(i).Captions {
			captions = append(captions, captioning.Tokenize(caption))
		}
	}
	vocabulary := captioning.NewVocabulary(captions, cfg.MinCount)
	encoder, err := openEncoder(env.Backend.Backend, cfg.Encoder, cfg.Size)
	if err != nil && cfg.Encoder == "squeezenet" {
		remark := fmt.Sprintf("%v; training a small network from scratch instead", err)
		result.Remarks = append(result.Remarks, remark)
		env.Say("captioner: %s", remark)
		cfg.Encoder, cfg.Size = "cnn", 64
		encoder, err = openEncoder(env.Backend.Backend, cfg.Encoder, cfg.Size)
	}
	if err != nil {
		return nil, err
	}
	config := cfg.Model
	config.VocabSize, config.FeatureDim, config.Locations = vocabulary.Len(), encoder.channels, encoder.grid*encoder.grid
	if err := config.Validate(); err != nil {
		return nil, err
	}
	c := &Captioner{Config: config, Vocabulary: vocabulary, Data: cfg.Data, dataDir: env.DataDir, backend: env.Backend, encoder: encoder}
	return c.fresh(env.Seed), nil
}

// fit trains the decoder and measures it on held-out pictures. Steps are recorded in the run's metrics when record
// is set.
func (c *Captioner) fit(ctx context.Context, env *experiments.Env, cfg CaptionerConfig, train, heldOut *captionSet, title string, record bool) (Fitted, error) {
	loader, err := datasets.NewLoader(len(train.examples), datasets.LoaderConfig{
		BatchSize: cfg.BatchSize, Seed: uint64(env.Seed), Shuffle: true, DropLast: true, Prefetch: 4,
	}, func(_ context.Context, index int, rng *rand.Rand) (captionItem, error) {
		texts := train.texts[index]
		return captionItem{train.inputs(index), texts[rng.IntN(len(texts))]}, nil
	})
	if err != nil {
		return Fitted{}, err
	}
	defer loader.Close()
	source := &captionSource{Loader: loader, c: c}
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		losses := c.losses(scope, inputs)
		return losses.Total, []experiments.Metric{{Name: "cross_entropy", Value: losses.CrossEntropy}, {Name: "doubly_stochastic", Value: losses.DoublyStochastic}}
	}}
	bar := progress.New(env.Messages, title+": training", int64(cfg.Train.Steps), progress.Options{})
	trained, err := experiments.Train(ctx, env.Backend, c.store, task, source, cfg.Train, func(s experiments.Step) error {
		bar.Describe(fmt.Sprintf("%s: loss %.2f, %.0f%% waiting", title, s.Loss, 100*s.Waiting))
		bar.Set(int64(s.Step))
		if record && (s.Step%cfg.Train.LogEvery == 0 || s.Step == 1 || s.Step == cfg.Train.Steps) {
			return env.Run.Record(s)
		}
		return nil
	})
	bar.Done()
	if err != nil {
		return Fitted{}, err
	}
	env.Say("%s: measuring the loss on %d held-out pictures", title, len(heldOut.examples))
	losses, err := c.heldOutLoss(ctx, env, heldOut, cfg)
	return Fitted{Loss: stats.NewMean(losses), Trained: trained, perPicture: losses}, err
}

// captionItem is a picture, as the decoder sees it, with one caption.
type captionItem struct {
	input []float32
	ids   []int32
}

// captionSource makes batches of tensors from a loader's items.
type captionSource struct {
	*datasets.Loader[captionItem]
	c     *Captioner
	epoch int
}

func (s *captionSource) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	s.epoch = batch.Epoch
	return s.c.batch(batch.Items)
}

func (s *captionSource) Epoch() int { return s.epoch }

// metrics are the report's figures under the names that scripts read.
func (r *CaptionerReport) metrics() map[string]float64 {
	out := map[string]float64{"loss": r.Soft.Trained.Last.Loss, "step_seconds": r.Soft.Trained.StepSeconds, "data_waiting": r.Soft.Trained.Waiting}
	put := func(name string, m stats.Mean) {
		out[name], out[name+"_low"], out[name+"_high"], out[name+"_n"] = m.Value, m.Low, m.High, float64(m.N)
	}
	put("heldout_loss", r.Soft.Loss)
	put("heldout_loss_forced_uniform", r.Forced)
	put("gain_over_forced_uniform", r.ForcedGain)
	if r.Uniform != nil {
		put("heldout_loss_trained_uniform", r.Uniform.Loss)
		put("gain_over_trained_uniform", *r.Gain)
	}
	return out
}
