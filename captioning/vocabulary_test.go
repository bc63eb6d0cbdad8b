package captioning

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTokenize(t *testing.T) {
	for _, c := range []struct {
		caption string
		want    []string
	}{
		{"A child in a pink dress is climbing up a set of stairs .", strings.Fields("a child in a pink dress is climbing up a set of stairs")},
		{"The dog's ball, isn't it?", []string{"the", "dog's", "ball", "isn't", "it"}},
		{"The dog’s “ball”", []string{"the", "dog's", "ball"}},
		{"'quoted' rock 'n' roll ''", []string{"quoted", "rock", "n", "roll"}},
		{"two-way T-shirt/jeans 24x7", []string{"two", "way", "t", "shirt", "jeans", "24x7"}},
		{"Ein Mädchen läuft\tüber\ndie STRASSE", []string{"ein", "mädchen", "läuft", "über", "die", "strasse"}},
		{"cafe\u0301", []string{"cafe\u0301"}},
		{"собака бежит 犬が走る", []string{"собака", "бежит", "犬が走る"}},
		{"\xff\xfea\x80b", []string{"a", "b"}},
		{" .,; ", nil},
		{"", nil},
	} {
		if diff := cmp.Diff(c.want, Tokenize(c.caption)); diff != "" {
			t.Errorf("%q: %s", c.caption, diff)
		}
	}
}

func FuzzTokenize(f *testing.F) {
	for _, seed := range []string{"A dog runs.", "the dog's ’tis", "\xff", "İstanbul ǅ ẞ ϴ", "a\u0301'b", "ʼ0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, caption string) {
		words := Tokenize(caption)
		for _, w := range words {
			if w == "" || !utf8.ValidString(w) || strings.Trim(w, "'") != w {
				t.Fatalf("the word %q of %q is empty, not UTF-8 or has apostrophes around it", w, caption)
			}
			for _, r := range w {
				if unicode.IsSpace(r) || r == '<' || r == '>' || (r != '\'' && !unicode.In(r, unicode.L, unicode.N, unicode.M)) {
					t.Fatalf("the word %q of %q contains %q", w, caption, r)
				}
			}
		}
		if again := Tokenize(strings.Join(words, " ")); !slices.Equal(again, words) {
			t.Fatalf("%q gives %q, and these give %q", caption, words, again)
		}
	})
}

func TestNewVocabulary(t *testing.T) {
	captions := [][]string{{"a", "dog", "a", "cat"}, {"the", "dog", "<unk>"}, {"a", "bird", ""}}
	v := NewVocabulary(captions, 1)
	want := []string{"<pad>", "<start>", "<end>", "<unk>", "a", "dog", "bird", "cat", "the"}
	if diff := cmp.Diff(want, v.words); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:6], NewVocabulary(captions, 2).words); diff != "" {
		t.Error(diff)
	}
	slices.Reverse(captions)
	if diff := cmp.Diff(want, NewVocabulary(captions, 1).words); diff != "" {
		t.Errorf("the order of the captions matters: %s", diff)
	}
	if v.ID("cat") != 7 || v.ID("horse") != Unknown || v.Word(8) != "the" || v.Word(9) != "<unk>" || v.Word(-1) != "<unk>" || v.Len() != 9 {
		t.Errorf("ID and Word disagree with %q", want)
	}
}

func TestEncodeDecode(t *testing.T) {
	v := NewVocabulary([][]string{{"a", "dog", "runs"}}, 1)
	for _, c := range []struct {
		words     string
		maxLen    int
		ids       []int32
		truncated bool
	}{
		{"a dog runs", 4, []int32{1, 4, 5, 6, 2}, false},
		{"a dog runs", 3, []int32{1, 4, 5, 6}, true},
		{"a dog runs", 1, []int32{1, 4}, true},
		{"a horse runs", 9, []int32{1, 4, 3, 6, 2}, false},
		{"", 4, []int32{1, 2}, false},
		{"", 1, []int32{1, 2}, false},
	} {
		ids, truncated := v.Encode(strings.Fields(c.words), c.maxLen)
		if truncated != c.truncated || !slices.Equal(ids, c.ids) {
			t.Errorf("%q to %d: got %v %v, want %v %v", c.words, c.maxLen, ids, truncated, c.ids, c.truncated)
		}
	}
	if diff := cmp.Diff([]string{"dog", "<unk>", "<unk>"}, v.Decode([]int32{1, 0, 5, 3, 99, 2, 4})); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeDecodeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z']{1,6}`)).Draw(t, "words")
		v := NewVocabulary([][]string{words}, 1)
		ids, truncated := v.Encode(words, len(words)+1)
		if truncated || !slices.Equal(v.Decode(ids), words) || ids[0] != Start || ids[len(ids)-1] != End {
			t.Fatalf("%q came back as %q (ids %v)", words, v.Decode(ids), ids)
		}
	})
}

func TestBatch(t *testing.T) {
	ids, lengths, err := Batch([][]int32{{1, 4, 2}, {1, 2}}, 3)
	if err != nil || !slices.Equal(ids, []int32{1, 4, 2, 0, 1, 2, 0, 0}) || !slices.Equal(lengths, []int32{3, 2}) {
		t.Errorf("got %v %v %v", ids, lengths, err)
	}
	if _, _, err := Batch([][]int32{{1, 4, 4, 4, 2}}, 3); err == nil || !strings.Contains(err.Error(), "at most 4") {
		t.Errorf("a caption that is too long: got the error %v", err)
	}
	for _, empty := range [][]int32{nil, {1}} {
		if _, _, err := Batch([][]int32{{1, 4, 2}, empty}, 3); err == nil || !strings.Contains(err.Error(), "in caption 1") {
			t.Errorf("the caption %v: got the error %v", empty, err)
		}
	}
}

func TestVocabularyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vocabulary.json")
	v := NewVocabulary([][]string{{"a", "dog's", "mädchen", `"<&>`}}, 1)
	if err := v.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := LoadVocabulary(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v.words, again.words); diff != "" {
		t.Error(diff)
	}
	if other := NewVocabulary([][]string{{"a", "dog's", "mädchen", "x"}}, 1); again.Fingerprint() != v.Fingerprint() || other.Fingerprint() == v.Fingerprint() {
		t.Errorf("fingerprints: %s, read again %s, of other words %s", v.Fingerprint(), again.Fingerprint(), other.Fingerprint())
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", ``, "broken JSON"},
		{"cut short", `{"words":["<pad>","<start>"`, "broken JSON"},
		{"something after", `{"words":["<pad>","<start>","<end>","<unk>"]} x`, "broken JSON"},
		{"no words", `{}`, "first"},
		{"other specials", `{"words":["<start>","<pad>","<end>","<unk>"]}`, "first"},
		{"twice", `{"words":["<pad>","<start>","<end>","<unk>","a","b","a"]}`, `"a" at 4`},
		{"empty word", `{"words":["<pad>","<start>","<end>","<unk>",""]}`, "none empty"},
		{"not UTF-8", "{\"words\":[\"<pad>\",\"<start>\",\"<end>\",\"<unk>\",\"\xff\"]}", "UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadVocabulary(path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got the error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := LoadVocabulary(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("a file that is not there was read")
	}
}
