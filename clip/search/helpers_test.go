package search

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

const testDims = 12

// colours is an encoder without a model: the embedding of a picture follows from the colour of its first pixel. It counts what it
// is asked.
func colours(asked *atomic.Int64) Encoder {
	return Encoder{Folder: "/models/colours", Identity: "colours 1", Dims: testDims,
		Prepare: func(img image.Image) ([]float32, error) {
			if img.Bounds().Dx() < 2 {
				return nil, fmt.Errorf("expected a picture of 2 pixels, found %v", img.Bounds())
			}
			r, g, b, _ := img.At(0, 0).RGBA()
			return []float32{float32(r >> 8), float32(g >> 8), float32(b >> 8)}, nil
		},
		Encode: func(prepared [][]float32) ([][]float32, error) {
			var rows [][]float32
			for _, p := range prepared {
				asked.Add(1)
				rows = append(rows, colourRow(p))
			}
			return rows, nil
		}}
}

func colourRow(p []float32) []float32 {
	return unit(rand.New(rand.NewPCG(uint64(p[0])<<16|uint64(p[1])<<8|uint64(p[2]), 7)), testDims)
}

// paint writes a picture of the colour with the given number.
func paint(t testing.TB, path string, number int) {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	for i := range 4 {
		img.SetNRGBA(i%2, i/2, color.NRGBA{uint8(number >> 16), uint8(number >> 8), uint8(number), 255})
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// made writes an index of n random unit vectors of d numbers, without any pictures.
func made(t testing.TB, dir string, n, d int, dtype DType) *Index {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{Path: fmt.Sprintf("%07d.jpg", i), Size: int64(i), ModTime: int64(i)}
	}
	of := Origin{Model: "/models/random", Identity: "random", Pictures: "/pictures", Dims: d, DType: dtype}
	if err := Create(t.Context(), dir, of, entries, func(int) ([]float32, error) { return unit(rng, d), nil }); err != nil {
		t.Fatal(err)
	}
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// rowOf is a row of an index that is whole.
func rowOf(t testing.TB, x *Index, i int) []float32 {
	t.Helper()
	row, err := x.Row(i)
	if err != nil {
		t.Fatal(err)
	}
	return row
}
