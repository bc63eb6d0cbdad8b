package segmentation

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// small are settings with which the quick form takes seconds in pure Go.
var small = []string{"clip.train.steps=3", "clip.batch_size=4", "train.steps=3", "pictures=2", "phrases=2", "tests=7", "dev=3", "decoder.width=8",
	"decoder.heads=2", "clip.model.vision.height=32", "clip.model.vision.width=32"}

// The wordings say what their phrase says, and no two phrases share one.
func TestPhrases(t *testing.T) {
	for _, c := range []struct {
		phrase phrase
		kind   string
		want   []string
	}{
		{phrase{colour: scenes.Red}, byColour, []string{"something red", "a red shape", "the red shapes", "a picture of a red shape"}},
		{phrase{shape: scenes.Cross}, byShape, []string{"the crosses", "a cross", "the cross", "a picture of a cross"}},
		{phrase{size: scenes.Large}, bySize, []string{"something large", "a large shape", "the large shapes", "a picture of a large shape"}},
		{phrase{colour: scenes.Orange, shape: scenes.Star}, byPair, []string{"the orange star", "an orange star", "the orange stars", "a picture of an orange star"}},
		{phrase{scenes.Small, scenes.Orange, scenes.Star}, byAll, []string{"the small orange star", "a small orange star", "the small orange stars",
			"a picture of a small orange star"}},
	} {
		if found := c.phrase.wordings(); !slices.Equal(found, c.want) || c.phrase.kind() != c.kind {
			t.Errorf("%s: found %q", c.phrase.kind(), found)
		}
	}
	seen := map[string]phrase{}
	for _, p := range every() {
		for _, w := range p.wordings() {
			if other, twice := seen[w]; twice && other != p {
				t.Errorf("%q is said of %+v and of %+v", w, p, other)
			}
			seen[w] = p
		}
	}
	if n := 8 + 6 + 2 + 48 + 96; len(every()) != n {
		t.Errorf("expected %d phrases, found %d", n, len(every()))
	}
}

// The truth is the masks of the objects that fit; a phrase that is absent fits none, and none of training names a pair that is held out.
func TestTruth(t *testing.T) {
	cfg := defaults(experiments.Full, backend.ONNX)
	set, err := cfg.CLIP.Scenes(scenes.Train, 1, 300)
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]int{}
	for i := range set.Len() {
		scene, rng := set.Scene(i), rand.New(rand.NewPCG(1, uint64(i)))
		for _, kind := range kinds() {
			p := of(scene.Objects[0], kind)
			truth := p.truth(scene)
			for at, v := range truth.Pix {
				want := uint8(0)
				for k, o := range scene.Objects {
					if p.fits(o) && scene.Mask(k).Pix[at] == 255 {
						want = 255
					}
				}
				if v != want {
					t.Fatalf("scene %d, %s: pixel %d is %d", i, p, at, v)
				}
			}
			if !slices.Contains(truth.Pix, 255) || p.in(scene) == 0 || p.heldOut() {
				t.Errorf("scene %d, %s: found nothing", i, p)
			}
			other, ok := absent(scene, kind, rng)
			if ok && (other.in(scene) > 0 || other.heldOut() || other.kind() != kind) {
				t.Errorf("scene %d: %s is not absent", i, other)
			}
			if !ok {
				missing[kind]++
			}
		}
	}
	for kind, n := range missing {
		if n > 30 && kind != bySize { // both sizes are there in many scenes
			t.Errorf("%s: found nothing absent in %d of %d scenes", kind, n, set.Len())
		}
	}
}

func TestIoU(t *testing.T) {
	found, truth := []float32{0.9, 0.6, 0.4, 0.1}, []float32{1, 0, 1, 0}
	for threshold, want := range map[float64]float64{0.5: 1.0 / 3, 0.3: 2.0 / 3, 0.05: 0.5, 0.95: 0} {
		if got := iou(found, truth, threshold); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %g: expected %g, found %g", threshold, want, got)
		}
	}
	if got := iou(found, make([]float32, 4), 0.5); got != 0.5 {
		t.Errorf("of nothing: expected half of the pixels marked, found %g", got)
	}
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	for _, w := range ways() {
		for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
			if m := r.find(w.name, byPair, split); m.N != 7 || m.Low > m.Value || m.High < m.Value {
				t.Errorf("%s, %s: found %+v", w.name, split, m)
			}
		}
		if r.absent(w.name).Marked.N == 0 {
			t.Errorf("%s: found nothing absent", w.name)
		}
	}
	if r.find(withText, novel, scenes.Test).N != 0 || r.find(withText, novel, scenes.Unseen).N != 7 {
		t.Errorf("found %+v", r.Results)
	}
	if r.absent(asWhole).Pixels.Value != 1 || len(r.Shown) != 2*shownScenes {
		t.Errorf("found %+v and %d scenes shown", r.Absent, len(r.Shown))
	}
	if run.Found["text_all_test_n"] != 7 || run.Found["whole_picture_absent_pixels"] != 1 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "bar 0.60, missed") || len(told.Sections) != 4 {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
	m, err := segmenting.Load(run.Dir) // the run's folder is a model that segments
	if err != nil {
		t.Fatal(err)
	}
	if m.Config.Threshold != r.Thresholds[withText] {
		t.Errorf("found the threshold %g, chosen was %g", m.Config.Threshold, r.Thresholds[withText])
	}
	b := backendtest.Go(t)
	conditions, err := m.Texts(b, []string{"the red circle"})
	if err != nil {
		t.Fatal(err)
	}
	set, err := run.Config.CLIP.Scenes(scenes.Test, testSeed, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Mask(b, set.Scene(0).Image(), conditions[0]); err != nil {
		t.Error(err)
	}
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"pictures=0": "at least 1 of each", "tests=3": "at least 6", "absent=1": "a share from 0",
		"examples=5": "at least 300", "decoder.width=30": "decoder.width: expected a multiple of heads", "decoder.dice=-1": "decoder.dice",
		"decoder.layers=[]": "decoder.layers", "clip.batch_size=1": "at least 2"})
}
