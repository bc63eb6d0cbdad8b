package clip

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// randomUnits are n random unit vectors.
func randomUnits(n, d int, seed uint64) [][]float32 {
	rng := rand.New(rand.NewPCG(seed, 5))
	rows := make([][]float32, n)
	for i := range rows {
		norm := 0.0
		row := make([]float64, d)
		for j := range row {
			row[j] = rng.NormFloat64()
			norm += row[j] * row[j]
		}
		for _, v := range row {
			rows[i] = append(rows[i], float32(v/math.Sqrt(norm)))
		}
	}
	return rows
}

// Spread over 1, 2, 4 and 8 ranks, the local losses with offset labels have the global loss as their mean, and its gradients if
// embeddings are gathered with theirs. Gathered without, a rank's gradient lacks what its embeddings do as others' negatives.
func TestLocalLossIsTheGlobalLoss(t *testing.T) {
	const n, d = 32, 16
	image, text := randomUnits(n, d, 1), randomUnits(n, d, 2)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, ranks := range []int{1, 2, 4, 8} {
			out, err := graph.CallOnceN(b, func(image, text *graph.Node) []*graph.Node {
				scale := graph.Scalar(image.Graph(), image.DType(), math.Log(1/0.07))
				global := InfoNCE(Logits(image, text, scale))
				shards := func(gather func(x *graph.Node, rank int) *graph.Node) *graph.Node {
					var sum *graph.Node
					for r := range ranks {
						cut := graph.AxisRange(r*n/ranks, (r+1)*n/ranks)
						part := LocalInfoNCE(graph.Slice(image, cut), graph.Slice(text, cut), gather(image, r), gather(text, r), scale, r*n/ranks)
						if sum == nil {
							sum = part
						} else {
							sum = graph.Add(sum, part)
						}
					}
					return graph.DivScalar(sum, float64(ranks))
				}
				withGradient := shards(func(x *graph.Node, _ int) *graph.Node { return x })
				// open_clip without gather_with_grad: of what was gathered, only the rank's own rows have a gradient.
				without := shards(func(x *graph.Node, r int) *graph.Node {
					var parts []*graph.Node
					for other := range ranks {
						part := graph.Slice(x, graph.AxisRange(other*n/ranks, (other+1)*n/ranks))
						if other != r {
							part = graph.StopGradient(part)
						}
						parts = append(parts, part)
					}
					return graph.Concatenate(parts, 0)
				})
				outputs := []*graph.Node{global, withGradient, without}
				for _, loss := range []*graph.Node{global, withGradient, without} {
					outputs = append(outputs, graph.Gradient(loss, image, text)...)
				}
				return outputs
			}, image, text)
			if err != nil {
				t.Fatal(err)
			}
			loss := func(i int) float64 { return float64(out[i].Value().(float32)) }
			gradients := func(i int) [][]float32 {
				return append(append([][]float32(nil), out[3+2*i].Value().([][]float32)...), out[4+2*i].Value().([][]float32)...)
			}
			near := func(what string, got, want, tolerance float64) {
				if math.Abs(got-want) > tolerance*(1+math.Abs(want)) {
					t.Errorf("%d ranks: %s: expected %g, found %g", ranks, what, want, got)
				}
			}
			near("local loss", loss(1), loss(0), 1e-6)
			near("local loss, gathered without gradient", loss(2), loss(0), 1e-6)
			near("distance of the gradients", relativeDistance(gradients(1), gradients(0)), 0, 1e-6)
			apart := relativeDistance(gradients(2), gradients(0))
			t.Logf("%d ranks: gathered without gradient, the gradients are off by %.1f%%", ranks, 100*apart)
			if (ranks > 1) != (apart > 0.05) {
				t.Errorf("%d ranks: gathered without gradient, the gradients are off by %g of their length", ranks, apart)
			}
		}
	})
}

// relativeDistance is |a - b| / |b|.
func relativeDistance(a, b [][]float32) float64 {
	difference, length := 0.0, 0.0
	for i := range b {
		for j := range b[i] {
			difference += math.Pow(float64(a[i][j]-b[i][j]), 2)
			length += math.Pow(float64(b[i][j]), 2)
		}
	}
	return math.Sqrt(difference / length)
}

// A text that is ignored changes nothing about the loss, and a mask of the diagonal is none.
func TestCompareMasked(t *testing.T) {
	const n, d = 6, 8
	image, text := randomUnits(n, d, 3), randomUnits(n, d, 4)
	none, diagonal, some := make([][]float32, n), make([][]float32, n), make([][]float32, n)
	for i := range n {
		none[i], diagonal[i], some[i] = make([]float32, n), make([]float32, n), make([]float32, n)
		diagonal[i][i] = 1
	}
	some[0][1], some[4][2] = 1, 1
	b := backendtest.Go(t)
	run := func(mask [][]float32, text [][]float32) float64 {
		store := model.NewStore()
		out, err := model.CallOnce(b, store, func(scope *model.Scope, image, text, mask *graph.Node) *graph.Node {
			loss, _ := CompareMasked(scope, image, text, mask)
			return loss
		}, image, text, mask)
		if err != nil {
			t.Fatal(err)
		}
		return float64(out.Value().(float32))
	}
	plain, err := model.CallOnce(b, model.NewStore(), func(scope *model.Scope, image, text *graph.Node) *graph.Node {
		loss, _ := InfoNCELoss.Compare(scope, image, text)
		return loss
	}, image, text)
	if err != nil {
		t.Fatal(err)
	}
	want := float64(plain.Value().(float32))
	if got := run(none, text); math.Abs(got-want) > 1e-6 {
		t.Errorf("without a mask: expected %g, found %g", want, got)
	}
	if got := run(diagonal, text); math.Abs(got-want) > 1e-6 {
		t.Errorf("with the diagonal as mask: expected %g, found %g", want, got)
	}
	// By hand: rows and columns without the ignored places.
	sum := 0.0
	logit := func(i, j int) float64 {
		s := 0.0
		for k := range d {
			s += float64(image[i][k]) * float64(text[j][k])
		}
		return s / 0.07
	}
	for i := range n {
		row, column := 0.0, 0.0
		for j := range n {
			if some[i][j] == 0 {
				row += math.Exp(logit(i, j))
			}
			if some[j][i] == 0 {
				column += math.Exp(logit(j, i))
			}
		}
		sum += (math.Log(row) + math.Log(column)) / 2
		sum -= logit(i, i)
	}
	if got := run(some, text); math.Abs(got-sum/n) > 1e-5 {
		t.Errorf("with a mask: expected %g, found %g", sum/n, got)
	}
}

// SigLIP starts from its own scalars: scale 10 and bias -10 (CLIP-FACTS.md).
func TestSigLIPStarts(t *testing.T) {
	b, store := backendtest.Go(t), model.NewStore()
	out, err := model.CallOnceN(b, store, func(scope *model.Scope, image, text *graph.Node) []*graph.Node {
		loss, scale := SigLIPLoss.Compare(scope, image, text)
		return []*graph.Node{loss, scale}
	}, randomUnits(8, 4, 1), randomUnits(8, 4, 2))
	if err != nil {
		t.Fatal(err)
	}
	scale, bias := out[1].Value().(float32), store.GetVariable("/optimizer/logit_bias").MustValue().Value().(float32)
	if math.Abs(float64(scale)-10) > 1e-5 || bias != -10 {
		t.Errorf("scale %g and bias %g, expected 10 and -10", scale, bias)
	}
	if err := LossKind("triplet").Check(); err == nil {
		t.Error("a loss that there is none of was taken")
	}
}
