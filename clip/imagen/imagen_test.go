package imagen

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// texts are two of different lengths: ids [2, 8].
func texts(t *testing.T) (text latent.Text, ids []int32) {
	t.Helper()
	tokenizer, err := clip.TrainTokenizer([]string{"a red circle", "a blue square", "a red circle", "a blue square"}, 100)
	if err != nil {
		t.Fatal(err)
	}
	text = latent.Text{Tower: clip.TextConfig{VocabSize: tokenizer.VocabSize(), ContextLength: 8, Width: 8, Layers: 1, Heads: 2}, Joint: 4, Length: 8}
	return text, tokenizer.EncodeBatch([]string{"a red circle", "a a"}, text.Length)
}

func fresh() *model.Store {
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, int64(4))
	return store
}

// The loss is the mean surprise of what comes after each token, by loops, what is behind an end token not counting; and no score depends on what comes later.
func TestLoss(t *testing.T) {
	text, ids := texts(t)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec, err := model.NewExec(b, fresh(), func(scope *model.Scope, ids *graph.Node) []*graph.Node {
			return []*graph.Node{Loss(scope, text, ids), Logits(scope, text, ids)}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(append([]int32(nil), ids...), 2, 8))
		if err != nil {
			t.Fatal(err)
		}
		v, logits := text.Tower.VocabSize, tensors.MustCopyFlatData[float32](out[1])
		want, counted := 0.0, 0
		for n := range 2 {
			for i := range 7 {
				next := ids[n*8+i+1]
				if next == 0 {
					continue
				}
				sum, row := 0.0, logits[(n*8+i)*v:(n*8+i+1)*v]
				for _, l := range row {
					sum += math.Exp(float64(l))
				}
				want, counted = want+math.Log(sum)-float64(row[next]), counted+1
			}
		}
		if got := float64(tensors.ToScalar[float32](out[0])); math.Abs(got-want/float64(counted)) > 1e-4 || counted < 6 {
			t.Errorf("expected a surprise of %g in %d tokens, found %g", want/float64(counted), counted, got)
		}
		other := append([]int32(nil), ids...)
		other[3] = other[2]
		out, err = exec.Call(tensors.FromFlatDataAndDimensions(other, 2, 8))
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range tensors.MustCopyFlatData[float32](out[1])[:3*v] {
			if math.Abs(float64(l-logits[i])) > 1e-5 {
				t.Fatalf("a score depends on a later token: %g and %g", logits[i], l)
			}
		}
	})
}

func TestTrainsAlike(t *testing.T) {
	text, ids := texts(t)
	inputs := func() []*tensors.Tensor {
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(append([]int32(nil), ids...), 2, 8)}
	}
	backendtest.Descends(t, 20, 0.3, fresh, inputs, func(scope *model.Scope, in []*graph.Node) *graph.Node { return Loss(scope, text, in[0]) })
}
