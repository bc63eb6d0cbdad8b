package judging

import (
	"context"
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/guided"
	"github.com/glimpse-ml/glimpse/experiments/built/scenesclip"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/pointing"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Config is the configuration of built/judge.
type Config struct {
	CLIP      scenesclip.Config `json:"clip"`
	Captioner pointing.Config   `json:"captioner"`
	Generator guided.Config     `json:"generator"` // its scales are sampled at, its rounds repeat what the best is taken of; climb is not used

	Captions CaptionsConfig `json:"captions"`
	Samples  int            `json:"samples"` // of each prompt at each scale, at most, of which the best is taken
	Tests    int            `json:"tests"`   // scenes of a split whose pairs and pictures are filtered; as many to choose thresholds on
	Filter   FilterConfig   `json:"filter"`
	Search   SearchConfig   `json:"search"`
}

// Report is what a run found out.
type Report struct {
	Captions Captions   `json:"captions"`
	Pictures []Pictures `json:"pictures"`
	Pairs    []Pairs    `json:"pairs"`
	Concepts []Group    `json:"concepts"`
	Search   Searched   `json:"search"`
}

// Study is the experiment built/judge: best of n by CLIP's score, as Ramesh et al. 2021 (arXiv 2102.12092, section 2.6) rank the samples of DALL-E,
// filters by a threshold, and the search for words that CLIP likes best.
//
//	glimpse train built/judge --seed 1
//	glimpse train built/judge --quick     40 seconds on two cores
//
// Time, machine and scores are in docs/results/built-judge.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: "judge", Title: "CLIP as a judge", Asks: asks,
		Summary:  "captions and pictures ranked by CLIP, pairs and concepts filtered by a threshold, and words searched that it likes best",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{CLIP: scenesclip.Defaults(form), Captioner: pointing.Defaults(form, kind), Generator: guided.Defaults(form, kind),
		Captions: CaptionsConfig{Scenes: 500, Draws: 32, Weights: []float64{1, 3, 10, 30, 100}}, Samples: 16, Tests: 1000,
		Filter: FilterConfig{FalsePositives: 0.05, Keep: 0.9, Wrong: 0.3}, Search: SearchConfig{Scenes: 32, Words: 12, Passes: 2, List: 100}}
	c.CLIP.MaxObjects, c.CLIP.Full, c.CLIP.Model.Vision.Patch, c.CLIP.Model.Text.ContextLength = 2, 0.7, 4, 28
	c.Captioner.Drawing.Occlusion, c.Captioner.Dev, c.Captioner.HeldOut, c.Captioner.Train.EvalEvery = true, 100, 0, 0
	c.Captioner.CNN = pointing.Defaults(experiments.Full, kind).CNN
	c.Captioner.CNN.Size, c.Captioner.Train.Steps = c.CLIP.Model.Vision.Height, 1500
	c.Generator.Scales, c.Generator.Rounds = []float64{0, 1, 10}, 1
	if form == experiments.Full {
		c.CLIP.BatchSize, c.CLIP.Train.Steps = 128, 2000
		c.Generator.Train.Steps, c.Generator.CLIPTrain.Steps = 2000, 1000
	} else {
		c.Captioner.Train.Steps, c.Captions.Scenes, c.Captions.Draws, c.Samples, c.Tests, c.Generator.Train.Steps = 60, 40, 8, 4, 200, 80
		c.Captioner.Drawing.MinObjects, c.Captioner.Drawing.MaxObjects = 1, 1
		c.Captioner.CNN.Channels, c.Captioner.CNN.Refine = []int{32, 48}, []int{0, 1}
		c.Generator.Scales = []float64{0, 10}
		c.Search = SearchConfig{Scenes: 6, Words: 5, Passes: 1, List: 20}
		if kind == backend.Go { // which takes several times as long for a step
			c.Captioner.Train.Steps, c.Generator.Train.Steps = 20, 20
		}
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch s := c.Search; {
	case c.Captions.Scenes < Shown || c.Captions.Draws < 2 || len(c.Captions.Weights) == 0 || slices.Min(c.Captions.Weights) < 0:
		return fmt.Errorf("captions: expected at least %d scenes, 2 draws and a weight from 0 on, found %+v", Shown, c.Captions)
	case c.Samples < 2:
		return fmt.Errorf("samples: expected at least 2, found %d", c.Samples)
	case c.Tests < 200:
		return fmt.Errorf("tests: expected at least 200 scenes, so that every concept is among them, found %d", c.Tests)
	case s.Scenes < Shown || s.Words < 1 || s.Passes < 0 || s.List < 2:
		return fmt.Errorf("search: expected at least %d scenes, a word, no passes or more and a list of 2, found %+v", Shown, s)
	}
	for _, err := range []error{c.Filter.check(), c.CLIP.Check(), c.Generator.Check()} {
		if err != nil {
			return err
		}
	}
	return nil
}

// Shown is of how many scenes a page shows something: the first ones, whatever came out.
const Shown = 4

// Seeds of the scenes that everything is measured on, the same in every run, and of those on which thresholds and weights are chosen.
const (
	testSeed = 7_000_061
	devSeed  = 5_000_061
)

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	m, err := scenesclip.Train(ctx, env, cfg.CLIP)
	if err != nil {
		return report, nil, err
	}
	defer m.Close()
	j := &scorer{m, env, cfg, map[viewed]view{}}
	if report.Pairs, err = cfg.filterPairs(j); err != nil {
		return report, nil, err
	}
	if report.Concepts, err = cfg.filterConcepts(j); err != nil {
		return report, nil, err
	}
	if report.Search, err = cfg.searchWords(ctx, j); err != nil {
		return report, nil, err
	}
	if report.Captions, err = cfg.rankCaptions(ctx, j); err != nil {
		return report, nil, err
	}
	report.Pictures, err = cfg.rankPictures(ctx, env)
	return report, nil, err
}

