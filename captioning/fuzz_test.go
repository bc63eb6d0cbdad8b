package captioning

import (
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// Whatever the file holds: an error, or a vocabulary that is written and read again the same. A word costs its place in a list and in
// a table beside its letters.
func FuzzParseVocabulary(f *testing.F) {
	f.Add([]byte(`{"words":["<pad>","<start>","<end>","<unk>","a","dog"]}`))
	f.Add([]byte(`{"words":["<pad>","<start>","<end>","<unk>","a","a"]}`))
	f.Add([]byte(`{"words":[[[[`))
	path := filepath.Join(f.TempDir(), "vocabulary.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		var v *Vocabulary
		var err error
		testdata.Bounded(t, len(data), 32, 0, func() { v, err = parseVocabulary(data) })
		if err != nil {
			return
		}
		if err := v.Save(path); err != nil {
			t.Fatal(err)
		}
		if back, err := LoadVocabulary(path); err != nil || back.Len() != v.Len() {
			t.Errorf("%q is not read back (%v)", v.words, err)
		}
	})
}
