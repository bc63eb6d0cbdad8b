package retrieval

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// three are photographs with two captions each; the second one looks like the first.
func three() *evaluate.Embedded {
	x, y := []float32{1, 0}, []float32{0, 1}
	return &evaluate.Embedded{
		Examples: []datasets.Example{{ID: "a.jpg"}, {ID: "b.jpg"}, {ID: "c.jpg"}},
		Images:   [][]float32{x, x, y},
		Captions: []string{"two dogs running", "two dogs", "three dogs running", "three dogs", "a boat", "a red boat"},
		Texts:    [][]float32{x, x, {0.6, 0.8}, {0.6, 0.8}, y, y},
		Owner:    []int{0, 0, 1, 1, 2, 2},
	}
}

func TestAnswers(t *testing.T) {
	e := three()
	a := newAlbum(e, newReader(training))
	toTexts := answers(e, 10, true)
	// The second photograph finds the first one's captions: cosines 1, 1, 0.6, 0.6, 0, 0.
	p := 2 / (2 + 2*math.Exp(-4) + 2*math.Exp(-10))
	wrong := slices.IndexFunc(toTexts, func(x answer) bool { return !x.right })
	if x := toTexts[wrong]; x.photo != 1 || x.caption != 0 || x.rank != 3 || math.Abs(x.confidence-p) > 1e-6 {
		t.Errorf("expected caption 0 for photograph 1 with %g, found %+v", p, x)
	}
	if toTexts[0].confidence < toTexts[1].confidence || toTexts[1].confidence < toTexts[2].confidence {
		t.Errorf("expected the most confident first, found %+v", toTexts)
	}
	right, random := a.references(1)
	d := a.direction(toTexts, true, random, 5, 5)
	// Judged by b's second caption alone, "two dogs running" has a number and an action too much.
	if d.Mistakes.N != 1 || d.Mistakes.Kinds[Number].Value != 1 || d.Mistakes.Kinds[Action].Value != 1 || d.Mistakes.Kinds[Who].Value != 0 || d.Mistakes.Most.Value != 0 {
		t.Errorf("found %+v", d.Mistakes)
	}
	if want := (Example{"b.jpg", "a.jpg#0", d.Examples[0].Confidence, 3, 3, []string{"running", "two"}, []string{"three"}}); fmt.Sprint(d.Examples) != fmt.Sprint([]Example{want}) {
		t.Errorf("expected %+v, found %+v", want, d.Examples)
	}
	if d.Hubs != (Hubs{6, 1, 1}) || len(d.Swaps) != 1 || d.Swaps[0].Said != "two" || d.Swaps[0].Is != "three" || d.Swaps[0].Count != 1 {
		t.Errorf("found %+v, %+v", d.Hubs, d.Swaps)
	}
	// Of the six captions judged by their own photograph's other one, four say nothing too much.
	if s := say(right); s.N != 6 || math.Abs(s.All.Value-3.0/6) > 1e-9 || s.Kinds[Colour].Value != 1.0/6 {
		t.Errorf("right captions: found %+v", s)
	}
	if len(random) != 6 || say(random).Covered.Value >= say(right).Covered.Value {
		t.Errorf("random pairs: found %+v", say(random))
	}
	// By texts, both captions of the second photograph are nearest to the third: 0.8 against 0.6.
	for _, x := range answers(e, 10, false) {
		if (x.caption == 2 || x.caption == 3) != !x.right {
			t.Errorf("found %+v", x)
		}
	}
}

func TestGuessed(t *testing.T) {
	var r Report
	r.Found.Images, r.Found.Texts = 700, 3500
	if recall, median := guessed(r, false, 7); math.Abs(recall-0.01) > 1e-12 || median != 350 {
		t.Errorf("found %g, %d", recall, median)
	}
	// One of five among 3,500, none of the first 453: (1-453/3500)^5 is nearly a half.
	if recall, median := guessed(r, true, 1); math.Abs(recall-5.0/3500) > 1e-12 || median < 452 || median > 454 {
		t.Errorf("found %g, %d", recall, median)
	}
}

// Mistakes between siblings, what chance would have of them, and what titles say.
func TestGroup(t *testing.T) {
	c := Classification{Classes: []string{"Tops", "Tshirts", "Watches"}, Confusion: [][]int{{1, 1, 1}, {0, 1, 0}, {0, 0, 0}}}
	title := func(s string) datasets.Example { return datasets.Example{ID: s, Captions: []string{s}} }
	all := []named{{title("Nike T-Shirt"), 0, 1, 0.9}, {title("blue Top"), 0, 2, 0.5}, {title("Top"), 0, 0, 0.4}, {title("red tshirts"), 1, 1, 0.3}}
	of := map[string][]string{"Tops": {"Topwear"}, "Tshirts": {"Topwear"}, "Watches": {"Watches"}}
	c.group(all, of, Config{Levels: []string{"subCategory"}, Confident: 1, Examples: 1})
	l := c.Levels[0]
	if l.Mistakes.Value != 0.5 || l.Confident.Value != 1 || l.Chance != 0.5 {
		t.Errorf("found %+v", l)
	}
	if c.Titles.Own.Value != 0.75 || c.Titles.Mistakes.Value != 0.5 || c.Titles.Confident.Value != 1 {
		t.Errorf("found %+v", c.Titles)
	}
	if len(c.Pairs) != 2 || c.Pairs[0] != (Pair{"Tops", "Tshirts", 1, 3, 0.9, true}) || c.Pairs[1].Siblings || c.Examples[0] != (Misnamed{"Nike T-Shirt", "Tops", "Tshirts", 0.9}) {
		t.Errorf("found %+v, %+v", c.Pairs, c.Examples)
	}
}

