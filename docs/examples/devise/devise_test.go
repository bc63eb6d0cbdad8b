package devise

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Two pictures, three labels, margin 0.1. The first picture's own label is the nearest by 0.5, which costs nothing; the second's is behind by 0.3
// and ahead by 0.05, which costs 0.1 + 0.3 and 0.1 - 0.05.
func TestLoss(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		loss, err := graph.CallOnce(b, Model{Margin: 0.1}.Loss, [][]float32{{0.9, 0.4, -1}, {0.5, 0.2, 0.15}}, []int32{0, 1})
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(loss.Value().(float32)); math.Abs(got-0.45/2) > 1e-6 {
			t.Errorf("expected %g, found %g", 0.45/2, got)
		}
	})
}

func TestSwatches(t *testing.T) {
	had := map[string]bool{}
	for _, split := range []string{"train", "test", "unseen"} {
		set, err := NewSwatches(split, 12)
		if err != nil {
			t.Fatal(err)
		}
		for i := range set.Len() {
			if label := set.At(i).Label; split == "train" {
				had[label] = true
			} else if had[label] != (split == "test") {
				t.Errorf("%s has %s, which training had: %v", split, label, had[label])
			}
		}
	}
	if _, err := NewSwatches("dev", 1); err == nil {
		t.Error("a split that there is none of was opened")
	}
}

// A label that no training picture had is found by the words that it is made of, more often than by chance, which is 1/8. How much more depends on
// the seed: the words' vectors are random.
func TestQuickForm(t *testing.T) {
	b, options := resumetest.Quick(t)
	options.Out = filepath.Join(t.TempDir(), "run")
	_, result, err := Experiment().Start(t.Context(), b, options)
	if err != nil {
		t.Fatal(err)
	}
	if seen, unseen := result.Metrics["test_hit@1"], result.Metrics["unseen_hit@1"]; seen < 0.8 || unseen < 0.4 {
		t.Errorf("hit@1 among eight labels: expected at least 0.8 on labels that training had and 0.4 on others, found %g and %g", seen, unseen)
	}
	if result.Metrics["test_hit@1_n"] != 120 {
		t.Errorf("expected 120 pictures, found %v", result.Metrics)
	}
}

// A run that is stopped and resumed comes to what it would have come to, to the bit.
func TestResumesExactly(t *testing.T) {
	b, options := resumetest.Quick(t, "train.steps=12", "train.log_every=1")
	resumetest.Exact(t, Experiment(), b, options, 2)
}

// How an experiment is run from Go.
func ExampleExperiment() {
	b, err := backend.OpenNamed("go")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Finalize()
	dir, err := os.MkdirTemp("", "devise-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	_, result, err := Experiment().Start(context.Background(), b, experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(dir, "run"), Messages: io.Discard})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("found among eight labels:", result.Metrics["test_hit@1"] > 0.9, "though never seen:", result.Metrics["unseen_hit@1"] > 0.8)
	// Output: found among eight labels: true though never seen: true
}
