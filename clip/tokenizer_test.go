package clip

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTrainTokenizer(t *testing.T) {
	texts := []string{"a red shirt", "a red shoe", "red shirts and red shoes", "Nike Men's Red Shirt"}
	tok, err := TrainTokenizer(texts, 100)
	if err != nil {
		t.Fatal(err)
	}
	ids, truncated, err := tok.Encode("A RED shirt", 77, false)
	if err != nil || truncated || len(ids) != 5 {
		t.Fatalf("a text of three frequent words has ids %v (%v, %v), want three and start and end", ids, truncated, err)
	}
	if ids[0] != tok.StartToken() || ids[4] != tok.EndToken() || slices.Max(ids) != tok.EndToken() {
		t.Errorf("ids %v: expected start %d first and end %d last and largest", ids, tok.StartToken(), tok.EndToken())
	}
	again, err := TrainTokenizer(texts, 100)
	if err != nil || !slices.Equal(again.merges, tok.merges) {
		t.Errorf("the same texts gave another vocabulary")
	}
}

func TestTokenizerRoundTrip(t *testing.T) {
	tok, err := TrainTokenizer([]string{"the cat", "the dog"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := tok.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := LoadTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"the cat and the dog", "été à Zürich", "猫 and 🐈", "it's 1999!", ""} {
		a, _, _ := tok.Encode(text, 100, false)
		b, _, _ := back.Encode(text, 100, false)
		if !slices.Equal(a, b) {
			t.Errorf("%q: %v before saving, %v after", text, a, b)
		}
		bare := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
		if got := tok.Decode(a); bare(got) != bare(text) {
			t.Errorf("%q decodes to %q", text, got)
		}
	}
}

func TestTokenizerTruncates(t *testing.T) {
	tok, err := NewTokenizer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tok.Encode("too long a text", 8, false); err == nil || !strings.Contains(err.Error(), `"too long a text"`) {
		t.Errorf("got %v, want an error that names the text", err)
	}
	ids, truncated, err := tok.Encode("too long a text", 8, true)
	if err != nil || !truncated || len(ids) != 8 || ids[7] != tok.EndToken() {
		t.Errorf("got %v, %v, %v; want 8 ids ending in %d", ids, truncated, err, tok.EndToken())
	}
}

func TestLoadTokenizerRefusesDamage(t *testing.T) {
	for name, content := range map[string]string{
		"not JSON": "x", "another kind": `{"kind":"words","merges":[]}`, "impossible merge": `{"kind":"clip-bpe","merges":[["ab","c"]]}`,
	} {
		path := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadTokenizer(path); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
