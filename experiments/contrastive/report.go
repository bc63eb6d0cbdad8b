package contrastive

import (
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// ReportFile holds a run's [Report].
const ReportFile = "report.json"

// Report is what a run found out.
type Report struct {
	Data       string              `json:"data"`
	Training   int                 `json:"training"` // pictures trained on
	Dev        int                 `json:"dev"`      // pictures set apart for every choice
	HeldOut    int                 `json:"held_out"` // pictures looked at once, at the end
	Prepared   float64             `json:"prepared"` // seconds until training began: reading pictures, the locked tower's features unless they were in the cache
	Trained    experiments.Trained `json:"trained"`
	Processor  float64             `json:"processor"`   // processor seconds of the run, all cores together
	PeakMemory int64               `json:"peak_memory"` // bytes
	OnDev      *Figures            `json:"on_dev"`
	OnHeldOut  *Figures            `json:"on_held_out,omitempty"` // of a final run
}

// Figures are what a model reaches on a set of pictures.
type Figures struct {
	Retrieval evaluate.Retrieval `json:"retrieval"`
	ZeroShot  *evaluate.ZeroShot `json:"zero_shot,omitempty"` // by prompts
	ByTitles  *TitleVote         `json:"by_titles,omitempty"` // by the training titles
	Ranks     *learning.Ranks    `json:"effective_rank,omitempty"`
}

// measureRanks measures the effective ranks of the embeddings.
func (f *Figures) measureRanks(e *evaluate.Embedded) error {
	ranks, err := learning.RanksOf(e.Images, e.Texts)
	f.Ranks = &ranks
	return err
}

// The names of the figures on dev pictures, in metrics.jsonl too.
const (
	devTop1     = "dev_zeroshot_top1"
	devByTitles = "dev_zeroshot_titles_top1"
)

func devRecall(k int) string { return fmt.Sprintf("dev_image_to_text_recall@%d", k) }

// devFigures are the figures of an evaluation during training.
func devFigures(f *Figures) map[string]float64 {
	out := map[string]float64{}
	for _, k := range evaluate.RecallAt() {
		out[devRecall(k)] = f.Retrieval.ImageToText[k].Value
		out[fmt.Sprintf("dev_text_to_image_recall@%d", k)] = f.Retrieval.TextToImage[k].Value
	}
	if f.ZeroShot != nil {
		out[devTop1], out[devByTitles] = f.ZeroShot.Top1.Value, f.ByTitles.Top1.Value
	}
	if f.Ranks != nil {
		f.Ranks.Into(out)
	}
	return out
}

// metrics are the report's figures under the names that scripts read.
func (r *Report) metrics() map[string]float64 {
	out := devFigures(r.OnDev)
	out["loss"], out["logit_scale"] = r.Trained.Last.Loss, r.Trained.Last.Scalars["logit_scale"]
	out["step_seconds"], out["data_waiting"], out["train_seconds"], out["prepare_seconds"] = r.Trained.StepSeconds, r.Trained.Waiting, r.Trained.Seconds, r.Prepared
	put := func(name string, p stats.Proportion) {
		out[name], out[name+"_low"], out[name+"_high"], out[name+"_n"] = p.Value, p.Low, p.High, float64(p.N)
	}
	out["processor_seconds"], out["peak_memory_bytes"] = r.Processor, float64(r.PeakMemory)
	f := r.OnHeldOut
	if f == nil {
		return out
	}
	if f.ZeroShot != nil {
		put("zeroshot_top1", f.ZeroShot.Top1)
		put("zeroshot_titles_top1", f.ByTitles.Top1)
	}
	for _, k := range evaluate.RecallAt() {
		put(fmt.Sprintf("image_to_text_recall@%d", k), f.Retrieval.ImageToText[k])
		put(fmt.Sprintf("text_to_image_recall@%d", k), f.Retrieval.TextToImage[k])
	}
	return out
}

// draw draws the learning curves of a run.
func draw(run *experiments.Run, r *Report, batch int, kind clip.LossKind) error {
	steps, err := run.Metrics()
	if err != nil {
		return err
	}
	cfg := plots.CurvesConfig{Title: "The contrastive loss", XLabel: "training step", YLabel: "loss (nats)",
		Series: []plots.Series{series("training batch", steps, "loss")}}
	if kind != clip.SigLIPLoss {
		cfg.References = []plots.ReferenceLine{{Label: fmt.Sprintf("chance: ln %d = %.2f", batch, math.Log(float64(batch))), Y: math.Log(float64(batch))}}
	}
	if err := save(run, "loss.png", cfg); err != nil {
		return err
	}
	if dev := devCurves(steps, r); len(dev.Series) > 0 {
		if err := save(run, "dev.png", dev); err != nil {
			return err
		}
	}
	return DrawPanel(run)
}

// devCurves are the figures on dev pictures over the training.
func devCurves(steps []map[string]float64, r *Report) plots.CurvesConfig {
	cfg := plots.CurvesConfig{Title: fmt.Sprintf("On %d dev pictures, during training", r.Dev), XLabel: "training step", YLabel: "share found"}
	for _, s := range []struct{ name, column string }{
		{"zero-shot accuracy, by prompts", devTop1}, {"zero-shot accuracy, by titles", devByTitles}, {"recall@1, picture to text", devRecall(1)}, {"recall@10, picture to text", devRecall(10)},
	} {
		if curve := series(s.name, steps, s.column); len(curve.X) > 0 {
			cfg.Series = append(cfg.Series, curve)
		}
	}
	return cfg
}

func save(run *experiments.Run, name string, cfg plots.CurvesConfig) error {
	figure, err := plots.Curves(cfg)
	if err != nil {
		return fmt.Errorf("cannot draw %s: %w", name, err)
	}
	return figure.Save(run.Path("plots", name))
}

// series reads one column of a run's metrics.
func series(name string, steps []map[string]float64, column string) plots.Series {
	s := plots.Series{Name: name}
	for _, step := range steps {
		if v, ok := step[column]; ok {
			s.X, s.Y = append(s.X, step["step"]), append(s.Y, v)
		}
	}
	return s
}
