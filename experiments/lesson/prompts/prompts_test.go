package prompts

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// byHand is a classifier of two classes in the plane: "x {}" puts them where they belong, "y {}" exchanges them, "z {}" makes both the same.
func byHand() *classifier {
	right, up := []float32{1, 0}, []float32{0, 1}
	texts := map[string][]float32{"x a": right, "x b": up, "y a": up, "y b": right, "z a": {0.6, 0.8}, "z b": {0.6, 0.8}, "own a": {0.8, 0.6}, "own b": up}
	c := &classifier{classes: []string{"a", "b"}, lists: lists{templates: []string{"y {}", "z {}", "x {}"},
		names: func(class string) []string { return []string{"x " + class, "y " + class} }, own: func(class string) []string { return []string{"own " + class} }},
		encode: func(prompts []string) (rows [][]float32, err error) {
			for _, p := range prompts {
				rows = append(rows, texts[p])
			}
			return rows, nil
		}}
	c.choosing = labelled{[][]float32{right, up}, []int{0, 1}}
	c.test = labelled{[][]float32{right, {0.9, 0.1}, up, {0.1, 0.9}}, []int{0, 0, 1, 1}}
	return c
}

func TestMeasure(t *testing.T) {
	task, err := byHand().measure("by hand", "the plane", 5, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if task.Greedy[0].Template != "x {}" || task.Greedy[0].Choosing != 1 || task.Kept != 1 || len(task.Greedy) != 3 {
		t.Errorf("expected x alone to be chosen, found %+v, %d kept", task.Greedy, task.Kept)
	}
	for name, want := range map[string]float64{"bare word": 0, "class-specific": 1, "chosen greedily": 1, "other names too": 0.5} {
		w := task.Wordings[task.number(name)]
		if w.Name != name || w.Top1.Value != want || w.Gain.Value != want {
			t.Errorf("%s: expected the accuracy %g, found %+v", name, want, w)
		}
	}
	if r := task.Random; len(r) != 3 || r[2].Lowest != r[2].Highest || r[0].Lowest > r[0].Mean || r[0].Mean > r[0].Highest {
		t.Errorf("found %+v", r)
	}
	mean := unitMean([][]float32{{1, 0}, {0, 1}})
	if math.Abs(float64(mean[0])-math.Sqrt(0.5)) > 1e-6 {
		t.Errorf("expected a unit mean, found %v", mean)
	}
}

// The prompts that are for a class alone name every class of the data set, and no template stands twice.
func TestWordings(t *testing.T) {
	for name, l := range map[string]lists{"products": productWordings(), "pictures": pictureWordings(), "scenes": sceneWordings()} {
		if l.templates[0] != bare || l.templates[1] != photo || len(slices.Compact(slices.Sorted(slices.Values(l.templates)))) != len(l.templates) {
			t.Errorf("%s: expected the bare word and the photo first and every template once, found %q", name, l.templates)
		}
		for _, template := range l.templates {
			if strings.Count(template, "{}") != 1 {
				t.Errorf("%s: expected one {} in %q", name, template)
			}
		}
	}
	for _, class := range []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"} {
		if l := pictureWordings(); len(l.own(class)) != 2 || l.names(class)[0] != class {
			t.Errorf("%s: found %q", class, l.own(class))
		}
	}
}

// small are settings for tests.
var small = []string{"products.train.steps=6", "products.limit=120", "products.dev=40", "products.batch_size=16", "products.model.vision.height=8", "products.model.vision.width=8", "pairs.train.steps=6", "pairs.limit=120", "pairs.batch_size=16", "choosing=40", "draws=3"}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if len(r.Tasks) != 2 {
		t.Fatalf("expected two tasks, found %+v", r)
	}
	for _, task := range r.Tasks {
		all := task.Wordings[task.number("all templates")].Top1.Value
		last := len(task.Random) - 1
		if task.Random[last].Mean != all || task.Greedy[last].Top1.Value != all {
			t.Errorf("%s: expected all templates together to be one figure, found %g, %g and %g", task.Name, all, task.Random[last].Mean, task.Greedy[last].Top1.Value)
		}
		if task.Wordings[0].Gain.Value != 0 || task.Wordings[0].Top1.Value != task.Templates[0].Top1.Value || !(all >= 0 && all <= 1) {
			t.Errorf("%s: found %+v", task.Name, task.Wordings)
		}
	}
	if run.Found["captions_all_templates_n"] != 500 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "all 8 templates together") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"labelled=imagenet": "cifar10 or scenes", "choosing=2": "at least 10", "draws=0": "at least 1", "products.dev=0": "products.dev", "pairs.loss=x": "pairs.loss"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
