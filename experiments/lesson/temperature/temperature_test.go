package temperature

import (
	"math"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// A softmax by hand: three texts, of which the picture's own is the first.
func TestSharpness(t *testing.T) {
	cosines := [][]float32{{1, 0.5, 0}, {0.5, 1, 0}, {0, 0.5, 1}}
	s := sharpness(cosines, 0.5)
	a, b, c := math.Exp(2), math.Exp(1), 1.0
	all := a + b + c
	entropy := 0.0
	for _, p := range []float64{a / all, b / all, c / all} {
		entropy -= p * math.Log(p)
	}
	for _, x := range []struct {
		name      string
		got, want float64
	}{{"entropy", s.Entropy, entropy}, {"own", s.Own, a / all}, {"hardest", s.Hardest, b / (b + c)}, {"tenth", s.Tenth, b / (b + c)}} {
		if math.Abs(x.got-x.want) > 1e-6 {
			t.Errorf("%s: expected %g, found %g", x.name, x.want, x.got)
		}
	}
	// The lower the temperature, the more the hardest gets; the higher, the evener.
	cold, warm := sharpness(cosines, 0.01), sharpness(cosines, 100)
	if cold.Hardest < 0.999 || math.Abs(warm.Hardest-0.5) > 0.01 || math.Abs(warm.Entropy-math.Log(3)) > 1e-3 || cold.Entropy > 1e-3 {
		t.Errorf("cold %+v, warm %+v", cold, warm)
	}
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", "taus=[0.005,0.07,1]", "pairs.train.steps=4", "pairs.limit=200", "pairs.batch_size=32", "batch=20")
	r := run.Report
	if len(r.Trained) != 5 || len(r.Same) != 3 {
		t.Fatalf("found %d trainings and %d temperatures of one model", len(r.Trained), len(r.Same))
	}
	for _, x := range r.Trained {
		if s := x.Sharp; !(s.Entropy >= 0 && s.Entropy <= math.Log(float64(s.N))+1e-9 && s.Hardest > 0 && s.Hardest <= s.Tenth && s.Tenth <= 1) || s.N != 20 {
			t.Errorf("%s: found %+v", x.Name, s)
		}
		if x.Fixed != 0 && math.Abs(x.Tau/x.Fixed-1) > 1e-5 {
			t.Errorf("%s: the temperature moved to %g", x.Name, x.Tau)
		}
		if x.Fixed == 0 && (x.Tau == 0.07 || len(x.Curve) == 0 || math.Abs(x.Curve[len(x.Curve)-1].Tau/x.Tau-1) > 0.5) {
			t.Errorf("%s: ended at %g with the curve %v", x.Name, x.Tau, x.Curve)
		}
		if x.At10.N != 200 || x.At10.Value < x.At1.Value {
			t.Errorf("%s: found recall@1 %v, @10 %v", x.Name, x.At1, x.At10)
		}
	}
	if r.Same[0].Entropy > r.Same[1].Entropy || r.Same[1].Entropy > r.Same[2].Entropy {
		t.Errorf("expected an evener softmax at a higher temperature, found %+v", r.Same)
	}
	if run.Found["tau_0.07_recall_10_n"] != 200 || run.Found["clamped_final_tau"] == 0 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "recall@10") || len(told.Errata) != 1 {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"taus=[0.07]": "at least two", "taus=[0.07,-1]": "above 0", "batch=1": "at least 2 pairs", "speed=0": "speed", "pairs.loss=siglip": "expected infonce"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "taus=[0.07,0.5]", "pairs.train.steps=4", "pairs.limit=200", "pairs.batch_size=32", "batch=20")
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
