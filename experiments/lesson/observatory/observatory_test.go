package observatory

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// small are settings of the quick form that take seconds.
var small = []string{"moments=[10,20]", "products.train.steps=20", "products.limit=250", "products.dev=50", "products.batch_size=32", "pairs.train.steps=10", "pairs.limit=200", "pairs.batch_size=32",
	"shown=24", "joined=6", "starts=2", "drawn=40", "batch=40", "fresh=4", "lambdas=[-0.5,0,0.5]"}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if m := r.Products.Moments; len(m) != 3 || m[0].Step != 0 || m[2].Step != 20 || len(m[2].Maps) != 3 || len(m[2].Maps[1].X) != 48 || !(m[0].Gap.Length > 0) {
		t.Fatalf("found the moments %+v", m)
	}
	if m := r.Photographs.Moments; len(m) != 2 || m[1].Step != 10 || len(r.Products.Curve) < 2 || len(r.Photographs.Curve) < 2 || r.Photographs.Curve[0].Step > 10 {
		t.Errorf("found the moments %+v and the curves %v, %v", m, r.Products.Curve, r.Photographs.Curve)
	}
	if s := r.Products.Shifted.Shifts; len(s) != 3 || len(s[1].Losses) != 3 || s[1].ZeroShot.N == 0 || s[0].Gap <= s[1].Gap || s[1].Gap <= s[2].Gap {
		t.Errorf("found the shifts %+v", s)
	}
	if diff := r.Products.Shifted.Shifts[1].Gap - r.Products.Moments[2].Gap.Length; diff > 1e-6 || diff < -1e-6 {
		t.Errorf("unmoved, the gap is %g; after training it was %g", r.Products.Shifted.Shifts[1].Gap, r.Products.Moments[2].Gap.Length)
	}
	for _, m := range r.Classes.Maps {
		if !(m.Trustworthiness.Value > 0 && m.Trustworthiness.Value <= 1) || len(m.Drawn) > 0 && len(m.Drawn[0].X) != 40 {
			t.Errorf("found the map %+v", m)
		}
	}
	if r.Cones.Models != 4 || run.Found["products_lambda_0_recall_10_n"] != 200 {
		t.Errorf("found %+v and the metrics %v", r.Cones, run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "after 20 steps. Closing it") || len(told.Sections) != 4 {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
	r.Products.Moments = r.Products.Moments[:1]
	if _, err := tell([]ran{{Seed: 4, Config: run.Config, Report: r}}); err == nil || !strings.Contains(err.Error(), "seed 4") {
		t.Errorf("a report without its moments: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"moments=[]": "last step", "moments=[60,10]": "later than", "moments=[7,60]": "multiples of", "moments=[10]": "last to be the last", "lambdas=[0,1]": "0.5",
		"lambdas=[0,0.5,0.5]": "rising", "taus=[0]": "from 0.001", "perplexities=[]": "at least one", "perplexities=[1]": "from 2", "joined=0": "1 or more", "neighbours=60": "fewer than", "starts=1": "at least 2", "drawn=0": "at least 1", "fresh=3": "even",
		"batch=5": "at least 20", "products.train.log_every=0": "log_every: expected at least 1", "products.init=x": "fresh weights", "pairs.train.average=0.9": "expected 0", "products.loss=siglip": "expected infonce", "products.dev=0": "products.dev", "pairs.temperature=5": "pairs."})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, append(small, "perplexities=[5]")...)
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
