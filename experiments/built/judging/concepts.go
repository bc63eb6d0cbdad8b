package judging

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Group is concepts of a kind, and how pictures that show them are found by a threshold on the similarity.
type Group struct {
	Kind     Kind         `json:"kind"`
	Wording  string       `json:"wording"` // one of [Kind.Wordings]
	Concepts []Concept    `json:"concepts"`
	AUC      stats.Mean   `json:"auc"`   // the mean over concepts; intervals here are a bootstrap over scenes
	False    stats.Mean   `json:"false"` // pictures without a concept that its threshold lets through, of all
	True     stats.Mean   `json:"true"`  // pictures with a concept that are found, of all
	Curve    []stats.Kept `json:"curve"` // mean over concepts of the share that is found, by the share of false ones
	First    []Found      `json:"first"` // for the first concept, the pictures with the highest scores
}

// Concept is something that pictures show or do not.
type Concept struct {
	Text      string           `json:"text"`
	Threshold float64          `json:"threshold"` // chosen on dev scenes
	AUC       float64          `json:"auc"`
	False     stats.Proportion `json:"false"`
	True      stats.Proportion `json:"true"`
}

// Found is a picture with its score.
type Found struct {
	Scene int     `json:"scene"`
	Score float64 `json:"score"`
	Shows bool    `json:"shows"`
}

// Kind is what concepts are of.
type Kind string

// The kinds of concepts. Pairs of colour and shape are measured on scenes of pairs that training had, and others on scenes that each have a pair that it never had.
const (
	Colours Kind = "colours"
	Shapes  Kind = "shapes"
	Seen    Kind = "pairs, seen"
	Unseen  Kind = "pairs, never seen"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Colours, Shapes, Seen, Unseen} }

func (k Kind) split() scenes.Split {
	if k == Unseen {
		return scenes.Unseen
	}
	return scenes.Test
}

// concept is a text with what shows it, and the ways to put it, each a list of prompts whose cosines are averaged.
type concept struct {
	text     string
	shows    func(o scenes.Object) bool
	wordings [][]string
}

// Wordings are the names of the ways to put the concepts of a kind, one of which is chosen on dev scenes.
func (k Kind) Wordings() []string {
	switch k {
	case Colours:
		return []string{"a red shape", "one red shape, two red shapes", "a red circle, a red square and so on"}
	case Shapes:
		return []string{"a circle", "one circle, two circles", "a red circle, an orange circle and so on"}
	}
	return []string{"a red circle", "a red circle, there is a red circle, a picture of a red circle"}
}

// concepts are those of a kind.
func (k Kind) concepts() (all []concept) {
	switch k {
	case Colours:
		for _, c := range scenes.Colours() {
			bare := string(c) + " shape"
			var every []string
			for _, s := range scenes.Shapes() {
				every = append(every, article(c)+" "+scenes.Class(c, s))
			}
			all = append(all, concept{article(c) + " " + bare, func(o scenes.Object) bool { return o.Colour == c }, [][]string{{article(c) + " " + bare}, {"one " + bare, "two " + bare + "s"}, every}})
		}
	case Shapes:
		for _, s := range scenes.Shapes() {
			several := string(s) + "s"
			if s == scenes.Cross {
				several = "crosses"
			}
			var every []string
			for _, c := range scenes.Colours() {
				every = append(every, article(c)+" "+scenes.Class(c, s))
			}
			all = append(all, concept{"a " + string(s), func(o scenes.Object) bool { return o.Shape == s }, [][]string{{"a " + string(s)}, {"one " + string(s), "two " + several}, every}})
		}
	default:
		for _, l := range judge.Labels() {
			colour, shape, text := scenes.Colours()[l.Colour], scenes.Shapes()[l.Shape], l.Prompt()
			if l.HeldOut() == (k == Unseen) {
				all = append(all, concept{text, func(o scenes.Object) bool { return o.Colour == colour && o.Shape == shape }, [][]string{{text}, {text, "there is " + text, "a picture of " + text}}})
			}
		}
	}
	return all
}

func article(c scenes.Colour) string {
	if c == scenes.Orange {
		return "an"
	}
	return "a"
}

// scored are scores of scenes for the concepts of a kind, and which scenes show them: [concept][scene].
type scored struct {
	scores [][]float64
	shows  [][]bool
}

// score scores scenes for the concepts of a kind in one of its wordings.
func (j *scorer) score(kind Kind, wording int, seed uint64) (s scored, err error) {
	v, err := j.look(viewed{kind.split(), seed})
	if err != nil {
		return s, err
	}
	for _, x := range kind.concepts() {
		words, err := j.texts(x.wordings[wording])
		if err != nil {
			return s, err
		}
		scores, shows := make([]float64, len(v.scenes)), make([]bool, len(v.scenes))
		for i, scene := range v.scenes {
			for _, w := range words {
				scores[i] += cosine(v.eyes[i], w) / float64(len(words))
			}
			shows[i] = slices.ContainsFunc(scene.Objects, x.shows)
		}
		s.scores, s.shows = append(s.scores, scores), append(s.shows, shows)
	}
	return s, nil
}

