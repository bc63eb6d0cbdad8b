package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadTemplates(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"lines.txt": "# ours\na photo of a {}\r\n\n  the {}  \n", "array.json": ` ["a {}", "the {}"]`,
		"lists.json": `{"pets": {"templates": ["a {}, a pet"]}, "food": {"templates": ["a plate of {}"]}}`, "one.json": `{"pets": {"templates": ["a {}"]}}`,
		"hash#tag.txt": "my {}", "empty.txt": "# nothing\n", "bare.txt": "a photo", "bad.json": `["a {}", 3]`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{
		"lines.txt": {"a photo of a {}", "the {}"}, "array.json": {"a {}", "the {}"}, "lists.json#Food": {"a plate of {}"},
		"one.json": {"a {}"}, "hash#tag.txt": {"my {}"},
	} {
		if got, err := readTemplates(filepath.Join(dir, name)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: found %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"empty.txt": "found none", "bare.txt": `found "a photo"`, "bad.json": "bad.json", "nowhere.txt": "no such file",
		"lists.json": "food", "lists.json#fod": "did you mean food?", "lines.txt#pets": `found "pets"`,
	} {
		if _, err := readTemplates(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected %q, found %v", name, want, err)
		}
	}
}

func TestParseNames(t *testing.T) {
	names, err := parseNames([]byte(`{"Tshirts": ["T-shirt", " tee "], "n02113799": "poodle"}`))
	if err != nil || !slices.Equal(names["Tshirts"], []string{"T-shirt", "tee"}) || !slices.Equal(names["n02113799"], []string{"poodle"}) {
		t.Errorf("found %v, %v", names, err)
	}
	for text, want := range map[string]string{`["a"]`: "a JSON object", `{"a": 3}`: `a list of names for "a", found 3`, `{"a": []}`: `names of "a"`, `{"a": " "}`: `names of "a"`} {
		if _, err := parseNames([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected %q, found %v", text, want, err)
		}
	}
}

// Whatever the file holds: a list without empty texts, or an error.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{"cat\n# no\n", `["cat"]`, "{}", "[", "\ufeff", "[null]", `{"a": ["b"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseList(data)
		if err == nil && len(list) == 0 || slices.Contains(list, "") {
			t.Errorf("found %q, %v", list, err)
		}
		_, _ = parseNames(data)
	})
}
