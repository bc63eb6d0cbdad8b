//go:build cgo && !noxla && linux

package experiments

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// XLA is given one program for all devices, whose batch is cut along its first axis and the rest of which is on every device.
func TestSpreadForXLA(t *testing.T) {
	b, xla := backendtest.OpenXLA(t, 4)
	if err := b.UseDevices(0); err != nil || b.Devices != 4 || b.Kind != backend.XLA {
		t.Fatalf("found %d devices of %s (%v)", b.Devices, b.Kind, err)
	}
	if _, err := Train(t.Context(), b, seeded(1), regression(), &batches{}, steps(3), ignore); err != nil {
		t.Fatal(err)
	}
	programs := xla.Programs(t)
	if len(programs) != 1 {
		t.Fatalf("found %d programs, expected the training step alone", len(programs))
	}
	step := programs[0]
	for _, part := range []string{"stablehlo.num_replicas = 1,  stablehlo.num_partitions = 4", `sdy.mesh @mesh = <["batch"=4]>`} {
		if !strings.Contains(step.Text, part) {
			t.Errorf("the program does not have %s", part)
		}
	}
	// Fields of ExecutableBuildOptionsProto: replicas, partitions, SPMD; and Shardy, which stands for XLA's older partitioner otherwise.
	for what, field := range map[string][]byte{"4 partitions by SPMD": {0x20, 1, 0x28, 4, 0x30, 1}, "Shardy": {0x98, 1, 1}} {
		if !bytes.Contains(step.Options, field) {
			t.Errorf("the options do not ask for %s: %x", what, step.Options)
		}
	}
	want := map[string]string{"arg0": "{}", "arg1": `{"batch"}, {}`, "arg2": `{"batch"}, {}`, "_line_weight": "{}, {}", "_line_bias": "{}", "_line_offset": "",
		"_optimizer_line_weight_exp_avg": "{}, {}", "_optimizer_line_weight_exp_avg_sq": "{}, {}", "_optimizer_line_bias_exp_avg": "{}", "_optimizer_line_bias_exp_avg_sq": "{}"}
	if len(step.Arguments) != len(want) || len(step.Result) != 9 { // weights and state of the optimiser; loss, root, grad_norm
		t.Errorf("found %d arguments and %d results: %+v", len(step.Arguments), len(step.Result), step)
	}
	for _, a := range step.Arguments {
		if sharding, ok := want[a.Name]; !ok || a.Sharding != sharding {
			t.Errorf("%s: found the sharding %q, expected %q", a.Name, a.Sharding, sharding)
		}
	}
	for i, r := range step.Result {
		if r.Cut() || r.Sharding == "none" { // which would leave it to XLA
			t.Errorf("result %d is not on every device: %+v", i, r)
		}
	}
	if n := xla.Executions(t); n[0] != 3 {
		t.Errorf("found %v executions, expected 3", n)
	}
}

// One device is given the program that it was given before there were several.
func TestOneDeviceForXLA(t *testing.T) {
	b, xla := backendtest.OpenXLA(t, 4)
	if _, err := Train(t.Context(), b, seeded(1), regression(), &batches{}, steps(2), ignore); err != nil {
		t.Fatal(err)
	}
	if p := xla.Programs(t); len(p) != 1 || strings.Contains(p[0].Text, "sdy.") || strings.Contains(p[0].Text, "num_partitions") {
		t.Errorf("found %d programs, the first: %.300s", len(p), p[0].Text)
	}
	xla.Executions(t)
}

// Evaluations, averages and early stopping, which read and write the weights between steps, leave every buffer where the next step
// expects it, also in a run that is stopped and resumed: the plugin makes an error of one that is not.
func TestSpreadRunForXLA(t *testing.T) {
	b, xla := backendtest.OpenXLA(t, 2)
	if err := b.UseDevices(2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	options := Options{Seed: 3, Saving: Saving{Steps: 5}, Out: filepath.Join(t.TempDir(), "run")}
	if _, _, err := classifier(func(k int) {
		if k == 13 {
			cancel()
		}
	}).Start(ctx, b, options); err == nil {
		t.Fatal("the run was not stopped")
	}
	r, result, err := classifier(nil).Resume(t.Context(), b, options.Out, options)
	if err != nil {
		t.Fatal(err)
	}
	if r.Manifest.Devices != 2 || result.Metrics["last0"] != 23 {
		t.Errorf("found %d devices and %v", r.Manifest.Devices, result.Metrics)
	}
	spread := 0
	for i, n := range xla.Executions(t) {
		if strings.Contains(xla.Programs(t)[i].Text, "sdy.mesh") {
			spread += n
		}
	}
	if spread < 23 {
		t.Errorf("found %d steps on both devices, expected at least 23", spread)
	}
}
