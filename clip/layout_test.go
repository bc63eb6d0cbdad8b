package clip

import (
	"fmt"
	"slices"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/weights"
)

// tinyViT and tinyResNet are towers of the published kinds for tests.
func tinyViT() Config {
	c := publishedViT(10, 8, 4, 12, 2, 8)
	c.Vision.ViT.Heads = 3
	c.Text = TextConfig{VocabSize: 30, ContextLength: 7, Width: 8, Layers: 2, Heads: 2}
	return c
}

func tinyResNet() Config {
	c := publishedResNet(10, 64, 4, 8, 1, 2, 1, 1)
	c.Text = tinyViT().Text
	return c
}

// The list of weights is what the graph functions make, name by name and shape by shape.
func TestWeightsAreThoseOfTheGraphs(t *testing.T) {
	odd := tinyViT()
	odd.Vision.ViT.MLP, odd.Text.MLP = 5, 9
	odd.Vision.Width = 12 // pictures that are not square
	odd.Vision.Resize = Squash
	for name, cfg := range map[string]Config{
		"ViT": tinyViT(), "ResNet": tinyResNet(), "odd ViT": odd, "residual": smallConfig(30), "Tiny": Tiny(600), "Small": Small(600),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(cfg, nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.complete(); err != nil {
				t.Fatal(err)
			}
			want := map[string]Weight{}
			for _, w := range cfg.Weights() {
				want[w.Name] = w
			}
			if len(want) != len(cfg.Weights()) {
				t.Error("a name occurs twice")
			}
			for v := range m.Store.IterVariables() {
				if !IsWeight(v.Path()) {
					continue
				}
				w, ok := want[weights.Name(v.Path())]
				if !ok || !slices.Equal(w.Dims, v.Shape().Dimensions) || v.Trainable == w.Running {
					t.Errorf("%s %s (trainable %v): the list has %+v", v.Path(), v.Shape(), v.Trainable, w)
				}
				delete(want, weights.Name(v.Path()))
			}
			for name := range want {
				t.Errorf("the graph has no %s", name)
			}
		})
	}
}

// Every weight has names of its own in either naming, and the pieces have as many elements as the whole.
func TestNamings(t *testing.T) {
	for _, naming := range []Naming{OpenAI, HuggingFace} {
		seen := map[string]bool{}
		for _, w := range ViTB32().Weights() {
			size := int64(0)
			for _, p := range naming.pieces(w) {
				if seen[p.name] {
					t.Errorf("%s: %s occurs twice", naming, p.name)
				}
				seen[p.name] = true
				size += Weight{Dims: p.dims}.size()
			}
			if size != w.size() {
				t.Errorf("%s: the pieces of %s have %d elements, expected %d", naming, w.Name, size, w.size())
			}
		}
	}
	odd := tinyViT()
	odd.Vision.Width, odd.Vision.Resize = 12, Squash
	for _, c := range []struct {
		cfg    Config
		naming Naming
		parts  []string
	}{
		{RN50(), HuggingFace, []string{"ResNet", "openai"}}, {Small(600), OpenAI, []string{"small residual"}}, {ViTB32(), "pytorch", []string{`"pytorch"`}},
		{odd, OpenAI, []string{"square pictures", "8x12"}}, {odd, HuggingFace, []string{"square pictures"}},
		{withEnd(ViTB32(), 5), OpenAI, []string{"end token", "5"}},
	} {
		sentence(t, c.naming.supports(c.cfg), c.parts...)
	}
}

func withEnd(c Config, id int) Config {
	c.Text.EndToken = id
	return c
}

func TestBatchLadder(t *testing.T) {
	for n, want := range map[int][]int{1: {1}, 2: {1, 1}, 3: {4}, 5: {4, 1}, 9: {16}, 17: {16, 1}, 33: {64}, 64: {64}, 65: {64, 1}, 131: {64, 64, 4}} {
		var got []int
		for left := n; left > 0; {
			size := nextBatch(left)
			got = append(got, size)
			left -= size
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d inputs: expected batches of %v, found %v", n, want, got)
		}
	}
}
