package captions

import (
	"context"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// ReportFile holds a run's [Report].
const ReportFile = "report.json"

// Report is what a run found out.
type Report struct {
	Data     string `json:"data"`
	Training int    `json:"training"` // pictures trained on
	Dev      int    `json:"dev"`
	HeldOut  int    `json:"held_out"`
	Words    int    `json:"words"`              // in the vocabulary
	Foretold *Phase `json:"foretold"`           // after training to foretell people's words
	Critical *Phase `json:"critical,omitempty"` // after self-critical training

	Processor float64    `json:"processor"`         // processor seconds of the run, all cores together
	Earlier   float64    `json:"earlier,omitempty"` // those of the run whose captioner this one started from
	Baselines []Baseline `json:"baselines"`         // on the test pictures; in a run that is not final, on the dev pictures
}

// Phase is one training and what it came to.
type Phase struct {
	Trained   experiments.Trained `json:"trained"`
	OnDev     Scored              `json:"on_dev"`
	OnHeldOut *Scored             `json:"on_held_out,omitempty"`
}

// Scored are captions of a set of pictures and their scores.
type Scored struct {
	Scores   metrics.Scores        `json:"scores"`
	Interval map[string]stats.Mean `json:"intervals"` // 95%, a bootstrap over pictures
	Examples []Example             `json:"examples"`
}

// Example is a picture with what the model and what people say of it.
type Example struct {
	ID      string   `json:"id"`
	Caption string   `json:"caption"`
	CIDEr   float64  `json:"cider"`
	Human   []string `json:"human"`
}

const (
	devCIDEr = "dev_cider"
	devBLEU4 = "dev_bleu_4"
)

// onDev scores the captions of dev pictures during training.
func onDev(env *experiments.Env, cfg Config, c *captioner.Model, data *sets) func(ctx context.Context) (map[string]float64, error) {
	return func(ctx context.Context) (map[string]float64, error) {
		found, err := c.Score(ctx, data.dev, captioner.Writing{Beam: captioning.BeamOptions{K: 1}}, nil)
		if err != nil {
			return nil, err
		}
		return map[string]float64{devCIDEr: found.Corpus.CIDEr, devBLEU4: found.Corpus.Bleu4}, nil
	}
}

// score describes dev and, in a final run, test pictures.
func (p *Phase) score(ctx context.Context, env *experiments.Env, cfg Config, c *captioner.Model, data *sets) error {
	options := captioning.BeamOptions{K: cfg.Beam, LengthExponent: cfg.LengthNorm}
	env.Say("captions: describing %d dev pictures", len(data.dev.Examples))
	onDev, err := scoreSet(ctx, c, data.dev, options, cfg.Examples)
	if err != nil || !cfg.Final {
		p.OnDev = onDev
		return err
	}
	p.OnDev = onDev
	env.Say("captions: describing %d test pictures", len(data.test.Examples))
	held, err := scoreSet(ctx, c, data.test, options, cfg.Examples)
	p.OnHeldOut = &held
	return err
}

// bootstrapSamples of pictures give the intervals.
const bootstrapSamples = 1000

// scoreSet describes every picture of a set and scores the captions, tokenised as coco-caption does, against people's.
func scoreSet(ctx context.Context, c *captioner.Model, set *captioner.Set, options captioning.BeamOptions, examples int) (Scored, error) {
	found, err := c.Score(ctx, set, captioner.Writing{Beam: options}, nil)
	if err != nil {
		return Scored{}, err
	}
	return withExamples(&found.Evaluation, found.Pictures, set, examples)
}

// scorePictures scores captions of a set's pictures.
func scorePictures(pictures []metrics.Picture, set *captioner.Set, examples int) (Scored, error) {
	evaluation, err := metrics.Evaluate(pictures)
	if err != nil {
		return Scored{}, err
	}
	return withExamples(evaluation, pictures, set, examples)
}

// withExamples are the scores with their intervals and some captions.
func withExamples(evaluation *metrics.Evaluation, pictures []metrics.Picture, set *captioner.Set, examples int) (s Scored, err error) {
	s.Scores = evaluation.Corpus
	for k := range min(examples, len(pictures)) { // spread evenly over the set: not chosen
		i := k * len(pictures) / min(examples, len(pictures))
		s.Examples = append(s.Examples, Example{pictures[i].ID.String(), pictures[i].Candidate, evaluation.PerImage[i].CIDEr, set.Examples[i].Captions})
	}
	s.Interval, err = evaluation.Bootstrap(bootstrapSamples, 1)
	return s, err
}

// metrics are the report's figures under the names that scripts read: those of the last training without a prefix.
func (r *Report) metrics() map[string]float64 {
	out := map[string]float64{}
	last := r.Foretold
	if r.Critical != nil {
		last = r.Critical
	}
	putScores(out, "dev_", last.OnDev)
	putScores(out, "dev_foretold_", r.Foretold.OnDev)
	if last.OnHeldOut != nil {
		putScores(out, "", *last.OnHeldOut)
		putScores(out, "foretold_", *r.Foretold.OnHeldOut)
	}
	out["loss"], out["step_seconds"] = r.Foretold.Trained.Last.Loss, r.Foretold.Trained.StepSeconds
	return out
}

// putScores puts scores with their intervals among a run's metrics.
func putScores(out map[string]float64, prefix string, s Scored) {
	for _, score := range s.Scores.List() {
		out[prefix+score.Name] = score.Value
		if m, ok := s.Interval[score.Name]; ok {
			out[prefix+score.Name+"_low"], out[prefix+score.Name+"_high"] = m.Low, m.High
		}
	}
}
