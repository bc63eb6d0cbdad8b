package latentdiffusion

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// small are settings with which everything is done once and nothing is learned.
var small = []string{
	"pictures=64", "batch_size=4", "auto_train.steps=3", "train.steps=3", "scales=[0,2]", "rounds=1", "model.sampling.steps=2",
	"model.autoencoder.channels=[8,8]", "model.noise.channels=[8,16]", "text.batch_size=4", "text.train.steps=3", "text.model.text.width=16",
	"text.model.vision.stages=[{\"channels\":8,\"blocks\":1}]", "judge.channels=[8,8,8]", "judge.pictures=24", "judge.tested=20", "judge.batch_size=4", "judge.train.steps=3",
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if len(r.Scales) != 2 || r.Scales[0].Seen.N != 40 || r.Scales[1].Unseen.N != 24 || r.Scales[1].Dev.N != 40 || len(r.Scales[1].First.Asked) != judge.Shown || len(r.WayAt) != 2 || r.WayAt[1] != 0 {
		t.Fatalf("found %+v", r)
	}
	if a := r.Returned[scenes.Unseen]; !(a.Error > 0 && a.Error < 255) || a.Before.N != 20 || len(r.After.Found) != judge.Shown {
		t.Errorf("found %+v come back", a)
	}
	if run.Found["scale_2_unseen_n"] != 24 || run.Found["judge_unseen_n"] != 20 || run.Found["returned_test_n"] != 20 {
		t.Errorf("found the metrics %v", run.Found)
	}
	runs := run.Seeds(3)
	for i := range runs { // as if something had been learned
		scales := append([]judge.Scaled(nil), r.Scales...)
		dev := stats.NewProportion(30, 40)
		scales[1].Dev, scales[1].Seen, scales[1].Unseen = &dev, stats.NewProportion(25+i, 40), stats.NewProportion(6, 24)
		runs[i].Report.Scales = scales
	}
	told, err := tell(runs, "some encoder")
	if err != nil || !strings.Contains(told.Answer, "(2), 65.0%") || !strings.Contains(told.Answer, "is reached") || !strings.Contains(told.Answer, "25.0%") || !strings.Contains(told.Answer, "some encoder") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
	for i := range runs {
		runs[i].Report.Scales[1].Seen = stats.NewProportion(20, 40)
	}
	if told, err := tell(runs, "some encoder"); err != nil || !strings.Contains(told.Answer, "is missed") {
		t.Errorf("three runs below the bar: %q, %v", told.Answer, err)
	}
	m, err := latent.Load(run.Path()) // the run's folder is a model that makes pictures
	if err != nil {
		t.Fatal(err)
	}
	checkLatents(t, m)
}

// checkLatents looks whether the latents of pictures that training had are of deviation 1, and the text encoder reads.
func checkLatents(t *testing.T, m *latent.Model) {
	t.Helper()
	b := backendtest.Go(t)
	pictures, err := judge.Draw(m.Config.Auto.Side, scenes.Train, 77, 64)
	if err != nil {
		t.Fatal(err)
	}
	var values []float32
	rng := rand.New(rand.NewPCG(7, 7))
	for _, p := range pictures {
		values = append(values, p.Window(rng)...)
	}
	z, err := m.Encode(b, values)
	if err != nil {
		t.Fatal(err)
	}
	sum, squares := 0.0, 0.0
	for _, v := range z {
		sum, squares = sum+float64(v)/float64(len(z)), squares+float64(v)*float64(v)/float64(len(z))
	}
	if d := math.Sqrt(squares - sum*sum); math.Abs(d-1) > 0.1 {
		t.Errorf("expected latents of deviation 1, found %g", d)
	}
	words, err := m.Embed(b, []string{"a red circle", "a blue circle"})
	if err != nil {
		t.Fatal(err)
	}
	states := tensors.MustCopyFlatData[float32](words)
	if half := len(states) / 2; states[3*m.Config.Text.Tower.Width] == states[half+3*m.Config.Text.Tower.Width] {
		t.Error("the text encoder reads red and blue alike")
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"scales=[1,2]": "expected 0 and rising", "scales=[0]": "at least one other", "rounds=0": "at least 1 round", "drop=0": "drop: expected a share", "pictures=40": "at least 64 pictures",
		"model.noise.side=4": "which the autoencoder's latents have", "model.sampling.steps=0": "sampling.steps", "judge.tested=0": "judge", "model.text.length=99": "text.length", "text.batch_size=1": "batch_size"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}

// The deviation is that of all numbers together. Latents that are the same for every picture are an error, however much their places differ.
func TestDeviation(t *testing.T) {
	if d, err := deviation([]float32{1, 2, 3, 6}, 2); err != nil || math.Abs(d-math.Sqrt(3.5)) > 1e-9 {
		t.Errorf("expected the square root of 3.5, found %g, %v", d, err)
	}
	for _, z := range [][]float32{{1, 2, 1, 2, 1, 2}, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, {0, 0, 0, 0, 0, 0}} {
		if d, err := deviation(z, 3); err == nil || !strings.Contains(err.Error(), "auto_train.steps") {
			t.Errorf("%v: expected an error that says what to do, found %g, %v", z, d, err)
		}
	}
}
