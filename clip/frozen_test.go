package clip

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

func loadFrozen(t *testing.T, dir string) *Model {
	t.Helper()
	m, err := LoadFrozen(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// close to float32's rounding: kernels of other shapes, and batch norms inside convolutions, add in another order.
func sameEmbeddings(t *testing.T, got, want [][]float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d embeddings, expected %d", len(got), len(want))
	}
	for i := range want {
		near(t, fmt.Sprint("embedding ", i), got[i], want[i], 2e-5, 0)
	}
}

// A frozen model says what the model says that is loaded whole, on every backend, of published files in both namings: networks with batch norms,
// patches and transformers. Calls with many inputs, with few, and with some left over go through graphs of other sizes.
func TestFrozenSaysTheSame(t *testing.T) {
	eachReference(t, func(t *testing.T, b compute.Backend, whole *Model, folder string) {
		c, err := OpenCheckpoint(filepath.Dir(testdata.Golden(t, folder+"meta.json")), whole.Naming)
		if err != nil {
			t.Fatal(err)
		}
		frozen, err := c.loadFrozen()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(frozen.Close)
		in := referenceInputs(t, folder)
		v := whole.Config.Vision
		size := v.Height * v.Width * 3
		ids := make([]int32, whole.Config.Text.ContextLength)
		copy(ids, in.IDs[:in.Length])
		for _, n := range []int{1, frozenBatch + 3, 2} {
			var pictures [][]float32
			var texts [][]int32
			for i := range n {
				row := make([]float32, size)
				for k := range row {
					row[k] = in.Images[(k+i)%len(in.Images)]
				}
				pictures, texts = append(pictures, row), append(texts, ids)
			}
			want, err := whole.EncodeImages(b, pictures)
			if err != nil {
				t.Fatal(err)
			}
			got, err := frozen.EncodeImages(b, pictures)
			if err != nil {
				t.Fatal(err)
			}
			sameEmbeddings(t, got, want)
			wantTexts, err := whole.EncodeTokens(b, texts)
			if err != nil {
				t.Fatal(err)
			}
			gotTexts, err := frozen.EncodeTokens(b, texts)
			if err != nil {
				t.Fatal(err)
			}
			sameEmbeddings(t, gotTexts, wantTexts)
		}
	})
}

// Weights are read when they are wanted, and those of the other tower never: on ONNX Runtime not even into the store.
func TestFrozenReadsWhatIsUsed(t *testing.T) {
	dir := save(t, smallModel(t, 5))
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := loadFrozen(t, dir)
		if _, err := m.EncodeTexts(b, []string{"red"}); err != nil {
			t.Fatal(err)
		}
		inStore := map[Tower]int{}
		for _, w := range m.Config.Weights() {
			for v := range m.Store.IterVariables() {
				if v.Path() == weights.Path(w.Name) {
					inStore[w.Tower]++
				}
			}
		}
		if inStore[Both] != 1 || inStore[ImageSide] != 0 || (inStore[TextSide] == 0) != laysOut(b) {
			t.Errorf("of the temperature, pictures' and texts' weights the store has %v", inStore)
		}
		scale, err := m.Scale()
		if want, _ := load(t, dir).Scale(); err != nil || scale != want {
			t.Errorf("got the scale %v (%v), expected %v", scale, err, want)
		}
	})
}

// What needs all weights reads the rest: a frozen model that is saved is the model, bit for bit.
func TestFrozenIsWholeWhenSaved(t *testing.T) {
	b := backendtest.Go(t)
	dir := save(t, smallModel(t, 5))
	m := loadFrozen(t, dir)
	want := embed(t, b, load(t, dir))
	if _, err := m.EncodeTexts(b, []string{"red"}); err != nil {
		t.Fatal(err)
	}
	again := load(t, save(t, m))
	sameBits(t, embed(t, b, again), want)
	sameBits(t, embed(t, b, m), want)
	got, err := m.Evaluate(b, Inputs{IDs: make([]int32, 9), Length: 9}, Wanted{})
	if err != nil || got["text_features"].Len() == 0 {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestFrozenRefuses(t *testing.T) {
	_, err := LoadFrozen(t.TempDir())
	sentence(t, err, "expected a CLIP model")

	dir := save(t, smallModel(t, 5))
	path := filepath.Join(dir, WeightsFile)
	file, err := safetensors.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	delete(file.Tensors, "ln_final.weight")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Write(path, file.Tensors, file.Metadata); err != nil {
		t.Fatal(err)
	}
	_, err = LoadFrozen(dir)
	sentence(t, err, "ln_final.weight")
}

// Few graphs are compiled: two sizes at the most.
func TestFrozenBatches(t *testing.T) {
	sizes := func(e *encoder, inputs int) (all []int) {
		r := (&frozen{}).runner(e, nil, nil)
		for left := inputs; left > 0; {
			size := r.next(left, 5)
			all = append(all, size)
			left -= size
		}
		return all
	}
	e := &encoder{}
	for _, c := range []struct {
		inputs int
		want   string
	}{{1, "[1]"}, {3, "[1 1 1]"}, {12, "[16]"}, {16, "[16]"}, {18, "[16 16]"}, {33, "[16 16 16]"}} {
		if got := fmt.Sprint(sizes(e, c.inputs)); got != c.want {
			t.Errorf("%d inputs: batches of %s, expected %s", c.inputs, got, c.want)
		}
	}
}
