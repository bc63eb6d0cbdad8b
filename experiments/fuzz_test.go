package experiments

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// lay writes a file of a run that a fuzzer made up. It is not synced: there are thousands.
func lay(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whatever the manifest holds: an error in one line, or a run whose manifest is read again the same.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"experiment":"clip","form":"quick","config":{"train":{"steps":3}},"seed":7,"started":"2026-01-02T03:04:05Z","backend":"go","command":["glimpse"],"versions":{"go":"1.26"},"machine":"x"}`))
	f.Add([]byte(`{"format":99}`))
	f.Add([]byte(`{"format":1,"config":[[[[[[`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		lay(t, dir, manifestFile, data)
		var r *Run
		var err error
		testdata.Bounded(t, len(data), 4, 0, func() { r, err = OpenRun(dir) })
		if err != nil {
			if bytes.ContainsAny([]byte(err.Error()), "\n") {
				t.Errorf("the error is no sentence: %q", err)
			}
			return
		}
		again, err := json.Marshal(r.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		lay(t, dir, manifestFile, again)
		if _, err := OpenRun(dir); err != nil {
			t.Errorf("%s is not read back: %v", again, err)
		}
	})
}

// Whatever metrics.jsonl holds: an error in one line, or a map for each line, one that was cut short left out. The maps are larger than
// the text: one costs a few hundred bytes, a number in it some tens.
func FuzzMetrics(f *testing.F) {
	f.Add([]byte("{\"step\":1,\"loss\":4.1,\"lr\":1e-3}\n{\"step\":2,\"loss\":3.9,\"lr\":1e-3}\n{\"step\":3,\"lo"))
	f.Add([]byte("\n\n{}\nnull\n"))
	f.Add([]byte("{\"a\":{}}\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		lay(t, dir, metricsFile, data)
		lines, numbers := int64(bytes.Count(data, []byte("\n"))+1), int64(bytes.Count(data, []byte(":")))
		var steps []map[string]float64
		var err error
		testdata.Bounded(t, len(data), 4, 1024*lines+256*numbers, func() { steps, err = (&Run{Dir: dir}).Metrics() })
		if err == nil && int64(len(steps)) > lines {
			t.Errorf("found %d steps in %d lines", len(steps), lines)
		}
	})
}

// Whatever a checkpoint holds: an error, or a state of this format with tensors that lie in the file. Its checksum is put right, so that
// what lies behind it is reached.
func FuzzCheckpoint(f *testing.F) {
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(3); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "some.safetensors")
	if err := writeCheckpoint(path, store, nil, checkpointState{Phase: 1, Name: "some", Place: json.RawMessage(`{"epoch":1}`)}); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := safetensors.Parse(data)
		if err == nil {
			if sum := file.Metadata[checksumKey]; len(sum) == len(noSum) {
				data = bytes.Replace(data, []byte(sum), []byte(noSum), 1)
				data = bytes.Replace(data, []byte(noSum), []byte(sumOf(data)), 1)
			}
		}
		var c *checkpoint
		testdata.Bounded(t, len(data), 4, 0, func() { c, err = parseCheckpoint(data) })
		if err != nil {
			return
		}
		if c.state.Format < 1 {
			t.Errorf("accepted with the state %+v", c.state)
		}
		if err := c.restore(model.NewStore(), nil); err == nil && len(c.tensors) == 0 {
			t.Log("a checkpoint of nothing")
		}
	})
}
