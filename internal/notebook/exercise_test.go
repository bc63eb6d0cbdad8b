package notebook

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	stub     = "import \"math\"\n\nfunc half(x float64) float64 { return math.Pi } // yours\n"
	check    = "%%\nlesson.Exercise(\"half\", half(3), 1.5, 0)"
	solution = "<details><summary>A solution</summary>\n\n```go\nfunc half(x float64) float64 { return x / 2 }\n```\n\n</details>"
)

// third is another exercise, whose check has variables.
const third = "func third(x float64) float64 { return x } // yours\n%%\nx := 3.0\nlesson.Exercise(\"third\", third(x), 1, 0)"

// exerciseDocument is a notebook with one exercise of the given parts.
func exerciseDocument(name, code, answer string) *Document {
	return &Document{Cells: []Cell{{Type: "markdown", Source: "Halve it."}, {Type: "code", Source: code, Exercise: name}, {Type: "markdown", Source: answer}}}
}

func TestExercises(t *testing.T) {
	exercises, err := exerciseDocument("half", stub+check, solution).Exercises()
	if err != nil || len(exercises) != 1 {
		t.Fatalf("got %v (%v), expected one exercise", exercises, err)
	}
	want := Exercise{Name: "half", Stub: stub, Check: check, Solution: "func half(x float64) float64 { return x / 2 }\n"}
	if exercises[0] != want {
		t.Errorf("got %+v, expected %+v", exercises[0], want)
	}
}

func TestExercisesThatAreNotWhole(t *testing.T) {
	twice := exerciseDocument("half", stub+check, solution)
	twice.Cells = append(twice.Cells, twice.Cells[1:]...)
	for want, doc := range map[string]*Document{
		`to have the metadata {"glimpse": {"exercise": NAME}}`:     exerciseDocument("", stub+check, ""),
		"to stand behind its exercise":                             exerciseDocument("", "%%\nfmt.Println(1)", solution),
		"found two that are called":                                twice,
		"expected a code cell with a function, the line %%":        exerciseDocument("half", stub, solution),
		`expected a check that calls lesson.Exercise("other"`:      exerciseDocument("other", stub+check, solution),
		"found no solution":                                        exerciseDocument("half", stub+check, "Well done."),
		"expected a function above the line %%":                    exerciseDocument("half", check, solution),
		"expected the solution to hold the function half, found n": exerciseDocument("half", stub+check, strings.ReplaceAll(solution, "half", "halve")),
	} {
		_, err := doc.Exercises()
		sentence(t, err, want)
	}
}

// As it is committed an exercise is not solved, with its solution it is; the reader's own cells stay as they are.
func TestExerciseIsExecutedWithItsSolution(t *testing.T) {
	needJupyter(t, "jupyter-nbconvert")
	k := installed(t)
	path := filepath.Join(t.TempDir(), "n.ipynb")
	text, err := source{"nbformat": 4, "nbformat_minor": 5, "metadata": map[string]any{}, "cells": []any{
		map[string]any{"cell_type": "code", "id": "a", "execution_count": nil, "outputs": []any{}, "source": splitLines(stub + check),
			"metadata": map[string]any{"glimpse": map[string]any{"exercise": "half"}}},
		map[string]any{"cell_type": "markdown", "id": "b", "source": splitLines(solution), "metadata": map[string]any{}},
		map[string]any{"cell_type": "code", "id": "c", "execution_count": nil, "outputs": []any{}, "source": splitLines(third),
			"metadata": map[string]any{"glimpse": map[string]any{"exercise": "third"}}},
		map[string]any{"cell_type": "markdown", "id": "d", "source": splitLines(strings.NewReplacer("half", "third", "x / 2", "x / 3").Replace(solution)), "metadata": map[string]any{}},
	}}.format()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if text, err = WithSolutions(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	doc, err := k.Check(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	code := doc.Code()
	if len(code) != 3 || code[0].Exercise != "half" || code[1].Exercise != "third" || !slices.Equal(code[2].Solutions, []string{"half", "third"}) {
		t.Fatalf("expected two exercises and a cell with their solutions, found %+v", code)
	}
	if code[0].Looked() {
		t.Error("no one has looked at the cell yet")
	}
	if said := code[0].Text(); said != "half: not yet: expected 1.5, found 3.142\n" {
		t.Errorf("as committed the check said %q", said)
	}
	if said := code[2].Text(); said != "half: right\nthird: right\n" {
		t.Errorf("with the solutions the checks said %q", said)
	}
	if !code[0].Looked() {
		t.Error("the cell was looked at and does not know")
	}
}
