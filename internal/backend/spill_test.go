package backend

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// A marker says where a constant lies, and no numbers pass for one.
func TestMarker(t *testing.T) {
	for _, path := range []string{"/tmp/a", "/tmp/ab", "/tmp/abc", "/tmp/a folder/müller"} {
		gotPath, offset, size, ok := readMarker(bytesOf(marker(path, 1<<40, 12)))
		if !ok || gotPath != path || offset != 1<<40 || size != 12 {
			t.Errorf("%s: read %q, %d, %d, %v", path, gotPath, offset, size, ok)
		}
	}
	for _, numbers := range [][]float32{nil, {1, 2}, make([]float32, 100)} {
		if _, _, _, ok := readMarker(bytesOf(numbers)); ok {
			t.Errorf("%v passes for a marker", numbers)
		}
	}
}

// timesLarge compiles and runs a graph with two constants that are kept outside the model: [1, n] times [n, n], plus [1, n].
func timesLarge(b compute.Backend) ([]float32, error) {
	const n = 200
	matrix, row, x := make([][]float32, n), make([]float32, n*n), make([]float32, n)
	for i := range matrix {
		matrix[i] = make([]float32, n)
		matrix[i][(i+1)%n] = float32(i)
		x[i] = float32(i)
	}
	for i := range row {
		row[i] = float32(i) / 2
	}
	exec, err := graph.NewExec(b, func(x *graph.Node) *graph.Node {
		first := graph.Slice(graph.Reshape(graph.Const(x.Graph(), row), n, n), graph.AxisRange(0, 1))
		return graph.Add(graph.MatMul(graph.Reshape(x, 1, n), graph.Const(x.Graph(), matrix)), first)
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	y, err := exec.Call1(x)
	if err != nil {
		return nil, err
	}
	return y.Value().([][]float32)[0], nil
}

// Constants outside the model are the constants, on every backend, and no file is left behind; without a folder for the file they stay
// in the model.
func TestLargeConstants(t *testing.T) {
	onEach(t, func(t *testing.T, b compute.Backend) {
		for name, dir := range map[string]string{"kept outside": t.TempDir(), "no folder": filepath.Join(t.TempDir(), "none")} {
			t.Run(name, func(t *testing.T) {
				t.Setenv("TMPDIR", dir)
				got, err := timesLarge(b)
				if err != nil {
					t.Fatal(err)
				}
				for i, v := range got {
					before := float32((i + len(got) - 1) % len(got))
					if want := before*before + float32(i)/2; v != want {
						t.Fatalf("number %d: got %g, expected %g", i, v, want)
					}
				}
				left, err := os.ReadDir(dir)
				if len(left) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("left behind: %v (%v)", left, err)
				}
			})
		}
	})
}

// Where it is for ONNX Runtime, a large constant costs no copies in memory; one that is small stays in the model, and other backends get them all.
func TestLargeConstantsAreNotCopied(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	onEach(t, func(t *testing.T, b compute.Backend) {
		builder := b.Builder("constants").(*mendedBuilder)
		spills := strings.HasPrefix(b.Name(), "onnx")
		if (builder.spill != nil) != spills {
			t.Fatalf("constants kept outside: %v, expected %v", builder.spill != nil, spills)
		}
		if !spills {
			return
		}
		defer builder.spill.close()
		large := make([]float32, 4<<20)
		allocated := testdata.Allocated(func() {
			for _, numbers := range [][]float32{large, large[:spillFrom/4], large[:spillFrom/4-1]} {
				if _, err := builder.Main().Constant(numbers, len(numbers)); err != nil {
					t.Fatal(err)
				}
			}
		})
		if err := builder.spill.wait(); err != nil {
			t.Fatal(err)
		}
		if want := int64(4*len(large) + spillFrom); builder.spill.size != want {
			t.Errorf("%d bytes are outside, expected %d", builder.spill.size, want)
		}
		if allocated > 1<<20 {
			t.Errorf("16 MB of numbers cost %d bytes", allocated)
		}
	})
}

// What cannot be written is said, with what to do.
func TestSpillSaysThatThereIsNoRoom(t *testing.T) {
	s := &spill{}
	t.Setenv("TMPDIR", t.TempDir())
	s.put(make([]float32, 5))
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.file.Close()
	s.put(make([]float32, 2e6))
	err := s.wait()
	if err == nil || !strings.Contains(err.Error(), "room for 8 MB") || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("found %v", err)
	}
}

// The file holds the numbers, one constant behind the other.
func TestSpillHoldsTheNumbers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := &spill{}
	defer s.close()
	for _, numbers := range [][]float32{{1, 2, 3}, {4}, {5, 6}} {
		path, offset, size, ok := readMarker(bytesOf(s.put(numbers)))
		if err := s.wait(); err != nil || !ok {
			t.Fatal(err, ok)
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(data[offset:offset+size], bytesOf(numbers)) {
			t.Errorf("%v: the file has %v there (%v)", numbers, data[offset:offset+size], err)
		}
	}
}
