package guided

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// small are settings with which everything is done once and nothing is learned.
var small = []string{
	"pictures=40", "batch_size=8", "clip_batch=8", "train.steps=3", "clip_train.steps=3", "scales=[0,5]",
	"model.noise.channels=[8,16]", "model.clip.image.channels=[8,16]", "model.clip.text.width=16", "model.clip.text.layers=1", "model.sampling.steps=2",
	"judge.channels=[8,8]", "judge.pictures=48", "judge.tested=20", "judge.batch_size=8", "judge.train.steps=3", "climb.steps=2",
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if len(r.Scales) != 2 || len(r.Levels) != 10 || r.Scales[0].Seen.N != 40 || r.Scales[1].Unseen.N != 24 || len(r.Scales[1].First.Asked) != judge.Shown || len(r.WayAt) != 2 || r.WayAt[1] != 0 {
		t.Fatalf("found %+v", r)
	}
	if run.Found["scale_5_unseen_n"] != 24 || run.Found["judge_unseen_n"] != 20 {
		t.Errorf("found the metrics %v", run.Found)
	}
	runs := run.Seeds(3)
	for i := range runs { // as if guidance had done something
		scales := append([]judge.Scaled(nil), r.Scales...)
		scales[0].Seen, scales[1].Seen, scales[1].Unseen = stats.NewProportion(1, 40), stats.NewProportion(20+i, 40), stats.NewProportion(6, 24)
		runs[i].Report.Scales = scales
	}
	told, err := tell(runs)
	if err != nil || !strings.Contains(told.Answer, "(5), 52.5%") || !strings.Contains(told.Answer, "is reached") || !strings.Contains(told.Answer, "25.0% of those") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
	runs[0].Report.Scales[0].Seen, runs[1].Report.Scales[0].Seen, runs[2].Report.Scales[0].Seen = stats.NewProportion(15, 40), stats.NewProportion(15, 40), stats.NewProportion(15, 40)
	if told, err := tell(runs); err != nil || !strings.Contains(told.Answer, "is missed") {
		t.Errorf("three runs below the bar: %q, %v", told.Answer, err)
	}
	m, err := diffusion.LoadGuided(run.Path()) // the run's folder is a model that makes pictures
	if err != nil {
		t.Fatal(err)
	}
	b := backendtest.Go(t)
	sampler, err := m.Sampler(b, m.Config.Sampling)
	if err != nil {
		t.Fatal(err)
	}
	defer sampler.Close()
	if _, err := m.Embed(b, []string{"a red circle"}); err != nil {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"scales=[1,2]": "expected 0 and rising", "scales=[0]": "at least one other", "scales=[0,3,3]": "rising", "rounds=0": "at least 1 round",
		"model.noise.side=8": "the same side", "model.sampling.steps=0": "sampling.steps", "judge.tested=0": "judge", "model.schedule.name=sine": "linear or cosine"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
