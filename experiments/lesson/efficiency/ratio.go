package efficiency

import (
	"fmt"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

type ran = lesson.Run[Config, Report]

// of is what a run found out about a method.
func (r Report) of(m Method) Trained {
	for _, t := range r.Trained {
		if t.Method == m {
			return t
		}
	}
	return Trained{Method: m}
}

// by are the runs with the predictive methods' accuracies by another rule in the place of their first one.
func by(runs []ran, rule Rule) (other []ran) {
	for _, r := range runs {
		trained := slices.Clone(r.Report.Trained)
		for i, t := range trained {
			if !t.Method.predicts() {
				continue
			}
			trained[i].Curve = nil
			for _, p := range t.Curve {
				trained[i].Curve = append(trained[i].Curve, Point{p.Pictures, map[Rule]float64{t.Method.Rules()[0]: p.Right[rule]}})
			}
		}
		r.Report.Trained = trained
		other = append(other, r)
	}
	return other
}

// crossing is where a curve first reaches an accuracy.
type crossing struct {
	pictures float64 // by a straight line over the log of pictures; where it is never reached, all that were seen
	never    bool
	early    bool // the first point is that high already: pictures is too many
}

// reaches finds where the curve first reaches an accuracy.
func (t Trained) reaches(accuracy float64) crossing {
	for i, p := range t.Curve {
		if t.right(i) < accuracy {
			continue
		}
		if i == 0 {
			return crossing{pictures: float64(p.Pictures), early: true}
		}
		x0, x1, y0, y1 := math.Log(float64(t.Curve[i-1].Pictures)), math.Log(float64(p.Pictures)), t.right(i-1), t.right(i)
		return crossing{pictures: math.Exp(x0 + (x1-x0)*(accuracy-y0)/(y1-y0))}
	}
	return crossing{pictures: float64(t.Curve[len(t.Curve)-1].Pictures), never: true}
}

// levels are the accuracies at which methods are compared: every twentieth below 1 that is at least twice what guessing reaches, since a curve that
// wanders about guessing crosses what is near to it by chance.
func levels(runs []ran) (all []float64) {
	for i := 1; i < 20; i++ {
		if level := float64(i) / 20; level*float64(runs[0].Report.Classes) >= 2 {
			all = append(all, level)
		}
	}
	return all
}

// crossings are those of a method in every run.
func crossings(runs []ran, m Method, level float64) (all []crossing) {
	for _, r := range runs {
		all = append(all, r.Report.of(m).reaches(level))
	}
	return all
}

// clear says whether all curves cross, and not before their first point; ended whether some never do.
func clear(all []crossing) (clear, ended bool) {
	clear = true
	for _, c := range all {
		clear = clear && !c.never && !c.early
		ended = ended || c.never
	}
	return clear, ended
}

// ratio is how many times as many pictures one method needs as another for the same accuracy.
type ratio struct {
	slow, fast Method
	paper      float64 // what the paper has; 0 for nothing
	kind       string  // "" for a figure, "more than", "less than", or "none" where nothing can be said
	mean       stats.Mean
	from, to   float64 // the accuracies that it is over, or the one of a bound
	count      int     // of these
}

// compare takes, in each run, the geometric mean of the ratios at all levels that both methods cross in every run, and over the runs the geometric mean of
// those with Student's t interval on the logarithms. Where there is no such level it is the
// strongest bound that a level gives.
func compare(runs []ran, slow, fast Method, paper float64) ratio {
	r := ratio{slow: slow, fast: fast, paper: paper, kind: "none"}
	logs := make([]float64, len(runs))
	for _, level := range levels(runs) {
		a, b := crossings(runs, slow, level), crossings(runs, fast, level)
		clearA, _ := clear(a)
		clearB, _ := clear(b)
		if !clearA || !clearB {
			continue
		}
		if r.count == 0 {
			r.from = level
		}
		r.to, r.kind = level, ""
		r.count++
		for i := range runs {
			logs[i] += math.Log(a[i].pictures / b[i].pictures)
		}
	}
	if r.count > 0 {
		for i := range logs {
			logs[i] /= float64(r.count)
		}
		m := stats.Repeated(logs)
		r.mean = stats.Mean{Value: math.Exp(m.Value), Low: math.Exp(m.Low), High: math.Exp(m.High), N: m.N}
		return r
	}
	for _, level := range levels(runs) {
		bound, kind := boundAt(runs, slow, fast, level)
		stronger := kind == "more than" && bound > r.mean.Value || kind == "less than" && bound < r.mean.Value
		if kind != "" && (r.kind == "none" || kind == r.kind && stronger) {
			r.kind, r.from, r.to, r.mean = kind, level, level, stats.Mean{Value: bound, Low: bound, High: bound, N: len(runs)}
		}
	}
	return r
}

// boundAt is what can be said at a level that one of the methods crosses in every run and the other does not in some: the ratio is more, or less, than the bound.
func boundAt(runs []ran, slow, fast Method, level float64) (bound float64, kind string) {
	a, b := crossings(runs, slow, level), crossings(runs, fast, level)
	clearA, endedA := clear(a)
	clearB, endedB := clear(b)
	switch {
	case clearB && endedA:
		bound, kind = math.Inf(1), "more than"
		for i := range runs {
			if a[i].early {
				return 0, ""
			}
			bound = min(bound, a[i].pictures/b[i].pictures)
		}
	case clearA && endedB:
		kind = "less than"
		for i := range runs {
			if b[i].early {
				return 0, ""
			}
			bound = max(bound, a[i].pictures/b[i].pictures)
		}
	}
	return bound, kind
}

// times is the ratio of something that each picture needs so many times as much of with the slow method as with the fast one, such as FLOPs.
func (r ratio) times(factor float64) ratio {
	r.mean.Value, r.mean.Low, r.mean.High = r.mean.Value*factor, r.mean.Low*factor, r.mean.High*factor
	return r
}

// in words, such as 2.1 (1.8–2.5).
func (r ratio) String() string {
	switch r.kind {
	case "":
		return lesson.Number(r.mean, 2)
	case "none":
		return "unknown (no accuracy in common)"
	}
	return fmt.Sprintf("%s %.2f", r.kind, r.mean.Value)
}

// over are the accuracies that it is over.
func (r ratio) over() string {
	switch {
	case r.kind == "none":
		return "-"
	case r.count > 1:
		return fmt.Sprintf("%.0f%% to %.0f%%", 100*r.from, 100*r.to)
	}
	return fmt.Sprintf("%.0f%%", 100*r.from)
}
