package segmentation

import (
	"context"
	"slices"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Report is what a run found out.
type Report struct {
	Thresholds map[string]float64 `json:"thresholds"` // by way of making a mask; chosen on scenes of their own
	Results    []Result           `json:"results"`
	Absent     []Absent           `json:"absent"`
	Shown      []Shown            `json:"shown"`
}

// Result is how well masks fit.
type Result struct {
	Way   string       `json:"way"`
	Split scenes.Split `json:"split"` // test: pairs of colour and shape that training had; unseen: objects of pairs that it never had
	Group string       `json:"group"` // of the phrases
	IoU   stats.Mean   `json:"iou"`   // mean over phrases of intersection over union; the interval is a bootstrap over scenes, N of them
}

// Absent is what is marked where there is nothing of what was asked for.
type Absent struct {
	Way    string           `json:"way"`
	Pixels stats.Mean       `json:"pixels"` // share of the pixels; the interval is a bootstrap over scenes
	Marked stats.Proportion `json:"marked"` // share of the phrases for which any pixel is marked
}

// Groups of phrases beside their kinds.
const (
	everything   = "all"
	novel        = "a pair never seen"            // colour and shape, with or without the size, of a pair that training never had
	sameAsColour = "beside another of its colour" // likewise of any pair, where something else has the colour and does not fit: the shape has to tell
	sameAsShape  = "beside another of its shape"  // where something else has the shape and does not fit: the colour has to tell
)

func groups() []string {
	return slices.Concat([]string{everything}, kinds(), []string{sameAsColour, sameAsShape, novel})
}

// groupsOf are those that a phrase about a scene belongs to.
func groupsOf(p phrase, scene scenes.Scene) []string {
	list := []string{everything, p.kind()}
	if p.colour == "" || p.shape == "" {
		return list
	}
	if p.heldOut() {
		list = append(list, novel)
	}
	pair := phrase{colour: p.colour, shape: p.shape}
	if (phrase{colour: p.colour}).in(scene) > pair.in(scene) {
		list = append(list, sameAsColour)
	}
	if (phrase{shape: p.shape}).in(scene) > pair.in(scene) {
		list = append(list, sameAsShape)
	}
	return list
}

// measure chooses the thresholds and tests every way of making a mask. It leaves the text's threshold in the model.
func measure(ctx context.Context, env *experiments.Env, cfg Config, m *segmenting.Model) (r Report, err error) {
	dev, err := newTest(env, cfg, m, scenes.Test, devSeed, cfg.Dev)
	if err != nil {
		return r, err
	}
	r.Thresholds = map[string]float64{}
	for _, way := range ways() {
		if way.threshold != "" {
			continue
		}
		maps, err := way.maps(env, m, dev)
		if err != nil {
			return r, err
		}
		r.Thresholds[way.name] = dev.best(maps)
	}
	m.Config.Threshold = r.Thresholds[withText]
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		t, err := newTest(env, cfg, m, split, testSeed, cfg.Tests)
		if err != nil {
			return r, err
		}
		if err := r.test(env, m, t); err != nil {
			return r, err
		}
	}
	return r, nil
}

// threshold is the one of a way.
func (r Report) threshold(w way) float64 {
	if w.threshold != "" {
		return r.Thresholds[w.threshold]
	}
	return r.Thresholds[w.name]
}

// test adds what every way makes of a test.
func (r *Report) test(env *experiments.Env, m *segmenting.Model, t test) error {
	all := map[string][][][]float32{}
	for _, w := range ways() {
		maps, err := w.maps(env, m, t)
		if err != nil {
			return err
		}
		scores := t.scores(maps, r.threshold(w))
		for _, group := range groups() {
			in := func(p phrase, scene scenes.Scene) bool {
				return p.in(scene) > 0 && slices.Contains(groupsOf(p, scene), group)
			}
			if iou := t.mean(scores, in); iou.N > 0 {
				r.Results = append(r.Results, Result{w.name, t.split, group, iou})
			}
		}
		if pixels := t.mean(scores, nothing); pixels.N > 0 {
			r.Absent = append(r.Absent, Absent{w.name, pixels, t.marked(scores)})
		}
		all[w.name] = maps
	}
	return r.show(t, all)
}

// nothing says whether a phrase fits nothing.
func nothing(p phrase, scene scenes.Scene) bool { return p.in(scene) == 0 }

// marked is the share of the phrases that fit nothing for which some pixel is marked.
func (t test) marked(scores [][]float64) stats.Proportion {
	marked, n := 0, 0
	t.each(scores, func(p phrase, scene scenes.Scene, score float64) {
		if nothing(p, scene) {
			if n++; score > 0 {
				marked++
			}
		}
	})
	return stats.NewProportion(marked, n)
}
