package answering

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/answering"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// small are settings with which the quick form takes seconds in pure Go.
var small = []string{"clip.train.steps=3", "clip.batch_size=4", "train.steps=3", "baseline_steps=2", "tune_steps=3", "pictures=3", "questions=2", "relations=1", "tests=7", "network.width=16", "network.hidden=16",
	"network.blocks=2", "clip.model.vision.height=32", "clip.model.vision.width=32"}

func TestGroups(t *testing.T) {
	for text, want := range map[string]struct {
		kind   scenes.Kind
		answer string
		groups []string
	}{
		"what colour is the circle?":                        {scenes.AskAttribute, "red", []string{everything, "attribute", "colour"}},
		"what colour is the large dotted circle?":           {scenes.AskAttribute, "pink", []string{everything, "attribute", "colour", novel}},
		"what is the small red shape?":                      {scenes.AskAttribute, "star", []string{everything, "attribute", "shape"}},
		"what is the red striped shape?":                    {scenes.AskAttribute, "cross", []string{everything, "attribute", "shape"}},
		"what is the striped red shape?":                    {scenes.AskAttribute, "cross", []string{everything, "attribute", "shape", novel}},
		"what size is the red cross?":                       {scenes.AskAttribute, "small", []string{everything, "attribute", "size", novel}},
		"what texture is the red circle?":                   {scenes.AskAttribute, "plain", []string{everything, "attribute", "texture"}},
		"how many red crosses are there?":                   {scenes.AskCount, "two", []string{everything, "count", novel}},
		"how many crosses are there?":                       {scenes.AskCount, "two", []string{everything, "count"}},
		"is there a green triangle?":                        {scenes.AskExistence, "no", []string{everything, "existence", novel}},
		"is the red circle left of the blue ring?":          {scenes.AskRelation, "yes", []string{everything, "relation", novel}},
		"is the red circle left of the large striped star?": {scenes.AskRelation, "no", []string{everything, "relation"}},
	} {
		if found := groupsOf(scenes.Question{Kind: want.kind, Text: text, Answer: want.answer}); !slices.Equal(found, want.groups) {
			t.Errorf("%q, %s: expected %q, found %q", text, want.answer, want.groups, found)
		}
	}
}

