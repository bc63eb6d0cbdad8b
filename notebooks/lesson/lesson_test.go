package lesson

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/plots"
)

// A cell that cannot go on ends with the error in words on standard error, exit code 1, and nothing else.
func TestCheckEndsTheCell(t *testing.T) {
	if os.Getenv("GLIMPSE_TEST_CHECK") == "1" {
		if Try(7, nil) != 7 {
			os.Exit(3)
		}
		Check(nil)
		Try(0, errors.New("no such picture"))
		os.Exit(4)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCheckEndsTheCell$")
	cmd.Env = append(os.Environ(), "GLIMPSE_TEST_CHECK=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 || stderr.String() != "no such picture\n" || stdout.Len() > 0 {
		t.Errorf("exit code %d, %q on standard error, %q on standard output", code, stderr.String(), stdout.String())
	}
}

// Outside of a notebook the same code runs and shows nothing, so that it can be tried in a plain program.
func TestShowOutsideOfANotebook(t *testing.T) {
	Show(plots.Curves(plots.CurvesConfig{XLabel: "x", YLabel: "y", Series: []plots.Series{{X: []float64{1, 2}, Y: []float64{1, 2}}}}))
	ShowPicture(image.NewRGBA(image.Rect(0, 0, 2, 2)), "a picture")
}

func TestCaptionerFolder(t *testing.T) {
	root := t.TempDir()
	cache := t.TempDir()
	t.Setenv("HOME", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	deep := filepath.Join(root, "notebooks", "mine")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	own, err := captionerFolder()
	if err != nil || !strings.HasPrefix(own, cache) {
		t.Errorf("without a demo the folder is %q (%v), expected one in the cache", own, err)
	}
	left := filepath.Join(root, "demo", "captioner")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if again, err := captionerFolder(); err != nil || again != own {
		t.Errorf("an empty folder was taken for a run: %q (%v)", again, err)
	}
	if err := os.WriteFile(filepath.Join(left, demo.ReportFile), []byte(`{"data": "flickr8k", "forced": {"value": 2.5, "n": 3}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if found, err := captionerFolder(); err != nil || found != left {
		t.Errorf("got %q (%v), expected the demo's %q", found, err, left)
	}
	if report, err := readReport(left); err != nil || report.Data != "flickr8k" || report.Forced.Value != 2.5 || report.Forced.N != 3 {
		t.Errorf("the report is %+v (%v)", report, err)
	}
}

func pureGo(t *testing.T) *backend.Backend {
	t.Helper()
	return backendtest.Open(t, "go")
}

func TestStoppedTrainingLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	_, err := openOrTrain(ctx, pureGo(t), filepath.Join(dir, "captioner"), io.Discard)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, expected that it was stopped", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
}

func TestFoldersThatDoNotServe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	open := func(folder string) error {
		_, err := openOrTrain(t.Context(), pureGo(t), folder, io.Discard)
		return err
	}
	_, noReport := readReport(dir)
	if err := os.WriteFile(filepath.Join(dir, demo.ReportFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, badReport := readReport(dir)
	for want, err := range map[string]error{
		"expected a captioner":                              open(dir), // there is something else
		"expected a cache folder":                           open(filepath.Join(file, "captioner")),
		"expected what a training measured, found none":     noReport,
		"expected what a training measured in " + dir + "/": badReport,
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("expected one line with %q, got %v", want, err)
		}
	}
}
