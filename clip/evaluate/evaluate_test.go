package evaluate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// withBroken is a data set some of whose pictures cannot be read.
type withBroken struct {
	datasets.Dataset
	broken []int
}

func (w withBroken) At(i int) datasets.Example {
	e := w.Dataset.At(i)
	if slices.Contains(w.broken, i) {
		e.Open = func() (image.Image, error) { return nil, fmt.Errorf("%s is broken", e.ID) }
	}
	return e
}

func pureGo(t *testing.T) *backend.Backend {
	t.Helper()
	return backendtest.Open(t, "go")
}

func singleScenes(t *testing.T, n int) *scenes.Scenes {
	t.Helper()
	cfg := scenes.Single()
	cfg.Seed, cfg.Count = 3, n
	s, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// freshCLIP is a tiny model with fresh weights: chance performance, but every number is there.
func freshCLIP(t *testing.T, set datasets.Dataset) *clip.Model {
	t.Helper()
	var texts []string
	for i := range set.Len() {
		texts = append(texts, set.At(i).Captions...)
	}
	tokenizer, err := clip.TrainTokenizer(texts, 100)
	if err != nil {
		t.Fatal(err)
	}
	m, err := clip.New(clip.Tiny(tokenizer.VocabSize()), tokenizer, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// In chunks the same comes out as from the model at once, with broken pictures at the edges of the chunks too.
func TestEmbed(t *testing.T) {
	b := pureGo(t)
	broken := []int{0, 7, embedChunk - 1, embedChunk, embedChunk + 39}
	set := withBroken{singleScenes(t, embedChunk+40), broken}
	m := freshCLIP(t, set)
	var told []int
	got, err := Embed(t.Context(), b.Backend, m, set, func(n int) { told = append(told, n) })
	if err != nil {
		t.Fatal(err)
	}
	var ids, gotIDs, captions []string
	var owner []int
	var pixels [][]float32
	for i := range set.Len() {
		if slices.Contains(broken, i) {
			continue
		}
		e := set.At(i)
		img, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := m.Preprocess(img)
		if err != nil {
			t.Fatal(err)
		}
		pixels = append(pixels, prepared)
		for _, caption := range e.Captions {
			captions, owner = append(captions, caption), append(owner, len(ids))
		}
		ids = append(ids, e.ID)
	}
	for _, e := range got.Examples {
		gotIDs = append(gotIDs, e.ID)
	}
	if diff := cmp.Diff([]any{ids, captions, owner}, []any{gotIDs, got.Captions, got.Owner}); diff != "" {
		t.Error(diff)
	}
	if len(got.Problems) != len(broken) || !strings.Contains(got.Problems[0], "is broken") {
		t.Errorf("expected %d problems, found %q", len(broken), got.Problems)
	}
	images, err := m.EncodeImages(b.Backend, pixels)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := m.EncodeTexts(b.Backend, captions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range images {
		if d := distance(images[i], got.Images[i]); d > 1e-5 {
			t.Fatalf("picture %d is %v away from what the model makes of it", i, d)
		}
	}
	for i := range texts {
		if d := distance(texts[i], got.Texts[i]); d > 1e-5 {
			t.Fatalf("text %d is %v away from what the model makes of it", i, d)
		}
	}
	if !slices.Equal(told, []int{embedChunk, embedChunk + 40}) {
		t.Errorf("progress was %v", told)
	}
}

func distance(a, b []float32) float64 {
	d := 0.0
	for i := range a {
		d = max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

func TestEmbedErrors(t *testing.T) {
	b := pureGo(t)
	set := withBroken{singleScenes(t, 2), []int{0, 1}}
	m := freshCLIP(t, set)
	if _, err := Embed(t.Context(), b.Backend, m, set, nil); err == nil || !strings.Contains(err.Error(), "none of the 2 pictures of scenes/train could be read: ") {
		t.Errorf("got %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Embed(stopped, b.Backend, m, set.Dataset, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The figures agree with each other.
func TestClassify(t *testing.T) {
	b := pureGo(t)
	set := singleScenes(t, 200)
	m := freshCLIP(t, set)
	e, err := Embed(t.Context(), b.Backend, m, set, nil)
	if err != nil {
		t.Fatal(err)
	}
	class := ByAttribute("shape")
	got, err := e.Classify(b.Backend, m, class, Names, []string{"a {}"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	mean, hits, most := 0.0, 0.0, 0
	for _, c := range got.PerClass {
		mean += c.Value / float64(len(got.Classes))
		hits += c.Value * float64(c.N)
		most = max(most, c.N)
	}
	if math.Abs(got.MeanPerClass.Value-mean) > 1e-12 || got.MeanPerClass.N != got.Top1.N || got.LeftOut+got.Top1.N != 200 {
		t.Errorf("got %+v, expected the mean %v", got, mean)
	}
	if n := float64(got.Top1.N); math.Abs(got.Top1.Value-hits/n) > 1e-12 || got.Majority != float64(most)/n || got.Chance != 1/float64(len(got.Classes)) {
		t.Errorf("got %+v, expected %v hits and a majority of %d", got, hits, most)
	}
	if n := len(got.Classes); n < 5 || got.Top5.Value < got.Top1.Value || n == 5 && got.Top5.Value != 1 {
		t.Errorf("%d classes: got top1 %v and top5 %v", n, got.Top1, got.Top5)
	}
	if _, err := e.Classify(b.Backend, m, class, Names, nil, 1000); err == nil {
		t.Error("no class has 1000 pictures, expected an error")
	}
}

// Two classes of 100 and 25 pictures, half of each right: the mean is 0.5 and its standard error
// sqrt(0.25/100 + 0.25/25)/2 = 0.0559, so the interval is about 0.39 to 0.61.
func TestMeanPerClass(t *testing.T) {
	m := meanPerClass([]stats.Proportion{stats.NewProportion(50, 100), {Value: 0.5, N: 25}})
	if m.Value != 0.5 || m.N != 125 || math.Abs(m.Low-0.39) > 0.015 || math.Abs(m.High-0.61) > 0.015 {
		t.Errorf("got %+v", m)
	}
	if m := meanPerClass([]stats.Proportion{stats.NewProportion(9, 9), stats.NewProportion(0, 3)}); m.Value != 0.5 || m.Low != 0.5 || m.High != 0.5 {
		t.Errorf("all right and all wrong: got %+v", m)
	}
}

func TestNames(t *testing.T) {
	for class, want := range map[string][]string{
		"Tshirts": {"Tshirts", "Tshirt", "T-shirt"}, "Watches": {"Watches", "Watch"}, "Dresses": {"Dresses", "Dress"},
		"Casual Shoes": {"Casual Shoes", "Casual Shoe"}, "Dress": {"Dress"}, "cat": {"cat"},
	} {
		if got := Names(class); !slices.Equal(got, want) {
			t.Errorf("Names(%q) = %q, want %q", class, got, want)
		}
	}
}

// Cosines of 1 and 0 and a scale of ln 3 make probabilities of 3/4 and 1/4: of four pictures three are right.
func TestZeroShotCalibration(t *testing.T) {
	z, err := zeroShot([]string{"cat", "dog"}, [][]float32{{1, 0}, {1, 0}, {0, 1}, {1, 0}}, []int{0, 0, 1, 1}, math.Log(3), 2)
	if err != nil {
		t.Fatal(err)
	}
	if z.Top1.Value != 0.75 || z.Majority != 0.5 || z.LeftOut != 2 || !cmp.Equal(z.Confusion, [][]int{{2, 0}, {1, 1}}) {
		t.Errorf("got %+v", z)
	}
	near := func(what string, got stats.Mean, want float64) {
		t.Helper()
		if math.Abs(got.Value-want) > 1e-6 || got.N != 4 || got.Low > got.High {
			t.Errorf("%s: got %+v, expected %v", what, got, want)
		}
	}
	c := z.Calibration
	near("ece", c.ECE, 0)
	near("mce", c.MCE, 0)
	near("brier", c.Brier, (3*2*0.0625+2*0.5625)/4)
	near("nll", c.NLL, -(3*math.Log(0.75)+math.Log(0.25))/4)
	if len(c.Bins) != 10 || c.Bins[7].Count != 4 {
		t.Errorf("got the bins %+v", c.Bins)
	}
	nan := float32(math.NaN())
	if _, err := zeroShot([]string{"cat", "dog"}, [][]float32{{nan, 0}}, []int{0}, 1, 0); err == nil {
		t.Error("a model that computes NaN: expected an error")
	}
}

// Two pictures with two texts each. Picture 0 finds its text first, picture 1 second; texts find their pictures but for
// text 3, which finds it second.
func TestRetrieveRanks(t *testing.T) {
	e := &Embedded{Images: [][]float32{{1, 0}, {0, 1}}, Texts: [][]float32{{1, 0}, {0.9, 0.95}, {0, 0.9}, {0.5, 0.4}}, Owner: []int{0, 0, 1, 1}}
	r := e.Retrieve()
	if r.ImageToText[1].Value != 0.5 || r.ImageToText[5].Value != 1 || r.TextToImage[1].Value != 0.5 || r.TextToImage[5].Value != 1 {
		t.Errorf("got %+v", r)
	}
	if r.ImageToTexts.Median.Value != 1.5 || r.ImageToTexts.MRR.Value != 0.75 || r.TextToImages.MRR.Value != 0.75 || r.TextToImages.MRR.N != 4 {
		t.Errorf("got %+v", r)
	}
	// Each picture has one text that finds it and one that does not, so no draw of pictures changes the share.
	if p := r.TextToImage[1]; p.Low != 0.5 || p.High != 0.5 || p.N != 4 {
		t.Errorf("got the interval %+v", p)
	}
}

// Pictures without texts, here two of three, are never found; every figure stays a number that JSON can hold.
func TestRetrieveWithoutTexts(t *testing.T) {
	e := &Embedded{Images: [][]float32{{1, 0}, {0, 1}, {0.5, 0.5}}, Texts: [][]float32{{1, 0}, {0.9, 0.1}}, Owner: []int{0, 0}}
	r := e.Retrieve()
	if m := r.ImageToTexts.Median; m.Value != 3 || m.Low != 1 || m.High != 3 {
		t.Errorf("median rank among two texts: %+v", m)
	}
	if r.TextToImages.Median.Value != 1 || r.TextToImages.MRR.Low != 1 {
		t.Errorf("texts to pictures: %+v", r.TextToImages)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	e.Texts, e.Owner = nil, nil
	if _, err := json.Marshal(e.Retrieve()); err != nil {
		t.Error(err)
	}
}