var small = []string{"pairs.train.steps=4", "pairs.limit=200", "pairs.batch_size=32", "products.train.steps=4", "products.limit=200", "products.dev=20", "products.batch_size=16",
	"products.model.vision.height=8", "products.model.vision.width=8", "confident=20", "examples=3"}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if r.Found.Images != 200 || len(r.ToTexts.Examples) != 3 || len(r.ToTexts.Tenths) != 10 || len(r.Spread) != 3 || len(r.Classes.Classes) != 40 || len(r.Classes.Levels) != 2 ||
		r.ToTexts.Confident.N != 20 || r.Right.N != r.Found.Texts || r.Right.Covered.Value < 0.9 {
		t.Errorf("found %+v", r)
	}
	if data, err := os.ReadFile(run.Path(lesson.ReportFile)); err != nil || strings.Contains(string(data), "there is a") {
		t.Errorf("expected a report without captions, found some (%v)", err)
	}
	for _, name := range []string{"picture-to-text", "text-to-picture", "picture-to-text-mistakes", "text-to-picture-mistakes", "classes"} {
		if _, err := os.Stat(run.Path(folder, name+".png")); err != nil {
			t.Errorf("expected a sheet: %v", err)
		}
	}
	if run.Found["picture_to_text_recall_1_n"] != 200 || run.Found["classes_top1_n"] != 200 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.HasPrefix(told.Answer, "Among 200 photographs of scenes and ") || len(told.Sections) != 8 || !strings.Contains(told.Sections[0].Text, "seed 3, text to picture") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
	other := r
	other.Classes.Classes = other.Classes.Classes[1:]
	if _, err := tell([]ran{{Seed: 1, Report: r}, {Seed: 2, Report: other}}); err == nil || !strings.Contains(err.Error(), "the same classes") {
		t.Errorf("other classes: found %v", err)
	}
	r.Classes.Pairs = nil // a model that never errs is drawn, too
	if _, err := tell([]ran{{Seed: 1, Config: run.Config, Report: r}}); err != nil {
		t.Error(err)
	}
}

// pictures are a data set of examples in memory.
type pictures struct {
	datasets.Dataset
	all []datasets.Example
}

func (p pictures) Len() int                  { return len(p.all) }
func (p pictures) At(i int) datasets.Example { return p.all[i] }

// By an attribute that no picture has, all classes would be siblings.
func TestCheckLevels(t *testing.T) {
	set := pictures{all: []datasets.Example{{}, {Attributes: map[string]string{"subCategory": "Topwear"}}}}
	if err := checkLevels(set, []string{"subCategory"}); err != nil {
		t.Error(err)
	}
	if err := checkLevels(set, []string{"subCategory", "subcategory"}); err == nil || !strings.Contains(err.Error(), `"subcategory", which none of 2 has`) {
		t.Errorf("found %v", err)
	}
}

// What no model has a part in is the same in every run, and has the interval of one; what models differ in has one over seeds.
func TestDiffering(t *testing.T) {
	said := func(hits int) Said { return Said{N: 3500, Most: stats.NewProportion(hits, 3500)} }
	var runs []ran
	for seed := range 3 {
		runs = append(runs, ran{Seed: int64(seed), Report: Report{Right: said(3066), Random: said(100 + seed)}})
	}
	right, random := func(r Report) Said { return r.Right }, func(r Report) Said { return r.Random }
	if m := shareOf(differing(runs, right), func(r Report) stats.Proportion { return r.Right.Most }); m != stats.Mean(said(3066).Most) {
		t.Errorf("expected the interval over 3,500 captions, %+v, found %+v", said(3066).Most, m)
	}
	if n := len(differing(runs, random)); n != 3 {
		t.Errorf("expected 3 runs, which differ, found %d", n)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"confident=0": "at least 1 mistake", "examples=0": "examples: expected at least 1", "levels=[]": "at least one attribute", `levels=[""]`: "at least one attribute",
		"products.dev=0": "products.dev", "pairs.temperature=7": "pairs.temperature"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, append(small, "products.least_class=8")...) // few classes, for the sake of time
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
