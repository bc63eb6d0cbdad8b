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
				if v := float64(tensors.ToScalar[float32](got[i])); !(math.Abs(v-want) <= 1e-5*want) {
					t.Errorf("%s, part %d: got %.7f, want %.7f", norm, i, v, want)
				}
			}
		}
	})
}

// The gradient that is made at once against that of plain differentiation, of both losses together and of each alone, one after the other in one graph.
func TestSurpriseGradients(t *testing.T) {
	const n, V = 6, 9
	rng := rand.New(rand.NewPCG(3, 2))
	draw := func(size int, scale float64) []float32 {
		x := make([]float32, size)
		for i := range x {
			x[i] = float32(scale * rng.NormFloat64())
		}
		return x
	}
	target := make([]int32, n)
	for i := range target {
		target[i] = int32(rng.IntN(V))
	}
	logits, a, b := draw(n*V, 3), draw(n, 1), draw(n, 1)
	plainly := func(logits, target *Node, eps float64) (nll, smoothed *Node) {
		logP := graph.LogSoftmax(logits, -1)
		nll = graph.Neg(graph.ReduceSum(graph.Mul(logP, graph.OneHot(target, V, logits.DType())), 1))
		return nll, graph.Sub(graph.MulScalar(nll, 1-eps), graph.MulScalar(graph.ReduceMean(logP, 1), eps))
	}
	for _, eps := range []float64{0, 0.1} {
		walk := func(losses func(logits, target *Node, eps float64) (nll, smoothed *Node)) func(logits, target, a, b *Node) []*Node {
			return func(logits, target, a, b *Node) (gradients []*Node) {
				nll, smoothed := losses(logits, target, eps)
				first, second := graph.ReduceAllSum(graph.Mul(nll, a)), graph.ReduceAllSum(graph.Mul(smoothed, b))
				for _, loss := range []*Node{graph.Add(first, second), first, second} {
					gradients = append(gradients, graph.Gradient(loss, logits)[0])
				}
				return gradients
			}
		}
		backendtest.Each(t, func(t *testing.T, backend compute.Backend) {
			args := []any{tensors.FromFlatDataAndDimensions(logits, n, V), tensors.FromFlatDataAndDimensions(target, n),
				tensors.FromFlatDataAndDimensions(a, n), tensors.FromFlatDataAndDimensions(b, n)}
			var sides [2][]*tensors.Tensor
			for i, losses := range []func(logits, target *Node, eps float64) (nll, smoothed *Node){surprise, plainly} {
				exec, err := graph.NewExec(backend, walk(losses))
				if err != nil {
					t.Fatal(err)
				}
				if sides[i], err = exec.Call(args...); err != nil {
					t.Fatal(err)
				}
			}
			for i, name := range []string{"both", "nll", "smoothed"} {
				if !sides[0][i].InDelta(sides[1][i], 1e-5) {
					t.Errorf("eps %g, gradient of %s: expected %v, found %v", eps, name, sides[1][i], sides[0][i])
				}
			}
		})
	}
}
