package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// What --show --yaml prints gives the same configuration back, for every experiment, form and kind of backend, even when the
// file is taken for another form.
func TestYAMLOfEveryExperiment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	for _, e := range allExperiments() {
		for _, form := range []experiments.Form{experiments.Quick, experiments.Full} {
			for _, kind := range []backend.Kind{backend.Go, backend.ONNX, backend.XLA} {
				config, err := e.Config(kind, experiments.Options{Form: form})
				if err != nil {
					t.Fatal(err)
				}
				text, err := experiments.YAML(config)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
				file, err := experiments.ReadSettings(path)
				if err != nil {
					t.Fatalf("%s, %s form: %v", e.Name, form, err)
				}
				for _, other := range []experiments.Form{experiments.Quick, experiments.Full} {
					back, err := e.Config(backend.Go, experiments.Options{Form: other, File: file})
					if err != nil || string(back) != string(config) {
						t.Errorf("%s, %s form, taken for the %s form: expected\n%s, found\n%s (%v)", e.Name, form, other, config, back, err)
					}
				}
			}
		}
	}
}
