package judging

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// FilterConfig says how thresholds are chosen, on dev scenes.
type FilterConfig struct {
	FalsePositives float64 `json:"false_positives"` // share of the pictures without a concept that its threshold may let through
	Keep           float64 `json:"keep"`            // share of the right pairs that the threshold on pairs has to keep
	Wrong          float64 `json:"wrong"`           // share of the pairs that are wrong, for the precision
}

func (c FilterConfig) check() error {
	for _, v := range []float64{c.FalsePositives, c.Keep, c.Wrong} {
		if !(v > 0 && v < 1) {
			return fmt.Errorf("filter: expected shares above 0 and below 1, found %+v", c)
		}
	}
	return nil
}

// Pairs is how right pairs of picture and text are told from wrong ones of a kind.
type Pairs struct {
	Kind  Wrong            `json:"kind"`
	AUC   stats.Mean       `json:"auc"`   // its interval is a bootstrap over scenes
	Right stats.Proportion `json:"right"` // pairs that the threshold chosen on dev scenes keeps, of the right ones
	Wrong stats.Proportion `json:"wrong"` // and of the wrong ones
	Curve []stats.Kept     `json:"curve"` // at some thresholds
}

// Wrong is what is wrong with a text.
type Wrong string

// The kinds of wrong texts.
const (
	WrongScene Wrong = "another scene's caption"
	WrongWord  Wrong = "one word exchanged"
	WrongPlace Wrong = "places turned round"
)

// WrongKinds are all of them.
func WrongKinds() []Wrong { return []Wrong{WrongScene, WrongWord, WrongPlace} }

// pair is a scene with a true caption and a false one.
type pair struct {
	scene       int
	right, fake string
}

// pairs finds, for as many scenes as have one, a true caption and a false one.
func (w Wrong) pairs(set []scenes.Scene) (all []pair) {
	rng := rand.New(rand.NewPCG(testSeed, uint64(len(w))))
	const tries = 20
	for i, scene := range set {
		for range tries {
			right := scene.Caption(rng)
			fake := w.falsified(right, set[rng.IntN(len(set))], rng)
			if holds, err := scene.True(fake); err == nil && !holds {
				all = append(all, pair{i, right, fake})
				break
			}
		}
	}
	return all
}

// falsified makes a caption wrong, or leaves it as it is.
func (w Wrong) falsified(caption string, other scenes.Scene, rng *rand.Rand) string {
	words := strings.Fields(caption)
	switch w {
	case WrongScene:
		return other.Caption(rng)
	case WrongPlace:
		for i, word := range words {
			for _, pair := range [...][2]string{{"left", "right"}, {"right", "left"}, {"above", "below"}, {"below", "above"}} {
				if word == pair[0] {
					words[i] = pair[1]
					break
				}
			}
		}
	case WrongWord:
		i := rng.IntN(len(words))
		for _, class := range wordClasses() {
			if at := slices.Index(class, strings.TrimSuffix(words[i], ",")); at >= 0 {
				words[i] = class[(at+1+rng.IntN(len(class)-1))%len(class)] + words[i][len(class[at]):]
			}
		}
	}
	for i, word := range words[1:] { // the article gives nothing away
		switch {
		case words[i] == "a" && word == string(scenes.Orange):
			words[i] = "an"
		case words[i] == "an" && word != string(scenes.Orange):
			words[i] = "a"
		}
	}
	return strings.Join(words, " ")
}

// wordClasses are the words of which one can be exchanged for another.
func wordClasses() (all [][]string) {
	colours, shapes := []string{}, []string{}
	for _, c := range scenes.Colours() {
		colours = append(colours, string(c))
	}
	for _, s := range scenes.Shapes() {
		shapes = append(shapes, string(s))
	}
	return [][]string{colours, shapes, {string(scenes.Small), string(scenes.Large)}, {string(scenes.Striped), string(scenes.Dotted)}}
}

// rankPairs scores the pairs of a kind: the right ones first, then the wrong ones.
func (j *scorer) rankPairs(kind Wrong, seed uint64) ([]float64, []bool, error) {
	v, err := j.look(viewed{scenes.Test, seed})
	if err != nil {
		return nil, nil, err
	}
	all := kind.pairs(v.scenes)
	var texts []string
	for _, p := range all {
		texts = append(texts, p.right)
	}
	for _, p := range all {
		texts = append(texts, p.fake)
	}
	words, err := j.texts(texts)
	if err != nil {
		return nil, nil, err
	}
	scores, right := make([]float64, len(texts)), make([]bool, len(texts))
	for i := range texts {
		scores[i], right[i] = cosine(v.eyes[all[i%len(all)].scene], words[i]), i < len(all)
	}
	return scores, right, nil
}

// filterPairs tells right pairs from wrong ones by a threshold.
func (c Config) filterPairs(j *scorer) (found []Pairs, err error) {
	for _, kind := range WrongKinds() {
		scores, right, err := j.rankPairs(kind, devSeed)
		if err != nil {
			return nil, err
		}
		threshold := stats.Rank(scores, right).Keeping(c.Filter.Keep).Threshold
		if scores, right, err = j.rankPairs(kind, testSeed); err != nil {
			return nil, err
		}
		r, n := stats.Rank(scores, right), len(scores)/2
		p := Pairs{Kind: kind, Curve: thinned(r.Curve())}
		p.AUC = stats.Bootstrap(n, func(pick []int) float64 {
			weights := make([]float64, 2*n)
			for _, i := range pick {
				weights[i], weights[n+i] = weights[i]+1, weights[n+i]+1
			}
			return r.AUCOf(weights)
		})
		p.Right, p.Wrong = shareAbove(scores[:n], threshold), shareAbove(scores[n:], threshold)
		found = append(found, p)
	}
	return found, nil
}

func shareAbove(scores []float64, threshold float64) stats.Proportion {
	n := 0
	for _, s := range scores {
		if s >= threshold {
			n++
		}
	}
	return stats.NewProportion(n, len(scores))
}

// thinned are about 60 points of a curve, the last among them; the first, at which nothing is kept, is left out.
func thinned(curve []stats.Kept) (some []stats.Kept) {
	const points = 60
	curve = curve[1:]
	for i := range points {
		k := curve[max((i+1)*len(curve)/points, 1)-1]
		if len(some) == 0 || some[len(some)-1] != k {
			some = append(some, k)
		}
	}
	return some
}
