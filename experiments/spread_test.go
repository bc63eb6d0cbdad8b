package experiments

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// A run on several devices comes to what one device comes to, evaluations, averages and early stopping included: its batches are cut along their
// first axis and everything else is on every device.
func TestSpreadIsTheSame(t *testing.T) {
	one := backendtest.Open(t, "go")
	e := classifier(nil)
	options := Options{Seed: 3, Saving: Saving{Steps: 7}}
	want := undisturbed(t, e, one, options)
	for _, n := range []int{2, 4} {
		several, devices := backendtest.OpenDevices(t, n)
		if err := several.UseDevices(0); err != nil || several.Devices != n {
			t.Fatalf("found %d devices (%v)", several.Devices, err)
		}
		options.Out = filepath.Join(t.TempDir(), "run")
		r, _, err := e.Start(t.Context(), several, options)
		if err != nil {
			t.Fatal(err)
		}
		outcomeOf(t, r).same(t, want)
		if r.Manifest.Devices != n {
			t.Errorf("the manifest names %d devices, expected %d", r.Manifest.Devices, n)
		}
		cut, whole := 0, 0
		for _, c := range devices.Compiled() {
			if c.Devices != n || slices.Contains(c.Outputs, true) {
				t.Errorf("found %+v", c)
			}
			for _, is := range c.Inputs {
				if is {
					cut++
				} else {
					whole++
				}
			}
		}
		if cut != 4 || whole < 10 { // x and y of two trainings; weights, optimiser states and settings
			t.Errorf("%d devices: %d inputs were cut, %d were on every device", n, cut, whole)
		}
	}
}

// Stopped on several devices, a run is resumed on them, to the bit.
func TestSpreadResumes(t *testing.T) {
	b, _ := backendtest.OpenDevices(t, 2)
	if err := b.UseDevices(2); err != nil {
		t.Fatal(err)
	}
	options := Options{Seed: 3, Saving: Saving{Steps: 5}}
	want := undisturbed(t, classifier(nil), b, options)
	ctx, cancel := context.WithCancel(t.Context())
	options.Out = filepath.Join(t.TempDir(), "run")
	_, _, err := classifier(func(k int) {
		if k == 13 {
			cancel()
		}
	}).Start(ctx, b, options)
	if err == nil {
		t.Fatal("the run was not stopped")
	}
	_, _, err = classifier(nil).Resume(t.Context(), backendtest.Open(t, "go"), options.Out, options)
	sentence(t, err, "cannot go on with the run", "devices: expected 1 to 1", "found 2")
	b.Devices = 0 // the run knows how many it had
	r, _, err := classifier(nil).Resume(t.Context(), b, options.Out, options)
	if err != nil {
		t.Fatal(err)
	}
	outcomeOf(t, r).same(t, want)
}

func TestSpreadRefuses(t *testing.T) {
	b, _ := backendtest.OpenDevices(t, 3)
	sentence(t, b.UseDevices(4), "devices: expected 1 to 3", "found 4", "xla:cuda")
	sentence(t, backendtest.Open(t, "go").UseDevices(2), "devices: expected 1 to 1", "the backend go")
	if err := b.UseDevices(3); err != nil {
		t.Fatal(err)
	}
	_, err := Train(t.Context(), b, seeded(1), regression(), &batches{}, steps(2), ignore)
	sentence(t, err, "batch_size: expected a multiple of the 3 devices, found 8", "--devices")
	cfg := steps(2)
	cfg.Chunks = 2
	_, err = Train(t.Context(), b, seeded(1), regression(), &batches{}, cfg, ignore)
	sentence(t, err, "chunks: expected 0 or 1 on several devices", "found 2 on 3")
}
