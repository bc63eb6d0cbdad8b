package clip

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

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
		v, length := whole.Config.Vision, whole.Config.Text.ContextLength
		size := v.Height * v.Width * 3
		for _, n := range []int{1, frozenBatch + 3, 2} {
			var pictures [][]float32
			var texts [][]int32
			for i := range n {
				row := make([]float32, size)
				for k := range row {
					row[k] = in.Images[(k+i)%len(in.Images)]
				}
				ids := make([]int32, length) // of every length, the longest first
				for k := range ids {
					ids[k] = int32(1 + (k+i)%7)
				}
				ids[length-1-5*i%(length-1)] = int32(whole.Config.Text.VocabSize - 1)
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
		inStore := func() map[Tower]bool {
			has := map[Tower]bool{}
			for _, w := range m.Config.Weights() {
				if m.Store.GetVariable(weights.Path(w.Name)) != nil {
					has[w.Tower] = true
				}
			}
			return has
		}
		if has := inStore(); !has[Both] || has[ImageSide] || has[TextSide] {
			t.Errorf("of the temperature, pictures' and texts' weights the store has %v when the model was loaded", has)
		}
		if _, err := m.EncodeTexts(b, []string{"red"}); err != nil {
			t.Fatal(err)
		}
		if has := inStore(); has[ImageSide] || has[TextSide] == laysOut(b) {
			t.Errorf("of the temperature, pictures' and texts' weights the store has %v when texts were encoded", has)
		}
		if _, err := m.EncodeImages(b, somePictures(1)); err != nil {
			t.Fatal(err)
		}
		if has := inStore(); has[ImageSide] == laysOut(b) {
			t.Errorf("of the temperature, pictures' and texts' weights the store has %v when pictures were encoded", has)
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

// A frozen model can be trained after all: encoders then see what training changed, on every backend.
func TestFrozenIsNeverStale(t *testing.T) {
	dir := save(t, smallModel(t, 5))
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := loadFrozen(t, dir)
		before := embed(t, b, m)
		train := func() {
			exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, images, ids *graph.Node) *graph.Node {
				image, text := m.Embed(scope, images, ids)
				loss, _ := SigLIPLoss.Compare(scope, image, text) // which adds a variable that is no weight
				v := scope.Store().GetVariable("/text_projection")
				v.SetNodeValue(graph.Square(v.NodeValue(loss)))
				return loss
			})
			if err != nil {
				t.Fatal(err)
			}
			defer exec.Finalize()
			v := m.Config.Vision
			if _, err := exec.Call1(tensors.FromFlatDataAndDimensions(noise(1), 1, v.Height, v.Width, 3), [][]int32{{1, 2, 3, 4, 5, 6, 7, 8, 9}}); err != nil {
				t.Fatal(err)
			}
		}
		train()
		after := embed(t, b, m)
		sameEmbeddings(t, after[:2], before[:2])
		differ(t, after[2], before[2], 0, 0)
		train()
		differ(t, embed(t, b, m)[2], after[2], 0, 0)
	})
}

// What cannot be read is said, again and again, and no half of a model is used.
func TestFrozenFilesThatCannotBeRead(t *testing.T) {
	dir := save(t, smallModel(t, 5))
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := loadFrozen(t, dir)
		m.frozen.checkpoint.file = unreadable{m.frozen.checkpoint.file}
		for range 2 {
			_, err := m.EncodeTexts(b, []string{"red"})
			sentence(t, err, "expected", "numbers")
			sentence(t, m.Save(t.TempDir()), "expected", "numbers")
		}
	})
}

// unreadable has tensors whose bytes are not those of their shapes.
type unreadable struct{ tensorFile }

func (u unreadable) Get(name string) (safetensors.Tensor, bool) {
	t, ok := u.tensorFile.Get(name)
	t.Data = t.Data[:len(t.Data)/2]
	return t, ok
}

// Few graphs are compiled: for each size of inputs two at the most, and a large one for the last few inputs only where the call had one.
func TestFrozenBatches(t *testing.T) {
	one := fixed{shape: shapes.Make(dtypes.Int32, 1, 5)}
	for _, c := range []struct {
		fixed  []fixed
		inputs []int // of sizes 5, 6, ...
		want   string
	}{
		{nil, []int{1}, "[[1]]"}, {nil, []int{3}, "[[1 1 1]]"}, {nil, []int{12}, "[[16]]"}, {nil, []int{16}, "[[16]]"}, {nil, []int{18}, "[[16 16]]"},
		{nil, []int{33}, "[[16 16 16]]"}, {[]fixed{one}, []int{18}, "[[16 1 1]]"}, {[]fixed{one}, []int{12}, "[[16]]"},
		{nil, []int{20, 1}, "[[16 16] [1]]"}, {nil, []int{1, 20}, "[[1] [16 16]]"},
	} {
		r := (&frozen{}).runner(&encoder{fixed: c.fixed}, nil, nil)
		var all [][]int
		for i, left := range c.inputs {
			var sizes []int
			for left > 0 {
				size := r.next(left, 5+i)
				sizes = append(sizes, size)
				left -= size
			}
			all = append(all, sizes)
		}
		if got := fmt.Sprint(all); got != c.want {
			t.Errorf("%d inputs: batches of %s, expected %s", c.inputs, got, c.want)
		}
	}
}
