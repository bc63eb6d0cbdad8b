package judging

import (
	"context"
	"image"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/pointing"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// CaptionsConfig says how captions are drawn and ranked.
type CaptionsConfig struct {
	Scenes  int       `json:"scenes"`  // that are described, and as many to choose a weight on
	Draws   int       `json:"draws"`   // captions of each, at most of which the best is taken
	Weights []float64 `json:"weights"` // of the cosine beside log p, one of which is chosen on dev scenes
}

// Captions is what comes of captions that are drawn and ranked.
type Captions struct {
	Weight float64   `json:"weight"` // of the cosine beside log p
	Picks  []Pick    `json:"picks"`
	First  []Written `json:"first"` // of the first scenes, with all draws
}

// Pick is what a ranker's favourites come to, of the first N draws of each scene.
type Pick struct {
	Ranker   Ranker                 `json:"ranker"`
	N        int                    `json:"n"`
	True     stats.Proportion       `json:"true"`
	Words    float64                `json:"words"` // of a favourite
	Mistakes map[scenes.Mistake]int `json:"mistakes"`
}

// Ranker says which of several candidates is taken.
type Ranker string

// The rankers. The oracle takes a true one wherever there is any.
const (
	ByDraw  Ranker = "one draw"
	ByModel Ranker = "log p"
	ByCLIP  Ranker = "CLIP"
	ByBoth  Ranker = "log p and CLIP"
	Oracle  Ranker = "oracle"
)

// rankers are those that are told apart at more than one draw.
func rankers() []Ranker { return []Ranker{ByCLIP, ByModel, ByBoth, Oracle} }

// Written is what is said of a scene.
type Written struct {
	Scene  int         `json:"scene"`
	Draws  []candidate `json:"draws"`
	Chosen []int       `json:"chosen"` // by each of the rankers, out of all draws
}

// candidate is a caption with what the rankers know of it, and what they do not.
type candidate struct {
	Text    string         `json:"text"`
	LogP    float64        `json:"log_p"`
	Cosine  float64        `json:"cosine"`
	Mistake scenes.Mistake `json:"mistake"`
}

// of is what a ranker thinks of a candidate.
func (c candidate) of(r Ranker, weight float64) float64 {
	switch r {
	case ByModel:
		return c.LogP
	case ByCLIP:
		return c.Cosine
	case ByBoth:
		return c.LogP + weight*c.Cosine
	case Oracle:
		if c.Mistake == scenes.NoMistake {
			return 1
		}
	}
	return 0
}

// best is the place of a ranker's favourite, the first of equals.
func best(all []candidate, r Ranker, weight float64) int {
	at := 0
	for i, c := range all {
		if c.of(r, weight) > all[at].of(r, weight) {
			at = i
		}
	}
	return at
}

// rankCaptions trains a captioner, draws captions and ranks them.
func (c Config) rankCaptions(ctx context.Context, j *scorer) (found Captions, err error) {
	writer, err := pointing.Learn(ctx, j.env, "captioner", c.Captioner)
	if err != nil {
		return found, err
	}
	defer writer.Close()
	dev, err := c.drawCaptions(j, writer, devSeed)
	if err != nil {
		return found, err
	}
	share := -1.0
	for _, weight := range c.Captions.Weights {
		if p := pick(dev, ByBoth, c.Captions.Draws, weight); p.True.Value > share {
			share, found.Weight = p.True.Value, weight
		}
	}
	test, err := c.drawCaptions(j, writer, testSeed)
	if err != nil {
		return found, err
	}
	found.Picks = append(found.Picks, pick(test, ByDraw, 1, 0))
	for n := 2; n <= c.Captions.Draws; n *= 2 {
		for _, r := range rankers() {
			found.Picks = append(found.Picks, pick(test, r, n, found.Weight))
		}
	}
	for i, draws := range test[:Shown] {
		w := Written{Scene: i, Draws: draws}
		for _, r := range rankers() {
			w.Chosen = append(w.Chosen, best(draws, r, found.Weight))
		}
		found.First = append(found.First, w)
	}
	return found, nil
}

// captionScenes are scenes of the make that the captioner was trained on, in the size that CLIP sees.
func (c Config) captionScenes(seed uint64) (*scenes.Scenes, error) {
	d := c.Captioner.Drawing
	cfg := scenes.Config{Size: c.CLIP.Model.Vision.Height, Seed: seed, Split: scenes.Test, Count: c.Captions.Scenes, MinObjects: d.MinObjects, MaxObjects: d.MaxObjects, Noise: d.Noise, Occlusion: d.Occlusion}
	return scenes.New(cfg)
}

// drawCaptions draws captions of scenes and has them scored: [scenes][draws].
func (c Config) drawCaptions(j *scorer, m *captioner.Model, seed uint64) ([][]candidate, error) {
	set, err := c.captionScenes(seed)
	if err != nil {
		return nil, err
	}
	described := some(set, set.Len())
	var pictures []image.Image
	var keys []uint64
	for i, s := range described {
		pictures, keys = append(pictures, s.Image()), append(keys, uint64(i))
	}
	inputs, err := m.Inputs(pictures)
	if err != nil {
		return nil, err
	}
	const together = 16
	writer, err := m.NewWriter(captioner.Writing{Draw: true, Sample: captioning.SampleOptions{N: c.Captions.Draws}}, together)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	written, err := writer.WriteInputs(inputs, keys, j.env.Seed)
	if err != nil {
		return nil, err
	}
	var texts []string
	all := make([][]candidate, len(written))
	for i, captions := range written {
		for _, caption := range captions {
			text := strings.Join(m.Vocabulary.Decode(caption.IDs), " ")
			all[i] = append(all[i], candidate{Text: text, LogP: caption.LogProb, Mistake: described[i].Mistake(text)})
			texts = append(texts, text)
		}
	}
	eyes, err := j.pictures(described)
	if err != nil {
		return nil, err
	}
	words, err := j.texts(texts)
	if err != nil {
		return nil, err
	}
	for i := range all {
		for k := range all[i] {
			all[i][k].Cosine = cosine(eyes[i], words[i*c.Captions.Draws+k])
		}
	}
	return all, nil
}

// pick counts a ranker's favourites among the first n draws.
func pick(all [][]candidate, r Ranker, n int, weight float64) Pick {
	p := Pick{Ranker: r, N: n, Mistakes: map[scenes.Mistake]int{}}
	right := 0
	for _, draws := range all {
		c := draws[best(draws[:n], r, weight)]
		p.Words += float64(len(strings.Fields(c.Text))) / float64(len(all))
		if c.Mistake == scenes.NoMistake {
			right++
		} else {
			p.Mistakes[c.Mistake]++
		}
	}
	p.True = stats.NewProportion(right, len(all))
	return p
}

// pick is what a ranker came to with n draws.
func (c Captions) pick(r Ranker, n int) Pick {
	if n == 1 {
		r = ByDraw
	}
	return c.Picks[slices.IndexFunc(c.Picks, func(p Pick) bool { return p.Ranker == r && p.N == n })]
}
