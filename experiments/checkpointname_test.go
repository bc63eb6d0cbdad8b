package experiments

import (
	"slices"
	"testing"
)

// Names are read as they were written, and sort as the checkpoints came: by training, then step, the end last.
func TestCheckpointNames(t *testing.T) {
	best := nameCheckpoint(100, "", 1, false)
	best.Best = true
	inOrder := []CheckpointName{
		{Step: 77}, // of an earlier version
		nameCheckpoint(1, "Step by step-done", 9, false), nameCheckpoint(1, "Step by step-done", 1_000_000_000_0, false), nameCheckpoint(1, "Step by step-done", 7, true),
		nameCheckpoint(2, "Übung 2", 1, false), nameCheckpoint(100, "", 1, false),
		best, nameCheckpoint(100, "", 2, false),
	}
	for i, n := range inOrder {
		file := n.String()
		if i == 0 {
			file = "step-0000077.safetensors"
		}
		if back, ok := ParseCheckpointName(file); !ok || back != n {
			t.Errorf("%s is read as %+v (%v), expected %+v", file, back, ok, n)
		}
	}
	if !slices.IsSortedFunc(inOrder, CheckpointName.Compare) || inOrder[3].Compare(inOrder[2]) <= 0 {
		t.Error("the names are not in the order of the checkpoints")
	}
	for _, file := range []string{"", "x.safetensors", "01-a-done.safetensors.part", ".01-a-done.safetensors", "01-a-step-.safetensors", "01-a-done-best.safetensors", "01-a-step-7-good.safetensors", "99999999999999999999-a-done.safetensors"} {
		if n, ok := ParseCheckpointName(file); ok {
			t.Errorf("%q is taken for the checkpoint %+v", file, n)
		}
	}
}