// scorer is CLIP as the judge: pictures and texts become unit vectors, and a pair a cosine.
type scorer struct {
	*clip.Model
	env  *experiments.Env
	cfg  Config
	seen map[viewed]view
}

// viewed says which scenes, and view is those scenes with their embeddings.
type viewed struct {
	split scenes.Split
	seed  uint64
}
type view struct {
	scenes []scenes.Scene
	eyes   [][]float32
}

// look draws as many scenes as are tested with and embeds them, once however often it is asked.
func (j *scorer) look(at viewed) (v view, err error) {
	if v, ok := j.seen[at]; ok {
		return v, nil
	}
	set, err := j.cfg.CLIP.Scenes(at.split, at.seed, j.cfg.Tests)
	if err != nil {
		return v, err
	}
	v.scenes = some(set, set.Len())
	if v.eyes, err = j.pictures(v.scenes); err != nil {
		return v, err
	}
	j.seen[at] = v
	return v, nil
}

// pictures are the embeddings of scenes.
func (j *scorer) pictures(all []scenes.Scene) ([][]float32, error) {
	var pixels [][]float32
	for _, s := range all {
		p, err := j.Preprocess(s.Image())
		if err != nil {
			return nil, err
		}
		pixels = append(pixels, p)
	}
	return j.EncodeImages(j.env.Backend.Backend, pixels)
}

// texts are the embeddings of texts, each encoded once however often it is there.
func (j *scorer) texts(all []string) ([][]float32, error) {
	different := slices.Compact(slices.Sorted(slices.Values(all)))
	embedded, err := j.EncodeTextsTruncated(j.env.Backend.Backend, different)
	if err != nil {
		return nil, err
	}
	rows := make([][]float32, len(all))
	for i, text := range all {
		at, _ := slices.BinarySearch(different, text)
		rows[i] = embedded[at]
	}
	return rows, nil
}

func cosine(a, b []float32) (sum float64) {
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// some are the first scenes of a set.
func some(set *scenes.Scenes, n int) (all []scenes.Scene) {
	for i := range n {
		all = append(all, set.Scene(i))
	}
	return all
}
