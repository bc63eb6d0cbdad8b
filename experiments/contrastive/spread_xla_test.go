//go:build cgo && !noxla && linux

package contrastive

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// XLA is given a step of CLIP that compares all pairs of the batch, of which each of four devices holds a quarter, with all weights on
// every device.
func TestCLIPForXLA(t *testing.T) {
	b, xla := backendtest.OpenXLA(t, 4)
	if err := b.UseDevices(4); err != nil {
		t.Fatal(err)
	}
	run, _, err := quick(t, b, Products(), 1, "train.steps=3", "train.eval_every=2", "limit=80", "dev=30", "batch_size=24")
	if err != nil {
		t.Fatal(err)
	}
	if run.Manifest.Devices != 4 {
		t.Errorf("the manifest names %d devices", run.Manifest.Devices)
	}
	counts, spread := xla.Executions(t), 0
	for i, p := range xla.Programs(t) {
		if !strings.Contains(p.Text, "sdy.mesh") {
			continue // evaluations, on one device
		}
		spread++
		if counts[i] != 3 {
			t.Errorf("found %d steps, expected 3", counts[i])
		}
		for _, a := range p.Arguments {
			isBatch := strings.HasPrefix(a.Name, "arg") && a.Name != "arg0" // which is the optimiser's
			if a.Cut() != isBatch || isBatch && !strings.HasPrefix(a.Shape, "24x") || a.Sharding == "none" {
				t.Errorf("found %+v", a)
			}
		}
		for _, r := range p.Result {
			if r.Cut() || r.Sharding == "none" {
				t.Errorf("found the result %+v", r)
			}
		}
		if !strings.Contains(p.Text, "-> tensor<24x24xf32>") || strings.Contains(p.Text, "tensor<6x6xf32>") {
			t.Error("expected similarities of all 24 pairs")
		}
	}
	if spread != 1 {
		t.Errorf("%d programs were spread, expected the training step", spread)
	}
}
