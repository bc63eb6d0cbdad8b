package search

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What Create refuses leaves nothing behind.
func TestCreateRefuses(t *testing.T) {
	unitRow := func(int) ([]float32, error) { return unit(rand.New(rand.NewPCG(1, 1)), 4), nil }
	two := []Entry{{Path: "a.jpg"}, {Path: "b.jpg"}}
	for name, c := range map[string]struct {
		of      Origin
		entries []Entry
		row     func(i int) ([]float32, error)
		want    string
	}{
		"type":         {Origin{Dims: 4, DType: "int8"}, two, unitRow, "expected the type float16 or float32"},
		"no size":      {Origin{}, two, unitRow, "expected embeddings of 1 to"},
		"no rows":      {Origin{Dims: 4}, nil, unitRow, "at least one picture"},
		"order":        {Origin{Dims: 4}, []Entry{{Path: "b"}, {Path: "a"}}, unitRow, "ascending order"},
		"twice":        {Origin{Dims: 4}, []Entry{{Path: "a"}, {Path: "a"}}, unitRow, "ascending order"},
		"many numbers": {Origin{Dims: maxDims + 1}, two, unitRow, "expected embeddings of 1 to"},
		"absolute":     {Origin{Dims: 4}, []Entry{{Path: "/a.jpg"}}, unitRow, "expected pictures with paths below the folder of pictures"},
		"above":        {Origin{Dims: 4}, []Entry{{Path: "../a.jpg"}}, unitRow, "expected pictures with paths below the folder of pictures"},
		"no path":      {Origin{Dims: 4}, []Entry{{}}, unitRow, "expected pictures with paths below the folder of pictures"},
		"long path":    {Origin{Dims: 4}, []Entry{{Path: strings.Repeat("a", maxText+1)}}, unitRow, "expected pictures with paths below the folder of pictures"},
		"bad file":     {Origin{Dims: 4}, []Entry{{Path: "a.jpg", Problem: "not a picture"}}, unitRow, "with the problem"},
		"length":       {Origin{Dims: 4}, two, func(int) ([]float32, error) { return []float32{1, 1, 0, 0}, nil }, "row 0, a.jpg: expected an embedding of length 1"},
		"numbers":      {Origin{Dims: 3}, two, unitRow, "expected an embedding of 3 numbers, found 4"},
		"row fails":    {Origin{Dims: 4}, two, func(int) ([]float32, error) { return nil, errors.New("no such row") }, "no such row"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			err := Create(t.Context(), filepath.Join(parent, "index"), c.of, c.entries, c.row)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("expected an error with %q, found %v", c.want, err)
			}
			if left, _ := os.ReadDir(parent); len(left) != 0 {
				t.Errorf("expected an empty folder, found %v", left)
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "index")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Create(t.Context(), dir, Origin{Dims: 4}, two, unitRow); err == nil {
		t.Error("a folder that was there was written over")
	}
}
