package demo

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// Scenes of several objects have two to four of them, and captions that name, count and place them.
func TestDrawnScenes(t *testing.T) {
	if _, ok := DrawnScenes("flickr8k", 1); ok {
		t.Error("flickr8k was taken for drawn scenes")
	}
	cfg, ok := DrawnScenes("scenes-several", 3)
	if !ok || cfg.Seed != 3 {
		t.Fatalf("found %+v, %v", cfg, ok)
	}
	train, heldOut, err := sceneSplits(cfg, 60, 20)
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 60 || heldOut.Len() != 20 {
		t.Errorf("%d and %d scenes", train.Len(), heldOut.Len())
	}
	said := map[string]bool{}
	for i := range train.Len() {
		n := len(train.(*scenes.Scenes).Scene(i).Objects)
		if n < 2 || n > 4 {
			t.Errorf("scene %d has %d objects", i, n)
		}
		all := strings.Join(train.At(i).Captions, "; ")
		for _, word := range []string{"two", "three", " and ", "left", "above"} {
			said[word] = said[word] || strings.Contains(all, word)
		}
	}
	if len(said) != 5 || !said["two"] || !said["three"] || !said[" and "] || !said["left"] || !said["above"] {
		t.Errorf("captions say %v", said)
	}
	if train.At(0).ID == heldOut.At(0).ID {
		t.Error("the splits share a scene")
	}
}
