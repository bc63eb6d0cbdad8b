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
	for _, path := range []string{"/a", "/ab", "/abc", "/a folder/müller"} {
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
		large := make([]float32, 4<<20)
		allocated := testdata.Allocated(func() {
			for _, numbers := range [][]float32{large, large[:spillFrom/4], large[:spillFrom/4-1]} {
				if _, err := builder.Main().Constant(numbers, len(numbers)); err != nil {
					t.Fatal(err)
				}
			}
		})
		builder.spill.file.Close()
		if want := int64(4*len(large) + spillFrom); builder.spill.size != want {
			t.Errorf("%d bytes are outside, expected %d", builder.spill.size, want)
		}
		if allocated > 1<<20 {
			t.Errorf("16 MB of numbers cost %d bytes", allocated)
		}
	})
}

// What cannot be written stays in the model, and so does all that comes after it.
func TestSpillWithoutRoom(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := &spill{}
	first, second := []float32{1, 2, 3}, make([]float32, spillPart)
	if _, _, _, ok := readMarker(bytesOf(s.put(first))); !ok {
		t.Fatal("the first constant is not in the file", s.err)
	}
	s.file.Close()
	for _, numbers := range [][]float32{second, first} {
		if got := s.put(numbers); &got[0] != &numbers[0] || s.err == nil {
			t.Errorf("expected the constant itself and an error, found %d numbers and %v", len(got), s.err)
		}
	}
}

// The file holds the numbers, one constant behind the other, and has a name while the graph is compiled.
func TestSpillHoldsTheNumbers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := &spill{}
	constants := [][]float32{{1, 2, 3}, {4}, make([]float32, spillPart), {5, 6}}
	constants[2][spillPart/2], constants[2][spillPart-1] = 7, 8
	var markers [][]float32
	for _, numbers := range constants {
		markers = append(markers, s.put(numbers))
	}
	failure := errors.New("of the compiler")
	err := s.compile(func() error {
		for i, m := range markers {
			path, offset, size, ok := readMarker(bytesOf(m))
			data, err := os.ReadFile(path)
			if err != nil || !ok || !bytes.Equal(data[offset:offset+size], bytesOf(constants[i])) {
				t.Errorf("constant %d is not in the file (%v)", i, err)
			}
		}
		return failure
	})
	if left, _ := os.ReadDir(dir); err != failure || len(left) > 0 {
		t.Errorf("found the error %v and left %v", err, left)
	}
}

// A graph that is given up while it is built leaves no file behind, where the system knows files without a name.
func TestSpillOfAGraphThatIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := &spill{}
	s.put(make([]float32, 100))
	if left, _ := os.ReadDir(dir); len(left) > 0 && s.path != filepath.Join(dir, left[0].Name()) {
		t.Errorf("left %v", left)
	} else if len(left) > 0 {
		t.Skip("this file system has no files without a name")
	}
	s.file.Close()
}
