package notebook

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A first cell imports the lab with no set-up, later cells keep what it declared, figures come through.
func TestCheckShowsWhatCellsShow(t *testing.T) {
	needJupyter(t, "jupyter-nbconvert")
	k := installed(t)
	path := writeNotebook(t,
		"import (\n\t\"bytes\"\n\t\"github.com/glimpse-ml/glimpse/plots\"\n\t\"github.com/janpfeifer/gonb/gonbui\"\n)\n\n"+
			"func half(x float64) float64 { return x / 2 }\n\n%%\n"+
			"f, err := plots.Curves(plots.CurvesConfig{XLabel: \"x\", YLabel: \"y\", Series: []plots.Series{{X: []float64{1, 2}, Y: []float64{1, 2}}}})\n"+
			"var b bytes.Buffer\nfmt.Println(err, f.PNG(&b))\ngonbui.DisplayPNG(b.Bytes())\ngonbui.Sync()",
		"%%\nfmt.Println(\"half of 3 is\", half(3))",
		"%%\nfmt.Println(os.Getwd())",
	)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := k.Check(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	code := doc.Code()
	if got := code[0].Text(); got != "<nil> <nil>\n" {
		t.Errorf("cell 1 said %q", got)
	}
	if pictures := code[0].Pictures(); len(pictures) != 1 {
		t.Errorf("cell 1 showed %d pictures, expected 1", len(pictures))
	} else if size, err := png.DecodeConfig(bytes.NewReader(pictures[0])); err != nil || size.Width != 800 {
		t.Errorf("cell 1 showed a picture of %d pixels (%v), expected 800", size.Width, err)
	}
	if got := code[1].Text(); got != "half of 3 is 1.5\n" {
		t.Errorf("cell 2 said %q", got)
	}
	if got := code[2].Text(); !strings.HasPrefix(got, filepath.Dir(path)+" ") {
		t.Errorf("cell 3 ran in %q, expected the notebook's folder", got)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the notebook itself was written to")
	}
}

func TestCheckNamesTheCellThatFails(t *testing.T) {
	needJupyter(t, "jupyter-nbconvert")
	k := installed(t)
	path := writeNotebook(t, "%%\nfmt.Println(1)", "%%\nfmt.Println(nothing)", "%%\nvar a []int\nfmt.Println(a[3])")
	doc, err := k.Check(t.Context(), path)
	sentence(t, err, "code cell 2 of "+path+" failed", "undefined: nothing")
	if doc == nil || !strings.Contains(doc.Code()[2].Failure(), "index out of range [3]") || strings.Contains(doc.Code()[2].Failure(), ".go:") {
		t.Errorf("the third cell failed with %+v", doc)
	}
}

func TestCheckWithoutWhatItNeeds(t *testing.T) {
	dir := t.TempDir()
	k := Kernel{Checkout: dir, Programs: dir, Jupyter: dir}
	if err := writeScript(filepath.Join(dir, "jupyter-nbconvert"), "#!/bin/sh\necho kernel died >&2\nexit 1\n"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	_, err := k.Check(t.Context(), writeNotebook(t))
	sentence(t, err, "expected the kernel", "`glimpse notebook install` brings it")
	if err := os.MkdirAll(k.Spec(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.specFile(), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = k.Check(t.Context(), writeNotebook(t))
	sentence(t, err, "kernel died")
	_, err = k.Check(t.Context(), filepath.Join(dir, "none.ipynb"))
	sentence(t, err, "none.ipynb", "no such file")
	t.Setenv("PATH", t.TempDir())
	_, err = k.Check(t.Context(), writeNotebook(t))
	sentence(t, err, "expected jupyter-nbconvert on PATH", "apt-get install -y jupyter-nbconvert")
}

func TestRead(t *testing.T) {
	read := func(text string) (*Document, error) {
		path := filepath.Join(t.TempDir(), "n.ipynb")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return Read(path)
	}
	for text, want := range map[string]string{
		`{`:               "expected a notebook (JSON, nbformat 4)",
		`[]`:              "expected a notebook (JSON, nbformat 4)",
		`{"nbformat": 3}`: "found nbformat 3",
	} {
		_, err := read(text)
		sentence(t, err, want)
	}
	doc, err := read(`{"nbformat": 4, "cells": [
		{"cell_type": "markdown", "source": ["# A\n", "B"]},
		{"cell_type": "code", "source": "x", "execution_count": 3, "outputs": [
			{"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
			{"output_type": "stream", "name": "stderr", "text": "\u001b[7mpanic: no\u001b[0m\n\ngoroutine 1 [running]:\nmain.main()\n"},
			{"output_type": "display_data", "data": {"image/png": "aGVs\nbG8=\n", "text/html": "<b>"}},
			{"output_type": "error", "ename": "ERROR", "evalue": "exit status 2"}]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Cells) != 2 || doc.Cells[0].Source != "# A\nB" || len(doc.Code()) != 1 {
		t.Fatalf("got %+v", doc)
	}
	cell := doc.Code()[0]
	if cell.Run != 3 || cell.Text() != "a\nb\n" || len(cell.Pictures()) != 1 || string(cell.Pictures()[0]) != "hello" || cell.Outputs[2].HTML != "<b>" {
		t.Errorf("got %+v", cell)
	}
	if got := cell.Failure(); got != "panic: no" {
		t.Errorf("the failure is %q", got)
	}
}

// Cells are timed by the kernel: as many as were asked for, unchanged ones faster than changed ones.
func TestMeasureCells(t *testing.T) {
	needJupyter(t, "jupyter-nbconvert")
	k := installed(t)
	times, err := k.MeasureCells(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(times.Changed) != 3 || len(times.Unchanged) != 3 {
		t.Fatalf("expected 3 cells of each kind, found %+v", times)
	}
	t.Logf("%.2f", times)
	if fastest, slowest := slices.Min(times.Unchanged), slices.Max(times.Changed); fastest <= 0 || fastest >= slowest {
		t.Errorf("unchanged cells took %v, changed ones %v", times.Unchanged, times.Changed)
	}
}

// A page holds what the cells showed; the notebook runs in the folder and with the variables that it was given.
func TestExport(t *testing.T) {
	needJupyter(t, "jupyter-nbconvert")
	k := installed(t)
	folder, out := t.TempDir(), filepath.Join(t.TempDir(), "pages")
	path := writeNotebook(t, "import \"os\"\n\n%%\nfmt.Println(os.Getenv(\"GLIMPSE_TEST_WORD\"), \"is the word\")\nos.WriteFile(\"here\", nil, 0o644)")
	page, err := k.Export(t.Context(), path, out, Surroundings{Folder: folder, Env: []string{"GLIMPSE_TEST_WORD=grass"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(out, "a notebook.html"); page != want {
		t.Errorf("the page is %q, expected %q", page, want)
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "grass is the word") || !strings.Contains(string(text), "<title>a notebook</title>") {
		t.Errorf("the page (%v) holds %.3000s", err, text)
	}
	if _, err := os.Stat(filepath.Join(folder, "here")); err != nil {
		t.Errorf("the cells did not run in the folder: %v", err)
	}
	if _, err := k.Export(t.Context(), writeNotebook(t, "%%\nfmt.Println(nothing)"), out, Surroundings{}); err == nil || !strings.Contains(err.Error(), "undefined: nothing") {
		t.Errorf("of a cell that fails: %v", err)
	}
}
