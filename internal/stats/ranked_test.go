package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// some are scores with ties, and which of them are right.
func some(rng *rand.Rand, n int) (scores []float64, right []bool) {
	for range n {
		scores, right = append(scores, float64(rng.IntN(8))), append(right, rng.IntN(3) == 0)
	}
	return scores, right
}

// The area is the share of the pairs of a right and a wrong thing in which the right one is above, as two loops count it.
func TestAUC(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		scores, right := some(rng, 30)
		weights := make([]float64, 30)
		for i := range weights {
			weights[i] = float64(rng.IntN(3))
		}
		for _, w := range [][]float64{nil, weights} {
			sum, pairs := 0.0, 0.0
			for i := range scores {
				for j := range scores {
					if !right[i] || right[j] {
						continue
					}
					both := 1.0
					if w != nil {
						both = w[i] * w[j]
					}
					pairs += both
					switch {
					case scores[i] > scores[j]:
						sum += both
					case scores[i] == scores[j]:
						sum += both / 2
					}
				}
			}
			got := Rank(scores, right).AUCOf(w)
			if want := sum / pairs; math.Abs(got-want) > 1e-12 && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Fatalf("expected %g, found %g", want, got)
			}
		}
	}
	for _, right := range [][]bool{{true, true}, {false, false}} {
		if got := Rank([]float64{1, 2}, right).AUC(); !math.IsNaN(got) {
			t.Errorf("one kind alone: expected NaN, found %g", got)
		}
	}
}

// Every point of the curve is what counting says, and the area below its straight pieces is the AUC.
func TestCurve(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	scores, right := some(rng, 60)
	r := Rank(scores, right)
	area := 0.0
	curve := r.Curve()
	for i, k := range curve {
		var kept, all [2]float64
		for j, s := range scores {
			of := 1
			if right[j] {
				of = 0
			}
			all[of]++
			if s >= k.Threshold {
				kept[of]++
			}
		}
		if k.Right != kept[0]/all[0] || k.Wrong != kept[1]/all[1] {
			t.Errorf("threshold %g: expected %v of %v, found %+v", k.Threshold, kept, all, k)
		}
		if found := r.At(k.Threshold); found != k {
			t.Errorf("expected %+v, found %+v", k, found)
		}
		if want := kept[0] / (kept[0] + kept[1]); i > 0 && math.Abs(k.Precision(all[1]/60)-want) > 1e-12 {
			t.Errorf("threshold %g: expected the precision %g, found %g", k.Threshold, want, k.Precision(all[1]/60))
		}
		if i > 0 {
			area += (k.Wrong - curve[i-1].Wrong) * (k.Right + curve[i-1].Right) / 2
		}
	}
	if math.Abs(area-r.AUC()) > 1e-12 {
		t.Errorf("expected the area %g, found %g", r.AUC(), area)
	}
	if last := curve[len(curve)-1]; last.Right != 1 || last.Wrong != 1 || curve[0].Precision(0.5) != 1 {
		t.Errorf("expected everything to be kept at the end, found %+v", last)
	}
}

func TestThresholds(t *testing.T) {
	r := Rank([]float64{9, 8, 7, 6, 5, 4, 3, 2}, []bool{true, true, false, true, false, true, false, false})
	for _, c := range []struct {
		got       Kept
		threshold float64
	}{{r.Allowing(0), 8}, {r.Allowing(0.3), 6}, {r.Allowing(1), 2}, {r.Keeping(0.5), 8}, {r.Keeping(0.6), 6}, {r.Keeping(1), 4}, {r.Keeping(2), 2}} {
		if c.got.Threshold != c.threshold {
			t.Errorf("expected the threshold %g, found %+v", c.threshold, c.got)
		}
	}
	if k := Rank([]float64{1}, []bool{false}).Allowing(0.5); !math.IsInf(k.Threshold, 1) || k.Wrong != 0 {
		t.Errorf("expected nothing to be kept, found %+v", k)
	}
	if k := r.At(6.5); k.Right != 0.5 || k.Wrong != 0.25 {
		t.Errorf("between two scores: found %+v", k)
	}
}
