package captioner

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// captioned is a data set of grey pictures with the given captions; the picture of lost cannot be read.
type captioned struct {
	ids      []string
	captions [][]string
}

func (c captioned) Name() string        { return "small/train" }
func (c captioned) Len() int            { return len(c.ids) }
func (c captioned) Fingerprint() string { return "none" }
func (c captioned) At(i int) datasets.Example {
	return datasets.Example{ID: c.ids[i], Captions: c.captions[i], Open: func() (image.Image, error) {
		if c.ids[i] == "lost" {
			return nil, errors.New("lost is lost")
		}
		return image.NewGray(image.Rect(0, 0, 16, 16)), nil
	}}
}

// knowing has fresh weights, a small network, and the words "a dog runs".
func knowing(t *testing.T) *Model {
	t.Helper()
	b := backendtest.Open(t, "go")
	encoder, err := OpenEncoder(b.Backend, "cnn", 16, 0)
	if err != nil {
		t.Fatal(err)
	}
	cfg := captioning.Tiny(0)
	cfg.MaxLen = 4
	c, err := New(b, cfg, captioning.NewVocabulary([][]string{{"a", "dog", "runs", "café"}}, 1), encoder, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Captions that the decoder cannot read as they are, are counted and named; nothing else is touched.
func TestPrepareNamesCaptions(t *testing.T) {
	c := knowing(t)
	set := captioned{
		ids: []string{"whole", "mixed", "mute", "foreign", "none", "lost"},
		captions: [][]string{
			{"A dog runs.", "A café!"},
			{"a dog runs a", "", " -- 🐕 ", "ein Hund läuft", "a caf\xe9", "a horse", "A caf\ufffd"},
			{"...", "\u200b"},
			{"зебра", "狗在跑"},
			nil,
			{"a dog"},
		},
	}
	s, problems, err := c.Prepare(t.Context(), quiet(c), set)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"small/train: 2 captions of 1 pictures were left out, because they hold bytes that are no UTF-8 text: mixed",
		"small/train: 4 captions of 2 pictures were left out, because they hold no word: mixed, mute",
		"small/train: 3 captions of 2 pictures were not learned from or foretold, because they hold none of the vocabulary's words: mixed, foreign",
		"small/train: 1 captions of 1 pictures were read up to their word 4 alone, because they are longer (model.max_len counts their end too): mixed",
		"mute has no caption that is of use and was left out",
		"foreign has no caption that is of use and was left out",
		"none has no caption and was left out",
		"lost is lost",
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(s.Indices, []int{0, 1}) || s.Examples[1].ID != "mixed" {
		t.Fatalf("the pictures %v are left", s.Indices)
	}
	if diff := cmp.Diff([]string{"a dog runs a", "ein Hund läuft", "a horse"}, s.Examples[1].Captions); diff != "" {
		t.Errorf("to score against: %s", diff)
	}
	a, dog, runs, cafe := c.Vocabulary.ID("a"), c.Vocabulary.ID("dog"), c.Vocabulary.ID("runs"), c.Vocabulary.ID("café")
	texts := [][][]int32{
		{{captioning.Start, a, dog, runs, captioning.End}, {captioning.Start, a, cafe, captioning.End}},
		{{captioning.Start, a, dog, runs, a}, {captioning.Start, a, captioning.Unknown, captioning.End}},
	}
	if diff := cmp.Diff(texts, s.Texts); diff != "" {
		t.Errorf("to learn from: %s", diff)
	}

	for name, set := range map[string]captioned{
		"holds none of the vocabulary's words": {[]string{"x"}, [][]string{{"зебра"}}},
		"x has no caption":                     {[]string{"x"}, [][]string{nil}},
		"lost is lost":                         {[]string{"lost"}, [][]string{{"a dog"}}},
		"expected pictures in small/train":     {},
	} {
		if _, _, err := c.Prepare(t.Context(), quiet(c), set); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "they hold", "holds"), name) {
			t.Errorf("expected an error with %q, found %v", name, err)
		}
	}
}

// Of many pictures the first are named.
func TestFirstOf(t *testing.T) {
	if got := firstOf(strings.Fields("a b c d e f g")); got != "a, b, c, d, e and 2 more" {
		t.Error(got)
	}
}

// Another vocabulary of the same size is found out: captions would be other words.
func TestOpenFindsAnotherVocabulary(t *testing.T) {
	c := knowing(t)
	set := captioned{[]string{"x"}, [][]string{{"a dog runs"}}}
	s, _, err := c.Prepare(t.Context(), quiet(c), set)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.LossPerPicture(t.Context(), s, 1); err != nil { // makes the weights
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), c.backend, dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	for words, want := range map[string]string{
		"a cat runs café":     "belong to different models",
		"a dog runs café too": "expected a vocabulary of 8 words, found 9",
	} {
		if err := captioning.NewVocabulary([][]string{strings.Fields(words)}, 1).Save(filepath.Join(dir, vocabularyFile)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), c.backend, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: expected an error with %q, found %v", words, want, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, vocabularyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), c.backend, dir); err == nil || !strings.Contains(err.Error(), "cannot read the vocabulary") {
		t.Errorf("without a vocabulary: %v", err)
	}
}
