package unclip

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/unclip"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// small are settings with which everything is done once and nothing is learned.
var small = []string{
	"pictures=40", "batch_size=8", "clip_batch=8", "prior_batch=8", "train.steps=3", "clip_train.steps=3", "prior_train.steps=3", "scales=[1,5]", "tested=20",
	"model.decoder.channels=[8,16]", "model.clip.image.channels=[8,16]", "model.clip.text.width=16", "model.clip.text.layers=1", "model.sampling.steps=2",
	"model.prior.width=8", "model.prior.layers=1", "model.prior.sampling.steps=2",
	"judge.channels=[8,8]", "judge.pictures=48", "judge.tested=20", "judge.batch_size=8", "judge.train.steps=3",
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if len(r.Ways) != 3 || len(r.Ways[1].Tried) != 2 || r.Ways[0].Seen.N != 40 || r.Ways[2].Unseen.N != 24 || len(r.Ways[1].First.Asked) != judge.Shown ||
		len(r.Variations) != 4 || len(r.Interpolations) != 4 || len(r.Interpolations[0].Found) != judge.Shown {
		t.Fatalf("found %+v", r)
	}
	if run.Found["prior_unseen_n"] != 24 || run.Found["clip_unseen_n"] != 20 {
		t.Errorf("found the metrics %v", run.Found)
	}
	runs := run.Seeds(3)
	shares := func(hits int) {
		for i := range runs { // as if something had been learned
			ways := append([]Way(nil), r.Ways...)
			ways[0].Seen, ways[0].Unseen, ways[1].Seen = stats.NewProportion(hits+i, 40), stats.NewProportion(6, 24), stats.NewProportion(10, 40)
			runs[i].Report.Ways = ways
		}
	}
	shares(29)
	told, err := tell(runs)
	if err != nil || !strings.Contains(told.Answer, "75.0%") || !strings.Contains(told.Answer, "60%, is reached") || !strings.Contains(told.Answer, "makes 25.0%") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
	shares(20)
	if told, err := tell(runs); err != nil || !strings.Contains(told.Answer, "is missed") {
		t.Errorf("three runs below the bar: %q, %v", told.Answer, err)
	}
	m, err := unclip.Load(run.Path()) // the run's folder is a model that makes pictures
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.EmbedTexts(backendtest.Go(t), []string{"a red circle"}); err != nil {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"scales=[2,1]": "rising", "scales=[]": "at least one", "scales=[-1]": "from 0 on", "rounds=0": "at least 1 round", "tried=0": "at least 1 round",
		"model.decoder.side=8": "the same side", "model.sampling.steps=0": "sampling.steps", "judge.tested=0": "judge", "prior_batch=9999": "a batch of pictures", "model.prior.tries=0": "prior"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