// Every question about many scenes fits the network, and none about scenes of the splits train and test is about a pair that training does not have.
func TestQuestionsFit(t *testing.T) {
	cfg := defaults(experiments.Full, backend.ONNX)
	c := cfg.Network
	train, err := cfg.scenes(scenes.Train, 1, 3000)
	if err != nil {
		t.Fatal(err)
	}
	c.Words = vocabulary(train)
	longest, unseen := 0, 0
	for _, split := range []scenes.Split{scenes.Train, scenes.Test, scenes.Unseen} {
		set, err := cfg.scenes(split, 2, 2000)
		if err != nil {
			t.Fatal(err)
		}
		for i := range set.Len() {
			for _, q := range set.Scene(i).Questions() {
				if _, err := c.Encode(q.Text); err != nil {
					t.Fatal(err)
				}
				longest = max(longest, len(answering.WordsOf(q.Text)))
				if slices.Contains(groupsOf(q), novel) {
					if unseen++; split != scenes.Unseen {
						t.Errorf("%s: %q, %s is about a pair that is held out", split, q.Text, q.Answer)
					}
				}
			}
		}
	}
	if longest < c.Length-1 { // more objects than here need one word more
		t.Errorf("expected room for the longest question and hardly more, %d words, found %d", longest, c.Length)
	}
	if unseen < 1000 {
		t.Errorf("found only %d questions about pairs never seen", unseen)
	}
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	for _, v := range variants() {
		for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
			if m := r.find(v.name, everything, split); m.N != 7 || m.Low > m.Value || m.High < m.Value {
				t.Errorf("%s, %s: found %+v", v.name, split, m)
			}
		}
	}
	if r.Kept != gridTuned || len(r.Shown) != 2*shownScenes || len(r.Shown[0].Asked) < 5 {
		t.Errorf("found %q kept and %+v shown", r.Kept, r.Shown)
	}
	if run.Found["grid_fine_tuned_all_test_n"] != 7 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "from the question alone ") || len(told.Sections) != 3 {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
	// The network in the run's folder answers as it did; the CLIP beside it is the one that it began with, and not the one that it became.
	m, err := answering.Load(run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := run.Config.testScenes(scenes.Test)
	if err != nil {
		t.Fatal(err)
	}
	asked := r.Shown[0].Asked[0]
	answers, err := m.Ask(backendtest.Go(t), set.Scene(0).Image(), asked.Question)
	if err != nil || answers[0].Answer != asked.Answer {
		t.Errorf("%q: expected %q, found %v (%v)", asked.Question, asked.Answer, answers, err)
	}
	if _, err := clip.Load(run.Path("clip")); err != nil {
		t.Error(err)
	}
}

// The frozen towers stay as CLIP left them, and the one that is fine-tuned does not.
func TestFrozenTowers(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	eye, err := clip.Load(run.Path("clip"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := answering.Load(run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	checkpoints, err := filepath.Glob(run.Path("checkpoints", "*-done.safetensors"))
	if err != nil || len(checkpoints) != 1+len(variants()) { // CLIP's own first
		t.Fatal(checkpoints, err)
	}
	for i, v := range variants() {
		file, err := safetensors.Load(checkpoints[1+i])
		if err != nil {
			t.Fatal(err)
		}
		trained := model.NewStore()
		maps.DeleteFunc(file.Tensors, func(name string, _ safetensors.Tensor) bool { return !strings.HasPrefix(name, "visual.") })
		if err := weights.IntoStore(trained, file.Tensors); err != nil {
			t.Fatal(err)
		}
		compared, moved := 0, 0
		for weight := range trained.IterVariables() {
			if before := eye.Store.GetVariable(weight.Path()); before != nil {
				if compared++; !before.MustValue().Equal(weight.MustValue()) {
					moved++
				}
			}
		}
		if compared < 20 || (moved > 0) != v.tune {
			t.Errorf("%s: of %d weights of the tower, %d have moved", v.name, compared, moved)
		}
	}
	if stem := "/visual/conv1/weight"; eye.Store.GetVariable(stem).MustValue().Equal(m.Store.GetVariable(stem).MustValue()) {
		t.Error("the model's tower, which is fine-tuned, has the weights of CLIP's")
	}
}

// Questions about relations come first where they are to, and are never more than half; without them a batch is filled with what else is asked.
func TestRelationsFirst(t *testing.T) {
	cfg := defaults(experiments.Full, backend.ONNX)
	set, err := cfg.scenes(scenes.Train, 3, 200)
	if err != nil {
		t.Fatal(err)
	}
	share := func(relations bool, questions int) float64 {
		asked, found := 0, 0
		for i := range set.Len() {
			scene := set.Scene(i)
			list := draw(scene, questions, relations, rand.New(rand.NewPCG(1, uint64(i))))
			if len(list) != questions {
				t.Fatalf("expected %d questions, found %d", questions, len(list))
			}
			about := 0
			for _, q := range list {
				if q.Kind == scenes.AskRelation {
					about++
				}
			}
			if relations && (about > questions/2 || len(scene.Objects) == 1 && about > 0) {
				t.Errorf("scene %d: found %d questions about relations", i, about)
			}
			asked, found = asked+len(list), found+about
		}
		return float64(found) / float64(asked)
	}
	for _, questions := range []int{2, 5, cfg.Questions} {
		if usual, first := share(false, questions), share(true, questions); usual > 0.2 || first < 1.5*usual {
			t.Errorf("expected few questions about relations and then many, found %.2f and %.2f of %d", usual, first, questions)
		}
	}
}

// They come first after as many batches as the settings say, also where a source goes on from a saved position.
func TestRelationsAfterSteps(t *testing.T) {
	b, cfg := backendtest.Go(t), defaults(experiments.Quick, backend.Go)
	cfg.Pictures, cfg.Questions = 3, 4
	set, err := cfg.scenes(scenes.Train, 3, 30)
	if err != nil {
		t.Fatal(err)
	}
	cfg.CLIP.Model.Text.VocabSize = 3
	eye, err := clip.New(cfg.CLIP.Model, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eye.EncodeImages(b, [][]float32{make([]float32, 48*48*3)}); err != nil { // makes the weights
		t.Fatal(err)
	}
	c := cfg.Network
	c.Sees, c.Words, c.Answers = answering.Nothing, vocabulary(set), scenes.Answers()
	m, err := answering.New(c, eye, 1)
	if err != nil {
		t.Fatal(err)
	}
	batches := func(relations int) (all []string) {
		source, err := newSource(m, cfg, set, relations, 5)
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		for range 6 {
			batch, err := source.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint(batch[0].Value(), batch[1].Value()))
		}
		return all
	}
	never, after, always := batches(6), batches(2), batches(0)
	if !slices.Equal(after, append(slices.Clone(never[:2]), always[2:]...)) || slices.Equal(never[2:], always[2:]) {
		t.Error("expected two batches as they were without relations, and then those with them")
	}
	resumetest.Source(t, func() experiments.Resumable {
		source, err := newSource(m, cfg, set, 2, 5)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(source.Close)
		return source
	}, 6)
}

// A run of many trainings that is stopped at random moments comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"pictures=0": "at least 1 of each", "tests=3": "at least 6", "baseline_steps=0": "at least 1 of each", "tune_rate=0": "more than 0", "relations=-1": "0 steps or more",
		"network.hidden=0": "network.hidden: expected at least 1", "clip.batch_size=1": "at least 2", "clip.full=2": "a share from 0 to 1", "clip.max_objects=9": "clip.max_objects: expected 1 to 4", "max_objects=9": "max_objects: expected 1 to 4, found 9",
		"clip.model.vision.width=64": "square pictures"})
}
