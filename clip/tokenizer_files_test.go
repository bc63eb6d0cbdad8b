package clip

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/bpe"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// Every form in which the published vocabulary lies is the same tokenizer.
func TestPublishedForms(t *testing.T) {
	want := published(t)
	if want.VocabSize() != 49408 || want.StartToken() != 49406 || want.EndToken() != 49407 || want.Hash() != PublishedTokenizerHash {
		t.Fatalf("vocabulary of %d, start %d, end %d, hash %s", want.VocabSize(), want.StartToken(), want.EndToken(), want.Hash())
	}
	dir := filepath.Dir(publishedPath)
	saved := filepath.Join(t.TempDir(), "tokenizer.json")
	if err := want.Save(saved); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "merges.txt"), filepath.Join(dir, "vocab.json"), dir, saved, filepath.Dir(saved)} {
		tok, err := LoadTokenizer(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if tok.Hash() != want.Hash() || tok.VocabSize() != want.VocabSize() {
			t.Errorf("%s: another vocabulary of %d", path, tok.VocabSize())
		}
	}
}

func TestPublishedTokenizerIsFound(t *testing.T) {
	data := t.TempDir()
	t.Setenv("GLIMPSE_DATA", data)
	folder := filepath.Join(data, VocabularyData)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(testdata.Golden(t, "clip/tokenizer/merges.txt"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(folder, "merges.txt"), raw)
	model := t.TempDir()
	for _, dir := range []string{"", model} {
		if tok, err := PublishedTokenizer(dir); err != nil || tok.Hash() != PublishedTokenizerHash {
			t.Errorf("from %q: %v", dir, err)
		}
	}
	write(filepath.Join(folder, "merges.txt"), bytes.Replace(raw, []byte("\ni n\nt h\n"), []byte("\nt h\ni n\n"), 1))
	if _, err := PublishedTokenizer(model); err == nil || !strings.Contains(err.Error(), "expected CLIP's published vocabulary") {
		t.Errorf("two merges exchanged: %v", err)
	}
	write(filepath.Join(model, "merges.txt"), raw)
	if _, err := PublishedTokenizer(model); err != nil {
		t.Errorf("the model's own: %v", err)
	}
	write(filepath.Join(model, "merges.txt"), []byte("a b</w>\n"))
	if _, err := PublishedTokenizer(model); err == nil || !strings.Contains(err.Error(), "of 49408 ids, found one of 515") {
		t.Errorf("the model's own, of another size: %v", err)
	}
}

func TestVocabularyMissing(t *testing.T) {
	t.Setenv("GLIMPSE_DATA", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	_, err := PublishedTokenizer("")
	if !errors.Is(err, errVocabularyMissing) || !strings.Contains(err.Error(), "glimpse data get clip-vocab") {
		t.Errorf("got %v, want what to do", err)
	}
}

// tiny is a vocabulary in Hugging Face's form: 514 ids for bytes, two merges, two tokens.
func tiny(t testing.TB) (vocab map[string]int32, merges string) {
	t.Helper()
	tok, err := NewTokenizer([][2]string{{"a", "b"}, {"ab", "c</w>"}})
	if err != nil {
		t.Fatal(err)
	}
	vocab = map[string]int32{startName: tok.StartToken(), endName: tok.EndToken()}
	for symbol, id := range tok.ids {
		vocab[symbol] = id
	}
	return vocab, "#version: 0.2\na b\nab c</w>\n"
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestHuggingFaceForms(t *testing.T) {
	vocab, merges := tiny(t)
	model := func(merges any) string {
		return asJSON(t, map[string]any{"version": "1.0", "model": map[string]any{"type": "BPE", "end_of_word_suffix": "</w>", "vocab": vocab, "merges": merges}})
	}
	for name, text := range map[string]string{
		"pairs as text": model([]string{"a b", "ab c</w>"}), "pairs as lists": model([][2]string{{"a", "b"}, {"ab", "c</w>"}}), "vocab.json": asJSON(t, vocab),
		"merges.txt": merges, "merges without header": "a b\r\nab c</w>",
	} {
		tok, err := parseVocabulary([]byte(text), func() ([]byte, error) { return []byte(merges), nil })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if ids, _, _ := tok.Encode("abc", 9, false); !slices.Equal(ids, []int32{514, 513, 515}) {
			t.Errorf("%s: ids %v, want start, the second merge, end", name, ids)
		}
	}
}

func TestVocabularyRefusals(t *testing.T) {
	vocab, merges := tiny(t)
	other := map[string]int32{}
	for k, v := range vocab {
		other[k] = v
	}
	other["a"], other["b"] = other["b"], other["a"]
	fewer := map[string]int32{"a": 0}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(bytes.Repeat([]byte("a b\n"), mostVocabularyBytes/4+1))
	w.Close()
	for name, tc := range map[string]struct{ text, want string }{
		"empty":            {"", "expected merges, two symbols a line, found none"},
		"words":            {"#version\na b\nx y z\n", `line 3: expected two symbols with a space between them, found "x y z"`},
		"a merge twice":    {"a b\na b\n", "is merge 0 again"},
		"of GPT-2":         {"Ġ t\nĠ a\n", "expected merges of which some end a word with </w>"},
		"parts missing":    {"ab c\n", "joins a symbol that no earlier merge made"},
		"other ids":        {asJSON(t, other), "expected symbols numbered as CLIP does"},
		"too few ids":      {asJSON(t, fewer), "expected 516 ids for 2 merges"},
		"another encoding": {`{"model":{"type":"WordPiece","vocab":{}}}`, "expected CLIP's byte-pair encoding"},
		"another suffix":   {`{"model":{"type":"BPE","vocab":{},"merges":[]}}`, "suffix"},
		"three in a merge": {`{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{},"merges":["a b c"]}}`, "a merge of two symbols"},
		"vocab missing":    {`{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{},"merges":["a b"]}}`, "expected 515 ids"},
		"half of JSON":     {`{"kind":"clip-bpe","merges":[["a"`, "as JSON"},
		"another kind":     {`{"kind":"words"}`, `found the kind "words"`},
		"cut gzip":         {packed.String()[:packed.Len()/2], "cut off or damaged"},
		"gzip bomb":        {packed.String(), "expected a vocabulary of at most"},
	} {
		path := filepath.Join(t.TempDir(), "v")
		if err := os.WriteFile(path, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "merges.txt"), []byte(merges), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadTokenizer(path); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		}
	}
	if _, err := LoadTokenizer(t.TempDir()); err == nil || !strings.Contains(err.Error(), "bpe_simple_vocab_16e6.txt.gz, vocab.json") {
		t.Errorf("an empty folder: %v", err)
	}
}

// Of the published file of 262,144 merges CLIP uses the first ones. No other list is cut until it fits: GPT-2's has 50,000.
func TestOnlyThePublishedFileIsCut(t *testing.T) {
	list := func(n int) []byte { // merges of every two bytes in the middle of a word, the first ones at its end as well
		var text bytes.Buffer
		for i := range n {
			left, right := bpe.Symbol[i/256%256], bpe.Symbol[i%256]
			fmt.Fprintf(&text, "%s %s%s\n", left, right, []string{endOfWord, ""}[min(i/65536, 1)])
		}
		return text.Bytes()
	}
	for n, want := range map[int]string{publishedMerges: "", publishedMerges + 1: "found 48895", 50_000: "at most 48894 lines (or OpenAI's file of 262144), found 50000"} {
		tok, err := parseVocabulary(list(n), nil)
		if want == "" && (err != nil || tok.VocabSize() != 514+n) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d merges: error %v, want %q", n, err, want)
		}
	}
	if tok, err := parseVocabulary(list(publishedLines), nil); err != nil || tok.VocabSize() != 514+publishedMerges {
		t.Errorf("as many merges as the published file has: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	vocab, merges := tiny(f)
	f.Add([]byte(merges), []byte(nil))
	f.Add([]byte(asJSON(f, vocab)), []byte(merges))
	f.Add([]byte(`{"kind":"clip-bpe","merges":[["a","b"],["a","b"]]}`), []byte(nil))
	f.Add([]byte(`{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"a":-1},"merges":["a b",["b"],3]}}`), []byte(nil))
	f.Add([]byte("a a\naa aa\naaaa aaaa\n"), []byte("x"))
	f.Fuzz(func(t *testing.T, data, beside []byte) {
		tok, err := parseVocabulary(data, func() ([]byte, error) { return beside, nil })
		if err != nil {
			return
		}
		ids, _, err := tok.Encode("a photo of aaaabc, isn't it?", 1000, false)
		if err != nil || ids[len(ids)-1] != int32(tok.VocabSize())-1 || slices.Max(ids) >= int32(tok.VocabSize()) {
			t.Errorf("ids %v of a vocabulary of %d, %v", ids, tok.VocabSize(), err)
		}
		path := filepath.Join(t.TempDir(), "t.json")
		if err := tok.Save(path); err != nil {
			t.Fatal(err)
		}
		if back, err := LoadTokenizer(path); err != nil || back.Hash() != tok.Hash() {
			t.Errorf("what was loaded and saved does not load the same: %v", err)
		}
	})
}
