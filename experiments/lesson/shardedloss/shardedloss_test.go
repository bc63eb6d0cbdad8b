package shardedloss

import (
	"math"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// On every number of devices three ways have the true gradient; gathered without gradient the whole loss gives the weights 1/devices of it;
// the others have another direction.
func TestGradients(t *testing.T) {
	for _, kind := range []string{"go", "onnx"} {
		t.Run(kind, func(t *testing.T) {
			all, err := compare(backendtest.Open(t, kind), Config{Devices: []int{1, 2, 8}, Batch: 16, Width: 6, Inputs: 9}, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != 3*len(ways()) {
				t.Fatalf("found %d gradients", len(all))
			}
			local := map[string]Compared{}
			for _, c := range all {
				exact := c.Differs < 1e-5 && math.Abs(c.Scale-1) < 1e-4
				switch {
				case c.Devices == 1 || c.Way == global || c.Way == localWith || c.Way == cached:
					if !exact {
						t.Errorf("expected the true gradient, found %+v", c)
					}
				case c.Way == globalWout:
					if math.Abs(c.Cosine-1) > 1e-5 || math.Abs(c.Length*float64(c.Devices)-1) > 1e-4 || math.Abs(c.Scale-1) > 1e-4 {
						t.Errorf("expected 1/%d of the true gradient, and the temperature's whole, found %+v", c.Devices, c)
					}
				case c.Way == localWout: // whatever the number of devices
					if c.Cosine > 0.999 || math.Abs(c.Length-0.5) > 0.2 {
						t.Errorf("expected another direction and about half of the length, found %+v", c)
					}
					if first, ok := local[c.Way]; ok && math.Abs(first.Cosine-c.Cosine) > 1e-4 {
						t.Errorf("expected the same on any number of devices, found %+v and %+v", first, c)
					}
					local[c.Way] = c
				default:
					if c.Cosine > 0.999 {
						t.Errorf("expected another direction, found %+v", c)
					}
				}
			}
		})
	}
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", "devices=[1,4]", "pairs.train.steps=3", "pairs.limit=200", "pairs.batch_size=32", "batch=8")
	r := run.Report
	if len(r.Compared) != 2*len(ways()) || len(r.Trained) != 3 || r.Trained[0].Devices != 4 {
		t.Fatalf("found %d gradients and %+v", len(r.Compared), r.Trained)
	}
	if run.Found["global_recall_10_n"] != 200 || run.Found["local_gathered_without_gradient_4_cosine"] == 0 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "On 4 devices the true gradient is that of: local, gathered with gradient; gradient cache. Its direction alone: global, gathered without gradient (0.250 of its length).") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"devices=[3]": "that divide", "devices=[2,1]": "rising", "devices=[]": "at least one", "width=0": "at least 1", "pairs.loss=siglip": "expected infonce"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "devices=[1,4]", "pairs.train.steps=3", "pairs.limit=200", "pairs.batch_size=32", "batch=8")
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