// ranked are the scenes by their scores, for each concept.
func (s scored) ranked() (all []*stats.Ranked) {
	for k := range s.scores {
		all = append(all, stats.Rank(s.scores[k], s.shows[k]))
	}
	return all
}

// worded chooses the wording with the largest mean area on dev scenes.
func (j *scorer) worded(kind Kind) (wording int, dev scored, err error) {
	most := -1.0
	for i := range kind.Wordings() {
		s, err := j.score(kind, i, devSeed)
		if err != nil {
			return 0, dev, err
		}
		if area := meanAUC(s.ranked(), nil); area > most {
			most, wording, dev = area, i, s
		}
	}
	return wording, dev, nil
}

// filterConcepts chooses a wording for every kind and a threshold for every concept on dev scenes, and says what they give on others.
func (c Config) filterConcepts(j *scorer) (groups []Group, err error) {
	for _, kind := range Kinds() {
		wording, dev, err := j.worded(kind)
		if err != nil {
			return nil, err
		}
		test, err := j.score(kind, wording, testSeed)
		if err != nil {
			return nil, err
		}
		g := Group{Kind: kind, Wording: kind.Wordings()[wording]}
		var curves [][]stats.Kept
		ranked := test.ranked()
		for k, x := range kind.concepts() {
			threshold := stats.Rank(dev.scores[k], dev.shows[k]).Allowing(c.Filter.FalsePositives).Threshold
			with, without := parted(test.scores[k], test.shows[k])
			if len(with) == 0 || len(without) == 0 {
				return nil, fmt.Errorf("expected scenes that show %q and others among %d, found one kind alone; take more", x.text, c.Tests)
			}
			curves = append(curves, ranked[k].Curve())
			g.Concepts = append(g.Concepts, Concept{Text: x.text, Threshold: min(threshold, math.MaxFloat32), AUC: ranked[k].AUC(), False: shareAbove(without, threshold), True: shareAbove(with, threshold)})
		}
		g.AUC = stats.Bootstrap(c.Tests, func(pick []int) float64 { return meanAUC(ranked, weightsOf(pick)) })
		g.False, g.True = g.let(test, c.Tests, false), g.let(test, c.Tests, true)
		g.Curve, g.First = meanCurve(curves), firstFound(test.scores[0], test.shows[0])
		groups = append(groups, g)
	}
	return groups, nil
}

func parted(scores []float64, shows []bool) (with, without []float64) {
	for i, s := range scores {
		if shows[i] {
			with = append(with, s)
		} else {
			without = append(without, s)
		}
	}
	return with, without
}

func weightsOf(pick []int) []float64 {
	weights := make([]float64, len(pick))
	for _, i := range pick {
		weights[i]++
	}
	return weights
}

// meanAUC is over the concepts that some of the scenes show and others do not.
func meanAUC(ranked []*stats.Ranked, weights []float64) float64 {
	sum, n := 0.0, 0.0
	for _, r := range ranked {
		if a := r.AUCOf(weights); !math.IsNaN(a) {
			sum, n = sum+a, n+1
		}
	}
	return sum / n
}

// let is the share of scenes that the thresholds let through, of those that show a concept or of those that do not.
func (g Group) let(s scored, tests int, showing bool) stats.Mean {
	hits, all := make([]float64, tests), make([]float64, tests) // by scene
	for k, x := range g.Concepts {
		for i := range tests {
			if s.shows[k][i] == showing {
				all[i]++
				if s.scores[k][i] >= x.Threshold {
					hits[i]++
				}
			}
		}
	}
	return stats.Bootstrap(tests, func(pick []int) float64 {
		h, a := 0.0, 0.0
		for _, i := range pick {
			h, a = h+hits[i], a+all[i]
		}
		return h / max(a, 1)
	})
}

// meanCurve is the mean of what is found at each of 51 shares of false positives, more of them where they are few.
func meanCurve(curves [][]stats.Kept) (mean []stats.Kept) {
	const points = 51
	for i := range points {
		x := float64(i) / (points - 1)
		k := stats.Kept{Wrong: x * x}
		for _, curve := range curves {
			most := 0.0
			for _, at := range curve {
				if at.Wrong <= k.Wrong {
					most = max(most, at.Right)
				}
			}
			k.Right += most / float64(len(curves))
		}
		mean = append(mean, k)
	}
	return mean
}

// firstFound are the scenes with the highest scores.
func firstFound(scores []float64, shows []bool) (all []Found) {
	for i, s := range scores {
		all = append(all, Found{i, s, shows[i]})
	}
	slices.SortStableFunc(all, func(a, b Found) int { return cmp.Compare(b.Score, a.Score) })
	return all[:judge.Shown]
}
