package pointing

import (
	"context"
	"maps"
	"slices"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// ReportFile holds a run's [Report].
const ReportFile = "report.json"

// Report is what a run found out.
type Report struct {
	Training  int                  `json:"training"` // scenes trained on, each seen once
	Attention captioning.Attention `json:"attention"`
	Grid      int                  `json:"grid"` // places on a side of the attention's maps
	Trained   experiments.Trained  `json:"trained"`
	Processor float64              `json:"processor"`   // seconds of all cores together: training, dev figures included
	Measuring float64              `json:"measuring"`   // likewise, of all that came after
	Peak      int64                `json:"peak_memory"` // bytes
	OnDev     Scored               `json:"on_dev"`
	OnHeldOut *Scored              `json:"on_held_out,omitempty"`
}

// Scored are captions of scenes and what they are worth.
type Scored struct {
	Scenes   int                   `json:"scenes"`
	True     stats.Proportion      `json:"true"`               // captions that are true of their scene
	Mistakes map[string]int        `json:"mistakes,omitempty"` // false captions by [scenes.Mistake]
	Words    float64               `json:"words"`              // in a caption
	Named    float64               `json:"named"`              // objects that a caption names
	Distinct int                   `json:"distinct"`           // different captions
	Scores   metrics.Scores        `json:"scores"`             // against the scenes' own captions
	Interval map[string]stats.Mean `json:"intervals"`          // 95%, a bootstrap over scenes
	Nouns    []Pointed             `json:"nouns"`              // by the kind of map
	Adjs     []Pointed             `json:"adjectives"`
	Early    Pointed               `json:"early"` // the attention of the step before the noun's
	Late     Pointed               `json:"late"`  // and of the step after it
	Examples []Example             `json:"examples"`
}

// Example is a caption with where the attention was at each word.
type Example struct {
	Scene   int            `json:"scene"` // its number in the set
	Caption string         `json:"caption"`
	Mistake scenes.Mistake `json:"mistake"`
	Own     string         `json:"own"` // one of the scene's captions
	Maps    [][]float64    `json:"maps"`
}

// scoreSet describes every scene of a set, and measures captions and maps.
func scoreSet(ctx context.Context, env *experiments.Env, cfg Config, c *captioner.Model, set *scenes.Scenes) (Scored, error) {
	env.Say("pointing: describing %d scenes", set.Len())
	all, err := write(ctx, c, set, captioning.BeamOptions{K: cfg.Beam})
	if err != nil {
		return Scored{}, err
	}
	s := Scored{Scenes: len(all)}
	s.judge(all)
	if err := s.compare(all); err != nil {
		return s, err
	}
	kinds := attentionMaps(cfg.Model.Attention, all)
	if cfg.Saliency {
		env.Say("pointing: gradients of the words that name objects")
		gradient, err := saliency(ctx, c, cfg.CNN.Size, all)
		if err != nil {
			return s, err
		}
		kinds = append(kinds, mapKind{GradientMap, func(i, word int) []float64 { return gradient[i][word] }})
	}
	s.point(all, kinds)
	s.Examples = examples(all, cfg.Examples)
	return s, nil
}

// judge counts what is true.
func (s *Scored) judge(all []written) {
	right, distinct := 0, map[string]bool{}
	s.Mistakes = map[string]int{}
	for _, w := range all {
		if w.mistake == scenes.NoMistake {
			right++
		} else {
			s.Mistakes[string(w.mistake)]++
		}
		distinct[w.text()] = true
		s.Words += float64(len(w.words)) / float64(len(all))
		for _, n := range w.named {
			s.Named += float64(n.Count) / float64(len(all))
		}
	}
	s.True, s.Distinct = stats.NewProportion(right, len(all)), len(distinct)
}

// bootstrapSamples of scenes give the scores' intervals.
const bootstrapSamples = 1000

// compare scores the captions against the scenes' own.
func (s *Scored) compare(all []written) error {
	var pictures []metrics.Picture
	for _, w := range all {
		p := metrics.Picture{ID: metrics.NumberID(int64(w.scene.Index)), Candidate: metrics.Tokenize(w.text())}
		for _, own := range w.scene.Captions() {
			p.References = append(p.References, metrics.Tokenize(own))
		}
		pictures = append(pictures, p)
	}
	evaluation, err := metrics.Evaluate(pictures)
	if err != nil {
		return err
	}
	s.Scores = evaluation.Corpus
	s.Interval, err = evaluation.Bootstrap(bootstrapSamples, 1)
	return err
}

// point plays the pointing game with every kind of map.
func (s *Scored) point(all []written, kinds []mapKind) {
	for _, kind := range kinds {
		s.Nouns = append(s.Nouns, pointed(all, kind, nouns))
		s.Adjs = append(s.Adjs, pointed(all, kind, adjectives))
	}
	beside := func(step int) mapKind {
		return mapKind{kinds[0].name, func(i, word int) []float64 {
			if word+step < 0 || word+step >= len(all[i].maps) {
				return nil
			}
			return kinds[0].of(i, word+step)
		}}
	}
	s.Early, s.Late = pointed(all, beside(-1), nouns), pointed(all, beside(1), nouns)
}

// examples are the first captions that are true, and then as many of the first that are not, if there are any.
func examples(all []written, n int) (out []Example) {
	for _, right := range []bool{true, false} {
		left := n / 2
		for _, w := range all {
			if (w.mistake == scenes.NoMistake) != right || left == 0 || len(w.words) == 0 {
				continue
			}
			left--
			e := Example{Scene: w.scene.Index, Caption: w.text(), Mistake: w.mistake, Own: w.scene.Captions()[0]}
			for _, m := range w.maps[:len(w.words)] {
				e.Maps = append(e.Maps, rounded(m))
			}
			out = append(out, e)
		}
	}
	return out
}

// metrics are the report's figures under the names that scripts read.
func (r *Report) metrics() map[string]float64 {
	out := map[string]float64{"loss": r.Trained.Last.Loss, "step_seconds": r.Trained.StepSeconds, "processor_seconds": r.Processor, "peak_memory_bytes": float64(r.Peak)}
	put := func(prefix string, s Scored) {
		mean := func(name string, m stats.Mean) {
			out[prefix+name], out[prefix+name+"_low"], out[prefix+name+"_high"], out[prefix+name+"_n"] = m.Value, m.Low, m.High, float64(m.N)
		}
		mean("true", stats.Mean(s.True))
		for _, p := range s.Nouns {
			mean(p.Map+"_share", p.Share)
			mean(p.Map+"_uniform", p.Uniform)
			mean(p.Map+"_ratio", p.Ratio)
			mean(p.Map+"_hits", p.Hits)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Interval)) {
			mean(name, s.Interval[name])
		}
		out[prefix+"words"], out[prefix+"named"], out[prefix+"distinct"] = s.Words, s.Named, float64(s.Distinct)
	}
	put("dev_", r.OnDev)
	if r.OnHeldOut != nil {
		put("", *r.OnHeldOut)
	}
	return out
}
