package composition

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func options(t *testing.T, settings ...string) experiments.Options {
	t.Helper()
	o := experiments.Options{Form: experiments.Quick, Seed: 3, Out: filepath.Join(t.TempDir(), "run")}
	for _, setting := range settings {
		override, err := experiments.ParseOverride(setting)
		if err != nil {
			t.Fatal(err)
		}
		o.Overrides = append(o.Overrides, override)
	}
	return o
}

// The right caption is true and the wrong one false of the scene, and the tests of word order have the same words.
func TestChoices(t *testing.T) {
	cfg := defaults(experiments.Quick, backend.Go)
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		for _, test := range Tests() {
			all, err := Choices(cfg.drawn(split, 7, 1), test, 30)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				right, err := c.Scene.True(c.Right)
				if err != nil || !right {
					t.Errorf("%s, %s: %q is not true (%v)", split, test, c.Right, err)
				}
				if wrong, err := c.Scene.True(c.Wrong); err != nil || wrong {
					t.Errorf("%s, %s: %q is true (%v)", split, test, c.Wrong, err)
				}
				words := func(caption string) []string {
					return slices.Sorted(slices.Values(strings.Fields(strings.ReplaceAll(caption, "an ", "a "))))
				}
				same := slices.Equal(words(c.Right), words(c.Wrong))
				if same != (test == Binding || test == Order) {
					t.Errorf("%s: %q and %q: the same words: %v", test, c.Right, c.Wrong, same)
				}
			}
		}
	}
	if _, ok := choose(scenes.Scene{}, Order, rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("expected no choice for an empty scene")
	}
}

func TestQuickRun(t *testing.T) {
	run, result, err := Study().Experiment.Start(t.Context(), backendtest.Open(t, "go"), options(t, "train.steps=4", "batch_size=16", "choices=12", "model.vision.height=32", "model.vision.width=32"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(run.Path(lesson.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Results) != 2*2*len(Tests()) {
		t.Fatalf("found %d results", len(r.Results))
	}
	for _, x := range r.Results { // the same words are the same to a bag of words, and there are ties alone
		if x.Tower == bag && (x.Test == Binding || x.Test == Order) && x.Right.Value != 0.5 {
			t.Errorf("expected 50%%, found %+v", x)
		}
	}
	m, err := clip.Load(run.Path("model")) // with the transformer, and it sees what that saw
	if err != nil {
		t.Fatal(err)
	}
	drawn := scenes.Pairs()
	drawn.Size = m.Config.Vision.Width
	set, err := scenes.New(drawn)
	if err != nil {
		t.Fatal(err)
	}
	scene := set.Scene(0).Image()
	tower := towers{vision: m.Config.Vision}
	want, err := tower.pixels(scene)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Preprocess(scene); err != nil || !slices.Equal(got, want) {
		t.Errorf("the saved model sees other pixels (%v)", err)
	}
	if result.Metrics["bag_of_words_objects_exchanged_test_n"] != 12 {
		t.Errorf("found the metrics %v", result.Metrics)
	}
	var c Config
	if err := json.Unmarshal(run.Manifest.Config, &c); err != nil {
		t.Fatal(err)
	}
	told, err := tell([]ran{{Seed: 1, Config: c, Report: r}, {Seed: 2, Config: c, Report: r}, {Seed: 3, Config: c, Report: r}})
	if err != nil || !strings.Contains(told.Answer, "the bag of words in ") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

// A run of two trainings that is stopped at random moments comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "train.steps=6", "batch_size=8", "choices=4", "model.vision.height=32", "model.vision.width=32")
	resumetest.Exact(t, Study().Experiment, b, o, 4)
}

func TestRefuses(t *testing.T) {
	for setting, want := range map[string]string{"choices=1": "at least 2", "batch_size=1": "at least 2", "model.vision.width=64": "square pictures"} {
		if _, err := Study().Experiment.Config(backend.Go, options(t, setting)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected %q, found %v", setting, want, err)
		}
	}
}
