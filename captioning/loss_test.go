package captioning

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// With smoothed labels the loss is the cross entropy against the distribution that has 1-eps at the word and eps spread over
// all V, computed here from its definition; what is reported beside it stays -log p of the words.
func TestLabelSmoothing(t *testing.T) {
	const N, T, V, eps = 3, 5, 7, 0.1
	rng := rand.New(rand.NewPCG(3, 1))
	logits := make([]float32, N*(T-1)*V)
	for i := range logits {
		logits[i] = float32(3 * rng.NormFloat64())
	}
	captions, lengths := make([]int32, N*T), []int32{5, 3, 4}
	for i := range captions {
		captions[i] = int32(rng.IntN(V))
	}
	var words, plain, smooth float64
	perCaption := 0.0
	for n := range N {
		for s := range int(lengths[n]) - 1 {
			row, sum := logits[(n*(T-1)+s)*V:][:V], 0.0
			for _, x := range row {
				sum += math.Exp(float64(x))
			}
			words++
			for k, x := range row {
				surprise, q := math.Log(sum)-float64(x), eps/V
				if int32(k) == captions[n*T+s+1] {
					plain += surprise
					q += 1 - eps
				}
				smooth += q * surprise
				perCaption += q * surprise / N
			}
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for norm, want := range map[Norm]float64{NormMean: smooth / words, NormPaper: perCaption} {
			cfg := Config{Norm: norm, LabelSmoothing: eps}
			got, err := graph.CallOnceN(b, func(in []*Node) []*Node {
				out := Outputs{Logits: in[0], Alpha: graph.Ones(in[0].Graph(), in[0].Shape())}
				l := Loss(cfg, out, in[1], in[2])
				return []*Node{l.Total, l.CrossEntropy, graph.ReduceAllSum(l.PerExample)}
			}, tensors.FromFlatDataAndDimensions(logits, N, T-1, V), tensors.FromFlatDataAndDimensions(captions, N, T), tensors.FromFlatDataAndDimensions(lengths, N))
			if err != nil {
				t.Fatal(err)
			}
			entropy := plain / words
			if norm == NormPaper {
				entropy = plain / N
			}
			for i, want := range []float64{want, entropy, plain} {
				if v := float64(tensors.ToScalar[float32](got[i])); math.Abs(v-want) > 1e-5*want {
					t.Errorf("%s, part %d: got %.7f, want %.7f", norm, i, v, want)
				}
			}
		}
	})
}
