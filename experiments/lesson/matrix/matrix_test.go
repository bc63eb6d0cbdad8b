package matrix

import (
	"math"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// Three pairs by hand, of which the last picture is nearer to another's text.
func TestMeasure(t *testing.T) {
	m := measure([][]float32{{0.5, 0, 0}, {0, 0.5, 0}, {0, 0.5, 0}}, 2)
	e := math.E
	rows := []float64{math.Log((e + 2) / e), math.Log((e + 2) / e), math.Log(e + 2)}
	columns := []float64{math.Log((e + 2) / e), math.Log((2*e + 1) / e), math.Log(3)}
	want := 0.0
	for i := range rows {
		want += (rows[i] + columns[i]) / 6
	}
	if math.Abs(m.Loss-want) > 1e-6 || m.Found.Value != 2.0/3 || m.N != 3 {
		t.Errorf("expected the loss %g and 2 of 3 found, found %+v", want, m)
	}
	if math.Abs(m.Pairs.Mean-1.0/3) > 1e-6 || math.Abs(m.Others.Mean-0.5/6) > 1e-6 || math.Abs(m.Pairs.SD-math.Sqrt(2)/6) > 1e-6 {
		t.Errorf("found %+v and %+v", m.Pairs, m.Others)
	}
	// Cosines that are all the same have the loss ln N, and nothing is found but the first by its place.
	if flat := measure([][]float32{{1, 1}, {1, 1}}, 50); math.Abs(flat.Loss-math.Ln2) > 1e-9 || flat.Found.Value != 0.5 {
		t.Errorf("found %+v", flat)
	}
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", "moments=[5,12]", "pairs.train.steps=12", "pairs.limit=200", "pairs.batch_size=32", "batch=40", "shown=8")
	r := run.Report
	if len(r.Moments) != 3 || r.Moments[0].Step != 0 || r.Moments[2].Step != 12 || len(r.Losses) < 3 || r.Batch != 32 {
		t.Fatalf("found %d moments and %d losses", len(r.Moments), len(r.Losses))
	}
	for _, m := range r.Moments {
		total := 0.0
		for _, share := range m.Others.Counts {
			total += share
		}
		if m.N != 40 || len(m.Cosines) != 8 || len(m.Cosines[7]) != 8 || math.Abs(total-1) > 1e-9 || !(m.Loss > 0) {
			t.Errorf("step %d: found %d pairs, %d drawn, shares that add up to %g, the loss %g", m.Step, m.N, len(m.Cosines), total, m.Loss)
		}
	}
	if run.Found["step_12_found_n"] != 40 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "chance is ln 40 = 3.69") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"moments=[]": "at least one", "moments=[10,5]": "later than", "moments=[7]": "multiples of", "shown=1": "2 to batch",
		"pairs.train.average=0.9": "expected 0", "pairs.loss=siglip": "expected infonce"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "moments=[60,160]", "pairs.train.steps=160", "pairs.train.log_every=10", "pairs.limit=200", "pairs.batch_size=32", "batch=20", "shown=4")
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
