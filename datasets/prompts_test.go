package datasets

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A small file of the form of OpenAI's data/prompts.md: prose, headings, lists in either quotes, synonyms in lists.
const markdown = `# Prompts

Two lists, ` + "`classes` and `templates`" + `.

## Pets

` + "```bash" + `
classes = [
    'cat',  # a comment
    "dog's toy",
    'it\'s "odd"',
]

templates = [
    'a photo of a {}.',
    'a photo of the "{}".'
]
` + "```" + `

## Notes

Nothing here.

## Faces

` + "```bash" + `
classes = [
    ['happy', 'smiling'],
    ['sad'],
]

templates = ['{}', 'a long '
    'one: {}']
` + "```\n"

const notebook = `{"cells": [
 {"cell_type": "markdown", "source": ["classes = [1]"]},
 {"cell_type": "code", "source": ["imagenet_classes = [\"tench\", \"kite (bird of prey)\"]\n", "x = [1, 2]\n"]},
 {"cell_type": "code", "source": "imagenet_templates = [\n    'itap of a {}.',\n]\n\nprint(f\"{len(imagenet_classes)} classes\")"}
]}`

func TestReadPrompts(t *testing.T) {
	pets := Prompts{"Pets", [][]string{{"cat"}, {"dog's toy"}, {`it's "odd"`}}, []string{"a photo of a {}.", `a photo of the "{}".`}}
	faces := Prompts{"Faces", [][]string{{"happy", "smiling"}, {"sad"}}, []string{"{}", "a long one: {}"}}
	imagenet := Prompts{"imagenet", [][]string{{"tench"}, {"kite (bird of prey)"}}, []string{"itap of a {}."}}
	files := map[string]struct {
		text string
		want []Prompts
	}{
		"prompts.md": {markdown, []Prompts{pets, faces}},
		"n.ipynb":    {notebook, []Prompts{imagenet}},
		"list.json":  {`["a {}", "the {}"]`, []Prompts{{"", nil, []string{"a {}", "the {}"}}}},
		"one.json":   {`{"classes":["a",["b","c"]],"templates":["{}"]}`, []Prompts{{"", [][]string{{"a"}, {"b", "c"}}, []string{"{}"}}}},
		"many.json": {`{"Z":{"classes":["z"],"templates":["z {}"]},"A":{"templates":["{}"]}}`,
			[]Prompts{{"A", nil, []string{"{}"}}, {"Z", [][]string{{"z"}}, []string{"z {}"}}}},
		"plain.txt": {"# mine\n\n a photo of a {}\r\n{} at night", []Prompts{{"", nil, []string{"a photo of a {}", "{} at night"}}}},
	}
	dir := t.TempDir()
	for name, tc := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPrompts(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	all, err := ReadPrompts(dir)
	if err != nil || len(all) != 8 || !slices.ContainsFunc(all, func(p Prompts) bool { return p.Dataset == "imagenet" }) {
		t.Errorf("the folder has %d lists of prompts (%v), want 8", len(all), err)
	}
}

func TestReadPromptsRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct{ text, want string }{
		"a.txt":   {"a photo", `one {} for the name of a class, found "a photo"`},
		"b.txt":   {"# nothing", "expected prompts, found none"},
		"c.txt":   {"{} and {}", "one {}"},
		"d.md":    {"## X\nclasses = [\n 'a\n]", "under the heading \"X\": the list classes: expected a ' at the end of the string \"a\""},
		"e.md":    {"## X\nclasses = ['a' 3]", "expected a comma or the end of the list, found '3'"},
		"f.md":    {"## X\nclasses = ['a'", "found the end of the text"},
		"g.md":    {"## X\nclasses = ['a']", "expected templates of X, found none"},
		"h.md":    {"## X\nclasses = [[['a']]]\ntemplates = ['{}']", "expected a string in quotes, found '['"},
		"i.md":    {"## X\nclasses = [[]]\ntemplates = ['{}']", "a name, found one without"},
		"j.json":  {"{", "as JSON"},
		"k.ipynb": {"x", "expected a notebook"},
		"l.md":    {"no heading", "expected prompts, found none"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPrompts(path)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s gives %v and the error %v, want %q", name, got, err, tc.want)
		}
	}
	if _, err := ReadPrompts(filepath.Join(dir, "gone")); err == nil {
		t.Error("a file that is not there is read")
	}
	if _, err := ReadPrompts(t.TempDir()); err == nil || !strings.Contains(err.Error(), "found none") {
		t.Errorf("an empty folder gives %v", err)
	}
}

func FuzzPrompts(f *testing.F) {
	f.Add(".md", markdown)
	f.Add(".ipynb", notebook)
	f.Add(".json", `{"A":{"classes":["z",["y"]],"templates":["z {}"]}}`)
	f.Add(".txt", "a {}\n")
	f.Add(".md", "## X\nclasses = [[[[[[[[")
	f.Fuzz(func(t *testing.T, ending, text string) {
		prompts, err := parsePrompts(ending, text)
		if err != nil || checkPrompts(prompts) != nil {
			return
		}
		for _, p := range prompts {
			if len(p.Templates) == 0 {
				t.Errorf("%q: accepted without templates", text)
			}
		}
	})
}
