package nn

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Attention by loops: each head reads its own numbers, and what the bias shuts off is not read.
func TestAttend(t *testing.T) {
	const N, T, S, W, heads = 2, 3, 4, 6, 2
	at := func(i, seed int) float64 { return math.Sin(float64(i*(seed+2) + seed)) }
	draw := func(n, seed int) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(at(i, seed))
		}
		return values
	}
	shut := []float32{0, 0, 0, -1e9} // the last of what could be read
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out := graph.MustExecOnce(b, func(q, k, v, bias *graph.Node) *graph.Node { return Attend(q, k, v, heads, bias) },
			tensors.FromFlatDataAndDimensions(draw(N*T*W, 1), N, T, W), tensors.FromFlatDataAndDimensions(draw(N*S*W, 2), N, S, W),
			tensors.FromFlatDataAndDimensions(draw(N*S*W, 3), N, S, W), tensors.FromFlatDataAndDimensions(shut, 1, 1, 1, S))
		got, err := tensors.CopyFlatData[float32](out)
		if err != nil {
			t.Fatal(err)
		}
		for i, found := range got {
			n, row, head := i/(T*W), i/W, i%W/(W/heads)
			var sum, total float64
			for s := range S - 1 {
				score := 0.0
				for c := head * W / heads; c < (head+1)*W/heads; c++ {
					score += at(row*W+c, 1) * at((n*S+s)*W+c, 2) / math.Sqrt(W/heads)
				}
				weight := math.Exp(score)
				total += weight
				sum += weight * at((n*S+s)*W+i%W, 3)
			}
			if math.Abs(float64(found)-sum/total) > 1e-5 {
				t.Errorf("number %d: expected %.6f, found %.6f", i, sum/total, found)
			}
		}
	})
}

// The gradients of attention, against the differences of a computation by loops; also where GoMLX is told to fuse nothing.
func TestAttendGradient(t *testing.T) {
	const N, T, S, W, heads = 2, 3, 4, 6, 2
	draw := func(n int, seed float64) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(math.Sin(float64(i)*seed + seed))
		}
		return values
	}
	in := [][]float32{draw(N*T*W, 1.1), draw(N*S*W, 2.3), draw(N*S*W, 3.7), draw(N*T*W, 0.7)} // queries, keys, values and the loss's weights
	bias := draw(T*S, 5.3)
	loss := func(in [][]float64) (sum float64) {
		for i := range N * T {
			for h := range heads {
				var total float64
				read := make([]float64, W)
				for s := range S {
					score := float64(bias[i%T*S+s])
					at := (i/T*S + s) * W
					for c := h * W / heads; c < (h+1)*W/heads; c++ {
						score += in[0][i*W+c] * in[1][at+c] / math.Sqrt(W/heads)
					}
					total += math.Exp(score)
					for c := h * W / heads; c < (h+1)*W/heads; c++ {
						read[c] += math.Exp(score) * in[2][at+c]
					}
				}
				for c, r := range read {
					sum += r / total * in[3][i*W+c]
				}
			}
		}
		return sum
	}
	exact := make([][]float64, len(in))
	for k, values := range in {
		for _, v := range values {
			exact[k] = append(exact[k], float64(v))
		}
	}
	slope := func(k, i int) float64 {
		const step = 1e-5
		at := exact[k][i]
		defer func() { exact[k][i] = at }()
		exact[k][i] = at + step
		above := loss(exact)
		exact[k][i] = at - step
		return (above - loss(exact)) / (2 * step)
	}
	for _, fusion := range []string{"1", "0"} {
		t.Setenv("GOMLX_FUSION", fusion)
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			found := graph.MustExecOnceN(b, func(q, k, v, weights, bias *graph.Node) []*graph.Node {
				return graph.Gradient(graph.ReduceAllSum(graph.Mul(Attend(q, k, v, heads, bias), weights)), q, k, v)
			}, tensors.FromFlatDataAndDimensions(in[0], N, T, W), tensors.FromFlatDataAndDimensions(in[1], N, S, W),
				tensors.FromFlatDataAndDimensions(in[2], N, S, W), tensors.FromFlatDataAndDimensions(in[3], N, T, W),
				tensors.FromFlatDataAndDimensions(bias, 1, 1, T, S))
			for k, tensor := range found {
				got, err := tensors.CopyFlatData[float32](tensor)
				if err != nil {
					t.Fatal(err)
				}
				for i, found := range got {
					if want := slope(k, i); math.Abs(float64(found)-want) > 1e-5 {
						t.Errorf("fusion %s, gradient of input %d, number %d: expected %.6f, found %.6f", fusion, k, i, want, found)
					}
				}
			}
		})
	}
}
