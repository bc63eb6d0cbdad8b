package evaluate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Probe is a linear probe: a logistic regression on frozen image features (Radford et al. 2021, section 3.2 and appendix
// A.3). The features here are the unit image embeddings, after the projection into the space shared with texts; the
// paper takes the features before it, so its figures are not the same.
type Probe struct {
	Top1         stats.Proportion   `json:"top1"`
	Top5         stats.Proportion   `json:"top5"`
	MeanPerClass stats.Mean         `json:"mean_per_class"`
	Chance       float64            `json:"chance"`
	Majority     float64            `json:"majority"` // share of the commonest class among the test pictures
	Classes      []string           `json:"classes"`
	PerClass     []stats.Proportion `json:"per_class"`
	Confusion    [][]int            `json:"confusion"`
	Lambda       float64            `json:"lambda"` // strength of the L2 penalty, chosen on a held-out part of train
	Sweep        []Swept            `json:"sweep"`  // what it was chosen from
	Shots        []FewShot          `json:"shots"`
	Train        int                `json:"train"`    // pictures that were fitted to
	HeldOut      int                `json:"held_out"` // of them held out during the sweep
	LeftOut      int                `json:"left_out"` // test pictures without a class, or of a class with too few pictures
}

// Swept is one strength of the penalty with the accuracy on the held-out part of the training pictures.
type Swept struct {
	Lambda   float64 `json:"lambda"`
	Accuracy float64 `json:"accuracy"`
}

// FewShot is a probe on a few training pictures a class.
type FewShot struct {
	Shots  int        `json:"shots"`  // pictures a class, or all of a class that has fewer
	Top1   stats.Mean `json:"top1"`   // mean over the draws with Student's t interval: other pictures drawn, the same test pictures
	Draws  []float64  `json:"draws"`  // accuracy of each draw
	Lambda []float64  `json:"lambda"` // chosen for each draw
	Short  int        `json:"short"`  // classes that have fewer training pictures than Shots
}

// ProbeConfig says what is fitted.
type ProbeConfig struct {
	Least int   // classes with fewer test pictures are left out; at least 1
	Shots []int // pictures a class of the few-shot probes; may be empty
	Draws int   // of training pictures, for each of Shots
	Seed  uint64
}

// shotLambda is the penalty where nothing can be held out to choose one by, scikit-learn's default. On unit vectors it is
// a strong one: the weights then point to the means of the classes.
const shotLambda = 1

// LinearProbe fits a probe to the pictures of train and measures it on those of test. class reads an example's.
// progress, if it is not nil, is told how much of the work is done, in pictures that were fitted to.
func LinearProbe(ctx context.Context, train, test *Embedded, class func(datasets.Example) string, cfg ProbeConfig, progress func(done, total int)) (*Probe, error) {
	p := &prober{ctx: ctx, progress: progress}
	inTrain := map[string]int{}
	for _, e := range train.Examples {
		inTrain[class(e)]++
	}
	for _, c := range classesOf(test.Examples, class, max(cfg.Least, 1)) {
		if inTrain[c] >= 2 { // one to fit to, one to hold out
			p.classes = append(p.classes, c)
		}
	}
	if len(p.classes) < 2 {
		return nil, fmt.Errorf("expected at least 2 classes with at least %d test pictures and 2 training pictures, found %d", max(cfg.Least, 1), len(p.classes))
	}
	var leftOut int
	p.train, _ = p.labelled(train, class)
	p.test, leftOut = p.labelled(test, class)

	result := &Probe{Chance: 1 / float64(len(p.classes)), Classes: p.classes, Train: len(p.train.labels), LeftOut: leftOut, Shots: []FewShot{}}
	fit, held := p.train.split(len(p.classes), rand.New(rand.NewPCG(cfg.Seed, 5)))
	result.HeldOut = len(held.labels)
	p.plan(len(fit.labels), cfg)
	sweep, err := p.sweep(fit, held)
	if err != nil {
		return nil, err
	}
	result.Sweep, result.Lambda = sweep, bestOf(sweep)
	model, err := p.fit(p.train, result.Lambda, nil)
	if err != nil {
		return nil, err
	}
	scores := model.scores(p.test.features)
	ranks := clip.Ranks(scores, func(i, c int) bool { return p.test.labels[i] == c })
	result.Top1, result.Top5 = clip.AtK(ranks, 1), clip.AtK(ranks, 5)
	result.Confusion = clip.Confusion(p.test.labels, clip.Predicted(scores), len(p.classes))
	result.PerClass, result.Majority = perClass(result.Confusion)
	result.MeanPerClass = meanPerClass(result.PerClass)
	for _, shots := range cfg.Shots {
		few, err := p.fewShot(shots, cfg)
		if err != nil {
			return nil, err
		}
		result.Shots = append(result.Shots, *few)
	}
	if progress != nil {
		progress(p.total, p.total)
	}
	return result, nil
}

// prober holds what the fits of a probe share.
type prober struct {
	ctx         context.Context
	progress    func(done, total int)
	done, total int // pictures that were fitted to, and that will be
	classes     []string
	train, test examples
}

// examples are features with the numbers of their classes.
type examples struct {
	features [][]float32
	labels   []int
}

func (x *examples) add(from examples, which ...int) {
	for _, i := range which {
		x.features, x.labels = append(x.features, from.features[i]), append(x.labels, from.labels[i])
	}
}

// labelled is the pictures of e whose class is one of p's, and how many are not.
func (p *prober) labelled(e *Embedded, class func(datasets.Example) string) (x examples, leftOut int) {
	for i, example := range e.Examples {
		if label := slices.Index(p.classes, class(example)); label >= 0 {
			x.features, x.labels = append(x.features, e.Images[i]), append(x.labels, label)
		}
	}
	return x, len(e.Examples) - len(x.labels)
}

// ofClass lists the examples of every class in a random order.
func (x examples) ofClass(classes int, rng *rand.Rand) [][]int {
	of := make([][]int, classes)
	for _, i := range rng.Perm(len(x.labels)) {
		of[x.labels[i]] = append(of[x.labels[i]], i)
	}
	return of
}

// split holds out a fifth of every class, at least one of two examples.
func (x examples) split(classes int, rng *rand.Rand) (fit, held examples) {
	for _, of := range x.ofClass(classes, rng) {
		n := len(of) / 5
		if n == 0 && len(of) > 1 {
			n = 1
		}
		held.add(x, of[:n]...)
		fit.add(x, of[n:]...)
	}
	return fit, held
}

// plan counts the work, for the sake of progress.
func (p *prober) plan(sweepOn int, cfg ProbeConfig) {
	p.total = (len(sweepStart())+2*sweepHalvings)*sweepOn + len(p.train.labels)
	for _, shots := range cfg.Shots {
		one := shots * len(p.classes) // the two halves of a cross-validation are one more each
		p.total += cfg.Draws * one
		if shots > 1 {
			p.total += cfg.Draws * one * len(sweepStart())
		}
	}
	if p.progress != nil {
		p.progress(0, p.total)
	}
}

// fit is fitLogistic, counted.
func (p *prober) fit(x examples, lambda float64, start *logistic) (*logistic, error) {
	if err := p.ctx.Err(); err != nil {
		return nil, err
	}
	model, err := fitLogistic(x.features, x.labels, len(p.classes), lambda, start)
	if p.done += len(x.labels); p.progress != nil {
		p.progress(min(p.done, p.total), p.total)
	}
	return model, err
}

func (l *logistic) accuracy(x examples) float64 {
	hits := 0
	for i, predicted := range clip.Predicted(l.scores(x.features)) {
		if predicted == x.labels[i] {
			hits++
		}
	}
	return float64(hits) / float64(len(x.labels))
}

// sweepStart are the exponents to the base 10 that a sweep of lambda starts with, sweepHalvings how often their distance
// is halved: to eight steps a decade (appendix A.3).
func sweepStart() []float64 { return []float64{6, 4, 2, 0, -2, -4, -6} }

const sweepHalvings = 4

// sweep tries strengths of the penalty by a parametric binary search (appendix A.3): seven of them from 1e6 to 1e-6, then
// those on both sides of the best one, at half the distance, and so on. The result goes from the strongest down.
func (p *prober) sweep(fit, held examples) ([]Swept, error) {
	tried := map[float64]float64{} // accuracy by exponent
	var last *logistic
	try := func(exponents ...float64) error {
		for _, x := range exponents {
			if _, ok := tried[x]; ok || math.Abs(x) > sweepStart()[0] {
				continue
			}
			model, err := p.fit(fit, math.Pow(10, x), last)
			if err != nil {
				return err
			}
			last, tried[x] = model, model.accuracy(held)
		}
		return nil
	}
	if err := try(sweepStart()...); err != nil {
		return nil, err
	}
	step := 2.0
	for range sweepHalvings {
		step /= 2
		peak := math.Log10(bestOf(sorted(tried)))
		for x := range tried { // the exponent itself, free of rounding
			if math.Abs(x-peak) < 1e-9 {
				peak = x
				break
			}
		}
		if err := try(peak+step, peak-step); err != nil {
			return nil, err
		}
	}
	return sorted(tried), nil
}

func sorted(tried map[float64]float64) []Swept {
	var out []Swept
	for exponent, accuracy := range tried {
		out = append(out, Swept{math.Pow(10, exponent), accuracy})
	}
	slices.SortFunc(out, func(a, b Swept) int {
		if a.Lambda > b.Lambda {
			return -1
		}
		return 1
	})
	return out
}

// bestOf is the strength with the highest accuracy, the strongest of equals.
func bestOf(sweep []Swept) float64 {
	best := sweep[0]
	for _, s := range sweep {
		if s.Accuracy > best.Accuracy {
			best = s
		}
	}
	return best.Lambda
}
