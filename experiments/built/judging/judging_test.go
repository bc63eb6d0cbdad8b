package judging

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// small are settings with which everything is done once and nothing is learned.
var small = []string{
	"clip.train.steps=3", "clip.batch_size=4", "clip.model.vision.height=32", "clip.model.vision.width=32",
	`clip.model.vision.stages=[{"channels":8,"blocks":1},{"channels":8,"blocks":1},{"channels":8,"blocks":1}]`, "clip.model.text.width=16", "clip.model.text.layers=1", "captioner.cnn.size=32", "captioner.cnn.channels=[8,8]", "captioner.train.steps=3", "captioner.dev=2",
	"captions.scenes=6", "captions.draws=4", "samples=4", "search.scenes=4", "search.words=2", "search.list=5",
	"generator.pictures=40", "generator.batch_size=8", "generator.clip_batch=8", "generator.train.steps=3", "generator.clip_train.steps=3", "generator.scales=[0,5]",
	"generator.model.noise.channels=[8,16]", "generator.model.clip.image.channels=[8,16]", "generator.model.clip.text.width=16", "generator.model.clip.text.layers=1", "generator.model.sampling.steps=2",
	"generator.judge.channels=[8,8]", "generator.judge.pictures=48", "generator.judge.tested=20", "generator.judge.batch_size=8", "generator.judge.train.steps=3",
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if len(r.Captions.Picks) != 1+2*len(rankers()) || len(r.Captions.First) != Shown || len(r.Captions.First[0].Draws) != 4 || r.Captions.pick(Oracle, 4).True.N != 6 {
		t.Errorf("found the captions %+v", r.Captions)
	}
	if len(r.Pictures) != 2 || r.Pictures[0].pick(ByCLIP, 1).Seen.N != 160 || r.Pictures[1].pick(Oracle, 4).Unseen.N != 8 || len(r.Pictures[0].First) != 2 {
		t.Errorf("found the pictures %+v", r.Pictures)
	}
	if len(r.Pairs) != len(WrongKinds()) || r.Pairs[0].AUC.N < 150 || len(r.Concepts) != len(Kinds()) || len(r.Concepts[2].Concepts) != 40 || len(r.Concepts[3].Concepts) != 8 {
		t.Errorf("found the filters %+v, %+v", r.Pairs, r.Concepts)
	}
	if r.Search.Own.N != 4 || len(r.Search.First) != Shown || run.Found["captions_clip_4_n"] != 6 || run.Found["pairs_never_seen_auc_n"] != 200 {
		t.Errorf("found the search %+v and the metrics %v", r.Search, run.Found)
	}
	runs := run.Seeds(3)
	told, err := tell(runs)
	if err != nil || len(told.Sections) != 5 || !strings.Contains(told.Answer, "missed") {
		t.Fatalf("three runs: %+v, %v", told, err)
	}
	for i := range runs { // as if ranking had helped
		runs[i].Report.Captions.Picks = slices.Clone(r.Captions.Picks)
		for k, p := range runs[i].Report.Captions.Picks {
			if p.Ranker == ByCLIP && p.N == 4 {
				runs[i].Report.Captions.Picks[k].True = stats.NewProportion(5, 6)
			}
		}
	}
	if told, err = tell(runs); err != nil || !strings.Contains(told.Answer, "the best of 4 by CLIP in 83.3%") || !strings.Contains(told.Answer, "10 points more: reached") {
		t.Errorf("three runs in which ranking helps: %q, %v", told.Answer, err)
	}
}

// Every ranker takes what it says it takes, and among more draws nothing that it likes less.
func TestRankers(t *testing.T) {
	draws := []candidate{{"a", -3, 0.1, scenes.WrongColour}, {"b", -1, 0.2, scenes.WrongShape}, {"c", -2, 0.3, scenes.NoMistake}, {"d", -9, 0.9, scenes.WrongPlace}}
	for _, c := range []struct {
		r      Ranker
		weight float64
		want   int
	}{{ByDraw, 0, 0}, {ByModel, 0, 1}, {ByCLIP, 0, 3}, {ByBoth, 0, 1}, {ByBoth, 11, 2}, {ByBoth, 100, 3}, {Oracle, 0, 2}} {
		if got := best(draws, c.r, c.weight); got != c.want {
			t.Errorf("%s, weight %g: expected %d, found %d", c.r, c.weight, c.want, got)
		}
	}
	all := [][]candidate{draws, draws[:2]}
	p := pick(all, ByModel, 2, 0)
	if p.True.Value != 0 || p.Mistakes[scenes.WrongShape] != 2 || p.Words != 1 {
		t.Errorf("found %+v", p)
	}
}

