package captioner

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// PyTorch's adaptive_avg_pool2d takes 3 places to 2 as the means of the first two and the last two.
func TestAveraged(t *testing.T) {
	grid := []float32{1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70, 8, 80, 9, 90} // [3, 3, 2]
	want := []float32{3, 30, 4, 40, 6, 60, 7, 70}
	for i, v := range averaged(grid, 3, 2, 2) {
		if math.Abs(float64(v-want[i])) > 1e-5 {
			t.Errorf("place %d: got %v, expected %v", i, v, want[i])
		}
	}
	for i, v := range averaged(grid, 3, 3, 2) {
		if v != grid[i] {
			t.Errorf("as many places: got %v for %v", v, grid[i])
		}
	}
}

// frozenCaptioner has fresh weights and SqueezeNet's features.
func frozenCaptioner(t *testing.T) *Model { return frozenWith(t, New) }

// maker is [New] or [NewShowAndTell].
type maker func(*backend.Backend, captioning.Config, *captioning.Vocabulary, *Encoder, int64) (*Model, error)

func frozenWith(t *testing.T, make maker) *Model {
	t.Helper()
	t.Setenv("GLIMPSE_DATA", filepath.Dir(testdata.Data(t, "squeezenet")))
	b := backendtest.Open(t, "go")
	encoder, err := OpenEncoder(b.Backend, "squeezenet", 67, 2)
	if err != nil {
		t.Fatal(err)
	}
	vocabulary := captioning.NewVocabulary([][]string{{"a", "red", "blue", "circle", "square"}}, 1)
	cfg := captioning.Tiny(0)
	cfg.MaxLen = 20 // no caption of Scenes is longer
	c, err := make(b, cfg, vocabulary, encoder, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A caption is written with the features that the decoder was trained on: its log p is what the loss says of its words.
func TestWritingSeesWhatTrainingSees(t *testing.T) {
	t.Run("Show, Attend and Tell", func(t *testing.T) { writingSeesWhatTrainingSees(t, frozenCaptioner(t)) })
	t.Run("Show and Tell", func(t *testing.T) { writingSeesWhatTrainingSees(t, frozenWith(t, NewShowAndTell)) })
	for _, bridge := range captioning.Bridges() {
		t.Run(string(bridge), func(t *testing.T) { writingSeesWhatTrainingSees(t, frozenWith(t, tinyLanguage(bridge))) })
	}
}

func writingSeesWhatTrainingSees(t *testing.T, c *Model) {
	cfg := scenes.Pairs()
	cfg.Count, cfg.Size = 3, 67
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	prepared, problems, err := c.Prepare(t.Context(), quiet(c), set)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	writer, err := c.NewWriter(Writing{Beam: captioning.BeamOptions{K: 2}}, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	exec, err := model.NewExec(c.backend.Backend, c.Store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		return c.Losses(scope, inputs).PerExample
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	for i := range prepared.Examples {
		written, err := writer.WriteInputs([][]float32{prepared.Inputs(i)}, []uint64{1}, 1)
		if err != nil {
			t.Fatal(err)
		}
		caption := written[0][0]
		batch, err := c.Batch([]Item{{prepared.Inputs(i), append([]int32{captioning.Start}, caption.IDs...)}})
		if err != nil {
			t.Fatal(err)
		}
		loss, err := exec.Call1(batch[0], batch[1], batch[2])
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(loss.Value().([]float32)[0]); math.Abs(got+caption.LogProb) > 1e-3 {
			t.Errorf("picture %d: the caption's log p is %.4f, and by the loss %.4f", i, caption.LogProb, -got)
		}
	}
}

// Pictures that are encoded many at once, in several chunks, get what each gets alone.
func TestGridOfMany(t *testing.T) {
	b := backendtest.Open(t, "go")
	encoder, err := OpenEncoder(b.Backend, "cnn", 16, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(b, captioning.Tiny(0), captioning.NewVocabulary([][]string{{"a", "red"}}, 1), encoder, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var inputs [][]float32
	for i := range 2*gridBatch + 3 {
		input := make32(encoder.inputSize())
		input[i] = 50
		inputs = append(inputs, input)
	}
	all, err := c.grid(inputs)
	if err != nil {
		t.Fatal(err)
	}
	size := encoder.Grid * encoder.Grid * encoder.Channels
	if len(all) != len(inputs)*size {
		t.Fatalf("expected %d numbers, found %d", len(inputs)*size, len(all))
	}
	for _, i := range []int{0, gridBatch, 2 * gridBatch, len(inputs) - 1} {
		alone, err := c.grid(inputs[i : i+1])
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range alone {
			if got := all[i*size+k]; math.Abs(float64(got-want)) > 1e-4 {
				t.Fatalf("picture %d, number %d: alone %g, with others %g", i, k, want, got)
			}
		}
	}
}
