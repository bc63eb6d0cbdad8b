package composition

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

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
	run := lessontest.Quick[Config, Report](t, Study(), "go", "train.steps=4", "batch_size=16", "choices=12", "model.vision.height=32", "model.vision.width=32")
	r := run.Report
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
	if run.Found["bag_of_words_objects_exchanged_test_n"] != 12 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
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
	lessontest.Refuses(t, Study(), map[string]string{"choices=1": "at least 2", "batch_size=1": "at least 2", "model.vision.width=64": "square pictures"})
}