// What is made wrong is false, in the grammar, and differs as its kind says.
func TestWrongPairs(t *testing.T) {
	cfg := defaults(experiments.Full, backend.ONNX)
	set, err := cfg.CLIP.Scenes(scenes.Test, 3, 300)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range WrongKinds() {
		all := kind.pairs(some(set, 300))
		if len(all) < 120 { // half of the scenes have one object, and no places
			t.Errorf("%s: expected a pair for most of the scenes that can have one, found %d", kind, len(all))
		}
		for _, p := range all {
			scene := set.Scene(p.scene)
			for text, want := range map[string]bool{p.right: true, p.fake: false} {
				if holds, err := scene.True(text); err != nil || holds != want {
					t.Fatalf("%s: %q: expected %t, found %t, %v", kind, text, want, holds, err)
				}
			}
			a, b := strings.Fields(p.right), strings.Fields(p.fake)
			if kind == WrongScene {
				continue
			}
			changed := 0
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] && a[i] != "a" && a[i] != "an" {
					changed++
				}
			}
			if len(a) != len(b) || changed != 1 || strings.Contains(p.fake, "a orange") || strings.Contains(" "+p.fake, " an r") {
				t.Errorf("%s: %q became %q", kind, p.right, p.fake)
			}
			if kind == WrongPlace && scene.Mistake(p.fake) != scenes.WrongPlace {
				t.Errorf("%q became %q, whose mistake is %q", p.right, p.fake, scene.Mistake(p.fake))
			}
		}
	}
}

// The scenes that show a concept are those of which its prompt is true.
func TestConcepts(t *testing.T) {
	cfg := defaults(experiments.Full, backend.ONNX)
	for _, kind := range Kinds() {
		set, err := cfg.CLIP.Scenes(kind.split(), 4, 60)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range kind.concepts() {
			if len(x.wordings) != len(kind.Wordings()) {
				t.Fatalf("%s: expected %d wordings, found %q", kind, len(kind.Wordings()), x.wordings)
			}
			for _, text := range slices.Concat(x.wordings...) {
				if _, err := set.Scene(0).True(text); err != nil {
					t.Error(err)
				}
			}
			for _, scene := range some(set, 60) {
				holds, err := scene.True(x.text)
				if shows := slices.ContainsFunc(scene.Objects, x.shows); err != nil || shows != holds {
					t.Fatalf("%q: expected %t, found %t, %v", x.text, holds, shows, err)
				}
			}
		}
	}
}

// The mean curve rises from what is found with no false positives to everything, and is the curve itself where there is one.
func TestMeanCurve(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	scores, shows := make([]float64, 200), make([]bool, 200)
	for i := range scores {
		scores[i], shows[i] = rng.Float64(), i%3 == 0
	}
	r := stats.Rank(scores, shows)
	for _, k := range meanCurve([][]stats.Kept{r.Curve(), r.Curve()}) {
		if want := r.Allowing(k.Wrong).Right; math.Abs(k.Right-want) > 1e-12 {
			t.Errorf("at %g: expected %g, found %g", k.Wrong, want, k.Right)
		}
	}
	if found := firstFound(scores, shows); len(found) != judge.Shown || found[0].Score != slices.Max(scores) || found[0].Shows != shows[found[0].Scene] {
		t.Errorf("found %+v", found)
	}
	if few := thinned(r.Curve()); len(few) < 50 || few[len(few)-1].Right != 1 {
		t.Errorf("expected the end of the curve, found %+v", few)
	}
}

// A judge that counts the words it likes is climbed to nothing but those.
func TestClimb(t *testing.T) {
	liked := []string{"red", "ring"}
	likes := func(texts []string) (string, float64, error) {
		at, most := 0, -1.0
		for i, text := range texts {
			n := 0.0
			for k, w := range strings.Fields(text) {
				if k < 3 && w == liked[k%2] {
					n++
				}
			}
			if n > most {
				at, most = i, n
			}
		}
		return texts[at], most, nil
	}
	text, score, err := SearchConfig{Words: 9, Passes: 2}.climb(likes)
	if err != nil || text != "red ring red" || score != 3 {
		t.Errorf("found %q, %g, %v", text, score, err)
	}
	broken := errors.New("broken")
	if _, _, err := (SearchConfig{Words: 1}).climb(func([]string) (string, float64, error) { return "", 0, broken }); !errors.Is(err, broken) {
		t.Errorf("expected the judge's error, found %v", err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"captions.draws=1": "2 draws", "captions.weights=[]": "a weight", "samples=1": "samples: expected at least 2", "tests=100": "tests: expected at least 200", "search.words=0": "search",
		"filter.keep=1": "filter: expected shares", "clip.max_objects=9": "clip.max_objects", "generator.scales=[1,2]": "expected 0 and rising"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, append(small, "samples=2", "captions.draws=2", "search.words=1", "search.passes=0")...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}

// No caption of the scenes that CLIP is trained on is longer than its context, and neither are the texts that are searched.
func TestCaptionsFit(t *testing.T) {
	cfg := defaults(experiments.Full, backend.ONNX)
	set, err := cfg.CLIP.Scenes(scenes.Train, 1, 1500)
	if err != nil {
		t.Fatal(err)
	}
	var corpus []string
	for i := range set.Len() {
		corpus = append(corpus, set.Scene(i).Captions()...)
	}
	tokenizer, err := clip.TrainTokenizer(corpus[:5000], 200)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokenizer.EncodeWhole(append(corpus, strings.Repeat("triangles ", cfg.Search.Words)), cfg.CLIP.Model.Text.ContextLength); err != nil {
		t.Error(err)
	}
}
