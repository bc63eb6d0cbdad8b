// Package backendtest runs a test on every backend of the machine.
package backendtest

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Each runs the test on the pure Go backend, and on ONNX Runtime when this test binary was built with it and the
// library is found. A library that is found but does not open is a failure, not a reason to skip.
func Each(t *testing.T, test func(t *testing.T, b compute.Backend)) {
	t.Helper()
	t.Run("go", func(t *testing.T) { test(t, open(t, "go")) })
	if backend.HasONNX && backend.FindONNXRuntime() != "" {
		t.Run("onnx", func(t *testing.T) { test(t, open(t, "onnx:cpu")) })
	}
	if len(backend.Plugins()) > 0 {
		t.Run("xla", func(t *testing.T) { test(t, open(t, "xla")) })
	}
}

// Go opens the pure Go backend, for tests that need no other.
func Go(t testing.TB) compute.Backend {
	t.Helper()
	return open(t, "go")
}

func open(t testing.TB, config string) compute.Backend {
	t.Helper()
	return Open(t, config).Backend
}

// Open opens a backend, such as go or onnx:cpu, until the test ends.
func Open(t testing.TB, config string) *backend.Backend {
	t.Helper()
	b, err := backend.OpenNamed(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}
