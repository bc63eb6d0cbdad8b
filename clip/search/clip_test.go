package search

import (
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// A model is itself however it was loaded and whatever it did since, and no other, be it of the same configuration and temperature.
func TestIdentity(t *testing.T) {
	b := backendtest.Go(t)
	identity := func(m *clip.Model, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		found, err := Identity(m)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	var seen []string
	for seed := range int64(2) {
		tokenizer, err := clip.TrainTokenizer([]string{"a red circle"}, 20)
		if err != nil {
			t.Fatal(err)
		}
		m, err := clip.New(clip.Tiny(tokenizer.VocabSize()), tokenizer, seed)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := m.Save(dir); err != nil {
			t.Fatal(err)
		}
		want := identity(clip.Load(dir))
		frozen, err := clip.LoadFrozen(dir)
		if got := identity(frozen, err); got != want {
			t.Errorf("frozen: %s, loaded whole: %s", got, want)
		}
		if _, err := frozen.EncodeTexts(b, []string{"red"}); err != nil {
			t.Fatal(err)
		}
		if got := identity(frozen, nil); got != want {
			t.Errorf("frozen, with its texts' weights read: %s, loaded whole: %s", got, want)
		}
		frozen.Close()
		seen = append(seen, want)
	}
	if seen[0] == seen[1] {
		t.Error("models of two seeds have one identity")
	}
}
