package captions

import (
	"slices"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

func TestCommonest(t *testing.T) {
	if got := commonest([][]string{{"a dog", "a cat"}, {"a cat", "two cats"}, {"a dog"}}); got != "a cat" {
		t.Errorf("got %q, expected the first by the alphabet of those that occur twice", got)
	}
}

func TestNearest(t *testing.T) {
	looks := [][]float32{{1, 0}, {0.6, 0.8}, {0, 1}, {0.6, 0.8}}
	if got := nearest(looks, []float32{0.8, 0.6}, 3); !slices.Equal(got, []int{1, 3, 0}) { // cosines 0.8, 0.96, 0.6, 0.96
		t.Errorf("got %v", got)
	}
	if got := nearest(looks, []float32{1, 0}, 9); len(got) != 4 || got[0] != 0 {
		t.Errorf("got %v", got)
	}
}

// Pixels are compared one by one, also where there are as many as features: a ViT-B/16 has 14 x 14 x 768 of 224 x 224 x 3.
func TestMeanFeaturesOfPixels(t *testing.T) {
	cfg := captioning.CNNConfig{Size: 8, Channels: []int{48, 48}, Groups: 8}
	encoder, err := captioner.CNNEncoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	pixels := make([]float32, 8*8*3)
	pixels[100] = -2
	set := &captioner.Set{Examples: make([]datasets.Example, 1), Inputs: func(int) []float32 { return pixels }}
	if got := meanFeatures(&captioner.Model{Encoder: encoder}, set)[0]; len(got) != len(pixels) || got[100] != -1 {
		t.Errorf("found %d numbers of %d pixels", len(got), len(pixels))
	}
}

// The caption that most others agree with is taken, whichever picture it belongs to.
func TestConsensus(t *testing.T) {
	known := [][]string{
		{"a brown dog runs through the grass", "a man sleeps"}, {"a brown dog runs in the green grass", "a dog runs through tall grass"},
		{"two children play ball on a beach"}, {"a red car"},
	}
	frequencies := metrics.CountDocuments(known)
	if got := consensus(frequencies, known, []int{2, 1, 0}); got != known[0][0] {
		t.Errorf("got %q", got)
	}
	if got := consensus(frequencies, known, []int{3}); got != "a red car" {
		t.Errorf("got %q", got)
	}
}
