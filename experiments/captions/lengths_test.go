package captions

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

func TestStepsFor(t *testing.T) {
	for _, c := range []struct{ longest, maxLen, want int }{{1, 20, 9}, {9, 20, 9}, {10, 20, 12}, {12, 20, 12}, {19, 20, 20}, {20, 20, 20}, {5, 7, 7}} {
		if got := stepsFor(c.longest, c.maxLen); got != c.want || got < c.longest {
			t.Errorf("stepsFor(%d, %d) = %d, expected %d", c.longest, c.maxLen, got, c.want)
		}
	}
}

func TestLongest(t *testing.T) {
	items := []captioner.Item{{IDs: []int32{1, 5, 2}}, {IDs: []int32{1, 5, 5, 5, 2}}, {IDs: []int32{1, 2}}}
	if got := longest(items); got != 4 {
		t.Errorf("longest = %d, expected the 4 words after the start word", got)
	}
}
