package demo

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
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
//	glimpse train captioner --quick    seconds, on Scenes, with a small network trained from scratch
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
	Data       string              `json:"data"`
	Encoder    string              `json:"encoder"`
	Training   int                 `json:"training"`    // pictures trained on
	Words      int                 `json:"words"`       // in the vocabulary
	Soft       Fitted              `json:"soft"`        // the decoder with attention
	Uniform    *Fitted             `json:"uniform"`     // the same without
	Gain       *stats.Mean         `json:"gain"`        // loss of uniform minus loss of soft, paired by picture, nats a word
	Forced     stats.Mean          `json:"forced"`      // held-out loss of the trained soft decoder when its attention is forced uniform
	ForcedGain stats.Mean          `json:"forced_gain"` // that minus its own loss, paired
	Examples   []captioner.Example `json:"examples"`
}

// Fitted is one trained decoder.
type Fitted struct {
	Loss    stats.Mean          `json:"loss"` // held-out cross-entropy, nats a word, mean over pictures
	Trained experiments.Trained `json:"trained"`

	perPicture []float64
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
	train, problems, err := c.Prepare(ctx, env, data.train)
	if err != nil {
		return result, err
	}
	heldOut, more, err := c.Prepare(ctx, env, data.heldOut)
	if err != nil {
		return result, err
	}
	result.Remarks = append(result.Remarks, slices.Concat(problems, more)...)
	report := &CaptionerReport{Data: cfg.Data, Encoder: cfg.Encoder, Training: len(train.Examples), Words: c.Vocabulary.Len()}
	if report.Soft, err = fitCaptioner(ctx, c, env, cfg, train, heldOut, "captioner", true); err != nil {
		return result, err
	}
	if err := c.Save(env.Run.Path("model")); err != nil {
		return result, err
	}
	if err := compareUniform(ctx, c, env, cfg, train, heldOut, report); err != nil {
		return result, err
	}
	env.Say("captioner: writing captions")
	if report.Examples, err = c.Examples(heldOut, cfg.Examples); err != nil {
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
func compareUniform(ctx context.Context, c *captioner.Model, env *experiments.Env, cfg CaptionerConfig, train, heldOut *captioner.Set, report *CaptionerReport) error {
	forced := *c
	forced.Config.Attention = captioning.AttentionUniform
	losses, err := forced.LossPerPicture(ctx, heldOut, cfg.HeldOutTexts)
	if err != nil {
		return err
	}
	report.Forced, report.ForcedGain = stats.NewMean(losses), stats.NewMean(minus(losses, report.Soft.perPicture))
	if !cfg.Ablation {
		return nil
	}
	uniform := c.Fresh(env.Seed)
	uniform.Config.Attention = captioning.AttentionUniform
	fitted, err := fitCaptioner(ctx, uniform, env, cfg, train, heldOut, "captioner without attention", false)
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
	train, heldOut, err := captioner.Splits(env, cfg.Data, cfg.Size, cfg.Pictures, cfg.HeldOut)
	if err != nil && env.DataDir == "" && cfg.Data != "scenes" {
		remark := fmt.Sprintf("%v; training on Scenes instead", err)
		result.Remarks = append(result.Remarks, remark)
		env.Say("captioner: %s", remark)
		cfg.Data, cfg.Encoder, cfg.Size, cfg.MinCount = "scenes", "cnn", 64, 1
		train, heldOut, err = captioner.Splits(env, cfg.Data, cfg.Size, cfg.Pictures, cfg.HeldOut)
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

// newCaptioner learns the vocabulary and makes a decoder with fresh weights.
func newCaptioner(env *experiments.Env, cfg *CaptionerConfig, data *captionData, result *experiments.Result) (*captioner.Model, error) {
	var captions [][]string
	for i := range data.train.Len() {
		for _, caption := range data.train.At(i).Captions {
			captions = append(captions, captioning.Tokenize(caption))
		}
	}
	vocabulary := captioning.NewVocabulary(captions, cfg.MinCount)
	encoder, err := captioner.OpenEncoder(env.Backend.Backend, cfg.Encoder, cfg.Size, 0)
	if err != nil && cfg.Encoder == "squeezenet" {
		remark := fmt.Sprintf("%v; training a small network from scratch instead", err)
		result.Remarks = append(result.Remarks, remark)
		env.Say("captioner: %s", remark)
		cfg.Encoder, cfg.Size = "cnn", 64
		encoder, err = captioner.OpenEncoder(env.Backend.Backend, cfg.Encoder, cfg.Size, 0)
	}
	if err != nil {
		return nil, err
	}
	c, err := captioner.New(env.Backend, cfg.Model, vocabulary, encoder, env.Seed)
	if err != nil {
		return nil, err
	}
	c.Data, c.DataDir = cfg.Data, env.DataDir
	return c, nil
}

// fit trains the decoder and measures it on held-out pictures. Steps are recorded in the run's metrics when record
// is set.
func fitCaptioner(ctx context.Context, c *captioner.Model, env *experiments.Env, cfg CaptionerConfig, train, heldOut *captioner.Set, title string, record bool) (Fitted, error) {
	loader, err := datasets.NewLoader(len(train.Examples), datasets.LoaderConfig{
		BatchSize: cfg.BatchSize, Seed: uint64(env.Seed), Shuffle: true, DropLast: true, Prefetch: 4,
	}, func(_ context.Context, index int, rng *rand.Rand) (captioner.Item, error) {
		texts := train.Texts[index]
		return captioner.Item{Input: train.Inputs(index), IDs: texts[rng.IntN(len(texts))]}, nil
	})
	if err != nil {
		return Fitted{}, err
	}
	defer loader.Close()
	source := &captionSource{Loader: loader, c: c}
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		losses := c.Losses(scope, inputs)
		return losses.Total, []experiments.Metric{{Name: "cross_entropy", Value: losses.CrossEntropy}, {Name: "doubly_stochastic", Value: losses.DoublyStochastic}}
	}}
	bar := progress.New(env.Messages, title+": training", int64(cfg.Train.Steps), progress.Options{})
	trained, err := env.Train(ctx, title, c.Store, task, source, cfg.Train, func(s experiments.Step) error {
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
	env.Say("%s: measuring the loss on %d held-out pictures", title, len(heldOut.Examples))
	losses, err := c.LossPerPicture(ctx, heldOut, cfg.HeldOutTexts)
	return Fitted{Loss: stats.NewMean(losses), Trained: trained, perPicture: losses}, err
}

// captionSource makes batches of tensors from a loader's items.
type captionSource struct {
	*datasets.Loader[captioner.Item]
	c     *captioner.Model
	epoch int
}

func (s *captionSource) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	s.epoch = batch.Epoch
	return s.c.Batch(batch.Items)
}

func (s *captionSource) Epoch() int { return s.epoch }

var _ experiments.Resumable = (*captionSource)(nil)

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

// QuickCaptioner opens the captioner of a finished quick run in dir, or trains one there: about a minute.
func QuickCaptioner(ctx context.Context, b *backend.Backend, dir string, messages io.Writer) (*captioner.Model, error) {
	if c, err := captioner.Open(ctx, b, dir); err == nil {
		return c, nil
	}
	if _, _, err := CaptionerExperiment().Start(ctx, b, experiments.Options{Form: experiments.Quick, Seed: 1, Out: dir, Messages: messages}); err != nil {
		return nil, err
	}
	return captioner.Open(ctx, b, dir)
}
