package history

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/experiments"
)

const part = ".x.0123456789abcdef.part"

// What may go, and what may not.
func TestFindWaste(t *testing.T) {
	dir := t.TempDir()
	checkpoints := map[string]string{"checkpoints/step-0000010.safetensors": "aaaa", "checkpoints/step-0000020.safetensors": "bbbb",
		"checkpoints/best.safetensors": "e",
		"checkpoints/" + part:          "12345", "model/" + part: "f", "model/step-1.safetensors": "g", "plots/" + part: "h", ".lock": ""}
	done := map[string]float64{"x": 1}
	write(t, filepath.Join(dir, "complete"), folder{losses: []float64{1}, metrics: done, more: checkpoints})
	write(t, filepath.Join(dir, "two trainings"), folder{losses: []float64{1}, metrics: done, more: map[string]string{
		"checkpoints/01-words-done.safetensors": "a", "checkpoints/02-self-critical-step-000000090.safetensors": "b",
		"checkpoints/01-words-step-000000020-best.safetensors": "e",
		"checkpoints/02-self-critical-done.safetensors":        "c", "checkpoints/figure.png": "d"}})
	write(t, filepath.Join(dir, "stopped"), folder{losses: []float64{1}, more: checkpoints})
	running := write(t, filepath.Join(dir, "running"), folder{metrics: nil, more: checkpoints})
	write(t, filepath.Join(dir, "empty"), folder{more: map[string]string{".lock": "", "log.txt": "x", "report.html": "x", "checkpoints/" + part: "1"}})
	write(t, filepath.Join(dir, "fresh"), folder{})
	goneOn := write(t, filepath.Join(dir, "gone on"), folder{})
	write(t, filepath.Join(dir, "damaged"), folder{more: map[string]string{"results.json": "{"}})
	write(t, filepath.Join(dir, "a model"), folder{more: map[string]string{"model/model.safetensors": "m"}})
	write(t, filepath.Join(dir, "a thesis"), folder{more: map[string]string{"thesis.tex": "somebody's own"}})
	write(t, filepath.Join(dir, ".gone.0123456789abcdef.removed"), folder{})
	write(t, filepath.Join(dir, "no run"), folder{more: map[string]string{part: ""}})
	if err := os.Remove(filepath.Join(dir, "no run", "manifest.json")); err != nil {
		t.Fatal(err)
	}
	age(t, dir)
	now := time.Now()
	if err := os.Chtimes(filepath.Join(dir, "fresh", "metrics.jsonl"), now, now); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(running.Path(".lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()

	waste, problems, err := FindWaste(dir, time.Hour)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, problems %v", err, problems)
	}
	var got []string
	for _, w := range waste {
		name, _ := filepath.Rel(dir, w.Path)
		got = append(got, name)
		if name == "complete/checkpoints/step-0000010.safetensors" && w.Bytes != 4 {
			t.Errorf("expected 4 bytes, found %d", w.Bytes)
		}
		if name == "empty" && w.Bytes < 100 {
			t.Errorf("expected the bytes of a manifest, found %d", w.Bytes)
		}
	}
	want := []string{".gone.0123456789abcdef.removed", "complete/checkpoints/" + part,
		"complete/checkpoints/step-0000010.safetensors", "complete/plots/" + part, "empty", "gone on", "stopped/checkpoints/" + part, "stopped/plots/" + part,
		"two trainings/checkpoints/01-words-done.safetensors", "two trainings/checkpoints/02-self-critical-step-000000090.safetensors"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}

	// A run that somebody took up since keeps everything.
	late := flock.New(filepath.Join(dir, "stopped", ".lock"))
	if err := late.Lock(); err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if err := os.WriteFile(goneOn.Path("metrics.jsonl"), []byte(`{"step":1,"loss":2}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, w := range waste {
		err := w.Remove()
		taken := strings.Contains(w.Path, "/stopped/") || strings.HasSuffix(w.Path, "/gone on")
		if taken != (err != nil) {
			t.Errorf("removing %s: %v", w.Path, err)
		}
		if _, err := os.Stat(w.Path); taken != (err == nil) {
			t.Errorf("%s: after its removal %v", w.Path, err)
		}
	}
	waste, _, err = FindWaste(dir, time.Hour)
	if err != nil || len(waste) != 0 {
		t.Errorf("after all: %v, %v", waste, err)
	}
	for _, kept := range []string{"complete/checkpoints/step-0000020.safetensors", "complete/model/" + part, "complete/checkpoints/best.safetensors",
		"running/checkpoints/step-0000010.safetensors", "fresh/manifest.json", "no run/" + part,
		"two trainings/checkpoints/01-words-step-000000020-best.safetensors",
		"two trainings/checkpoints/02-self-critical-done.safetensors", "two trainings/checkpoints/figure.png"} {
		if _, err := os.Stat(filepath.Join(dir, kept)); err != nil {
			t.Errorf("%s is gone", kept)
		}
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	run := write(t, filepath.Join(dir, "a"), folder{more: map[string]string{"model/model.safetensors": "m"}})
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := Remove(&experiments.Run{Dir: filepath.Join(dir, "link")}); err == nil || !strings.Contains(err.Error(), "found a link") {
		t.Errorf("a link: %v", err)
	}
	lock := flock.New(run.Path(".lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := Remove(run); err == nil || !strings.Contains(err.Error(), "is running; stop it first") {
		t.Errorf("a running run: %v", err)
	}
	lock.Close()
	files, err := Files(run)
	if err != nil || !slices.Contains(files, File{"model/model.safetensors", 1}) {
		t.Errorf("the files: %v, %v", files, err)
	}
	if err := Remove(run); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 { // the link
		t.Errorf("left: %v, %v", left, err)
	}
}
