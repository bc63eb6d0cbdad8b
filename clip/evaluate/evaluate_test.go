package evaluate

import (
	"context"
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
	b, err := backend.OpenNamed("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
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
