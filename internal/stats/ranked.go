package stats

import (
	"math"
	"slices"
)

// Ranked are scores of things that are either right or wrong, such as pictures that show something or do not, the highest score first. Whoever keeps what
// has at least a threshold's score keeps some of the right ones and some of the wrong ones: [Ranked.Curve] says how many.
type Ranked struct {
	scores []float64 // falling
	right  []bool
	from   []int // where each stood among the scores that were ranked
}

// Rank sorts scores. right[i] says whether thing i is right. No score may be NaN.
func Rank(scores []float64, right []bool) *Ranked {
	r := &Ranked{scores: make([]float64, len(scores)), right: make([]bool, len(scores)), from: make([]int, len(scores))}
	for i := range r.from {
		r.from[i] = i
	}
	slices.SortStableFunc(r.from, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	for k, i := range r.from {
		r.scores[k], r.right[k] = scores[i], right[i]
	}
	return r
}

// AUC is the area under the ROC curve: the probability that a right thing's score is above a wrong one's, ties counting half (Hanley and McNeil 1982). It is NaN
// where there are no right ones or no wrong ones.
func (r *Ranked) AUC() float64 { return r.AUCOf(nil) }

// AUCOf is [Ranked.AUC] where thing i is there weights[i] times, as a bootstrap draws it; nil is once each.
func (r *Ranked) AUCOf(weights []float64) float64 {
	sum, right, wrong := 0.0, 0.0, 0.0
	for k := 0; k < len(r.scores); {
		var here [2]float64 // right and wrong ones of one score
		for score := r.scores[k]; k < len(r.scores) && r.scores[k] == score; k++ {
			w := 1.0
			if weights != nil {
				w = weights[r.from[k]]
			}
			if r.right[k] {
				here[0] += w
			} else {
				here[1] += w
			}
		}
		sum += here[1] * (right + here[0]/2)
		right, wrong = right+here[0], wrong+here[1]
	}
	if right == 0 || wrong == 0 {
		return math.NaN()
	}
	return sum / (right * wrong)
}

// Kept is what is kept with a threshold.
type Kept struct {
	Threshold float64 `json:"threshold"` // the least score that is kept; +Inf where nothing is
	Right     float64 `json:"right"`     // share of the right things that is kept: true positives, or recall
	Wrong     float64 `json:"wrong"`     // share of the wrong things that is kept: false positives
}

// Precision is the share of right things among those that are kept, where wrong is the share of wrong things among all; 1 where nothing is kept.
func (k Kept) Precision(wrong float64) float64 {
	if k.Right == 0 && k.Wrong == 0 {
		return 1
	}
	return k.Right * (1 - wrong) / (k.Right*(1-wrong) + k.Wrong*wrong)
}

// Curve is what is kept with every threshold that makes a difference, the highest first; with the first one nothing is. It is the ROC curve, Right over Wrong.
func (r *Ranked) Curve() []Kept {
	var n [2]float64
	for _, right := range r.right {
		if right {
			n[0]++
		} else {
			n[1]++
		}
	}
	curve := []Kept{{Threshold: math.Inf(1)}}
	right, wrong := 0.0, 0.0
	for k, score := range r.scores {
		if r.right[k] {
			right++
		} else {
			wrong++
		}
		if k+1 == len(r.scores) || r.scores[k+1] != score {
			curve = append(curve, Kept{score, right / max(n[0], 1), wrong / max(n[1], 1)})
		}
	}
	return curve
}

// Allowing is the lowest threshold that keeps at most a share wrong of the wrong things.
func (r *Ranked) Allowing(wrong float64) Kept {
	curve := r.Curve()
	last := slices.IndexFunc(curve, func(k Kept) bool { return k.Wrong > wrong })
	if last < 0 {
		last = len(curve)
	}
	return curve[max(last-1, 0)]
}

// Keeping is the highest threshold that keeps at least a share right of the right things.
func (r *Ranked) Keeping(right float64) Kept {
	curve := r.Curve()
	if first := slices.IndexFunc(curve, func(k Kept) bool { return k.Right >= right }); first >= 0 {
		return curve[first]
	}
	return curve[len(curve)-1]
}

// At is what a threshold keeps.
func (r *Ranked) At(threshold float64) Kept {
	kept := Kept{Threshold: threshold}
	for _, k := range r.Curve() {
		if k.Threshold >= threshold {
			kept.Right, kept.Wrong = k.Right, k.Wrong
		}
	}
	return kept
}
