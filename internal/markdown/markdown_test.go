package markdown

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = `# Title with ` + "`code`" + ` and a [link](a.md#b)

Text with ![a picture](images/x.png), <https://example.org/a> and ` + "`glimpse doctor`" + `.

    make build   # indented

    second line

<!-- go: fmt -->
` + "```go" + `
fmt.Println("[no](link)")
` + "```" + `

` + "```text" + `
[no](link)
` + "```" + `

- an item
  that goes on

      indented below an item

<a id="here"></a>

## Again

## Again

[ref]: https://example.org/ref
`

func TestRead(t *testing.T) {
	got := Read(page)
	want := []Block{
		{Line: 5, Text: "make build   # indented\n\nsecond line\n", After: 2},
		{Line: 11, Lang: "go", Text: "fmt.Println(\"[no](link)\")\n", Note: "go: fmt"},
		{Line: 15, Lang: "text", Text: "[no](link)\n"},
	}
	if diff := cmp.Diff(want, got.Blocks); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
	links := []Link{{1, "a.md#b"}, {3, "images/x.png"}, {3, "https://example.org/a"}, {29, "https://example.org/ref"}}
	if diff := cmp.Diff(links, got.Links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Link{{1, "code"}, {3, "glimpse doctor"}}, got.Code); diff != "" {
		t.Errorf("inline code (-want +got):\n%s", diff)
	}
	if found := slices.Sorted(maps.Keys(got.Anchors)); !slices.Equal(found, []string{"again", "again-1", "here", "title-with-code-and-a-link"}) {
		t.Errorf("anchors: found %q", found)
	}
}

func TestCommands(t *testing.T) {
	for text, want := range map[string][][]string{
		"glimpse doctor --json # what is here":                               {{"glimpse", "doctor", "--json"}},
		"$ GOMLX_BACKEND=go bin/glimpse train clip >log.txt 2>&1 && make":    {{"bin/glimpse", "train", "clip"}, {"make"}},
		"for s in 1 2; do timeout 30 glimpse train x --seed $s; done":        {{"for", "s", "in", "1", "2"}, {"glimpse", "train", "x", "--seed", "$s"}, {"done"}},
		"glimpse sweep c --over 'lr=log(1e-4..1e-2)' \\\n  --out a | sbatch": {{"glimpse", "sweep", "c", "--over", "lr=log(1e-4..1e-2)", "--out", "a"}, {"sbatch"}},
		`glimpse classify --labels "a cat,a dog" a#b.jpg`:                    {{"glimpse", "classify", "--labels", "a cat,a dog", "a#b.jpg"}},
		"# only words\n\n": nil,
	} {
		if diff := cmp.Diff(want, Commands(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
