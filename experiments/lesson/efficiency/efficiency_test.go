package efficiency

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Two texts over five words by hand: padding 0, start 3, end 4, so that words are 1 and 2; and the gradient, p less the share of each word.
func TestBagLoss(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out, err := graph.CallOnceN(b, func(scores, ids *graph.Node) []*graph.Node {
			loss := bagLoss(logSoftmax(scores), ids, 3)
			return []*graph.Node{loss, graph.Gradient(loss, scores)[0]}
		}, [][]float32{{0, 0, 0, 0, 0}, {1000, 1000, 999, 0, 0}}, [][]int32{{3, 2, 1, 2, 4}, {3, 1, 4, 0, 0}})
		if err != nil {
			t.Fatal(err)
		}
		second := math.Log(2 + math.Exp(-1))
		if want := (math.Log(5) + second) / 2; math.Abs(float64(out[0].Value().(float32))-want) > 1e-5 {
			t.Errorf("expected %g, found %g", want, out[0].Value())
		}
		want := [][]float64{{0.1, 0.1 - 1.0/6, 0.1 - 1.0/3, 0.1, 0.1}, {math.Exp(-second) / 2, math.Exp(-second)/2 - 0.5, math.Exp(-1-second) / 2, 0, 0}}
		for i, row := range out[1].Value().([][]float32) {
			for j, v := range row {
				if math.Abs(float64(v)-want[i][j]) > 1e-5 {
					t.Errorf("gradient [%d][%d]: expected %g, found %g", i, j, want[i][j], v)
				}
			}
		}
	})
}

// Two classes, one of two prompts, by hand.
func TestRules(t *testing.T) {
	e := &exam{classes: []string{"a", "b"}, owner: []int{0, 0, 1}, words: []int{1, 2, 2}}
	ln := func(p float64) float32 { return float32(math.Log(p)) }
	scores := [][]float32{{ln(0.1), ln(0.04), ln(0.16)}, {ln(0.1), ln(0.01), ln(0.01)}}
	for rule, want := range map[Rule][][]float64{
		Sum:      {{0.14, 0.16}, {0.11, 0.01}},
		PerWord:  {{0.1 + 0.2, 0.4}, {0.1 + 0.1, 0.1}},
		Relative: {{0.14 / 0.125, 0.16 / 0.085}, {0.11 / 0.125, 0.01 / 0.085}},
	} {
		for i, row := range e.byClass(scores, rule) {
			for c, v := range row {
				if math.Abs(math.Exp(float64(v))-want[i][c]) > 1e-5 {
					t.Errorf("%s [%d][%d]: expected %g, found %g", rule, i, c, want[i][c], math.Exp(float64(v)))
				}
			}
		}
	}
}

// small are settings for tests.
var small = []string{"products.train.steps=4", "products.limit=200", "products.dev=20", "products.batch_size=16", "products.model.vision.height=8", "products.model.vision.width=8", "each=2", "first=1"}

// Every method learns its loss on every backend, and what is measured is in order.
func TestQuickRun(t *testing.T) {
	for _, kind := range []string{"go", "onnx:cpu"} {
		t.Run(kind, func(t *testing.T) {
			run := lessontest.Quick[Config, Report](t, Study(), kind, small...)
			r := run.Report
			if r.Training != 180 || r.HeldOut > 2*r.Classes || r.HeldOut <= r.Classes || len(r.Trained) != 4 {
				t.Errorf("found %+v", r)
			}
			for _, x := range r.Trained {
				if len(x.Curve) != 4 || x.Curve[3].Pictures != 64 || len(x.Curve[0].Right) != len(x.Method.Rules()) || !(x.Work.Image > 0 && x.Work.Text > 0) {
					t.Errorf("found %+v", x)
				}
			}
			if run.Found["transformer_language_model_n"] != float64(r.HeldOut) {
				t.Errorf("found the metrics %v", run.Found)
			}
			lines, err := run.Metrics()
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i+3 < len(lines); i += 4 {
				if !(lines[i+3]["loss"] < lines[i]["loss"]) {
					t.Errorf("%s: expected the loss to fall in four steps, found %g and %g", Methods()[i/4], lines[i]["loss"], lines[i+3]["loss"])
				}
			}
		})
	}
}

// What the language model says of a text is the sum of what it says of its tokens, end token included, whatever the padding.
func TestLengths(t *testing.T) {
	b := backendtest.Open(t, "go")
	out, err := graph.CallOnce(b.Backend, func(ids *graph.Node) *graph.Node { return lengths(ids, 9) }, [][]int32{{8, 1, 9, 0}, {8, 1, 2, 9}, {8, 9, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Value().([]int32); got[0] != 3 || got[1] != 4 || got[2] != 2 {
		t.Errorf("found %v", got)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{
		"each=0": "at least 1 picture", "first=0": "at least 1", "first=40": "at most half", "products.mask=false": "mask=true", "products.loss=siglip": "loss=infonce", "products.init=x": "fresh weights",
		"products.final=false": "held-out pictures", "products.layer_decay=0.5": "one learning rate", "products.train.eval_every=5": "eval_every=0", "products.dev=0": "products.dev",
	})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
