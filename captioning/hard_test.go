package captioning

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// loadHard reads golden/captioning/attention/hard_attention.*: our own PyTorch implementation in float64.
func loadHard(t *testing.T) (g golden, baseline, J float64) {
	t.Helper()
	data, err := os.ReadFile(testdata.Golden(t, "captioning/attention/hard_attention.json"))
	if err != nil {
		t.Fatal(err)
	}
	var j struct {
		LambdaR  float64 `json:"lambda_r"`
		LambdaE  float64 `json:"lambda_e"`
		Baseline float64
		J        float64 `json:"surrogate_J"`
	}
	if err := json.Unmarshal(data, &j); err != nil {
		t.Fatal(err)
	}
	g = loadGolden(t, "hard_attention")
	g.cfg.Attention, g.cfg.Hard, g.cfg.Norm, g.cfg.Lambda = AttentionHard, Hard{LambdaR: j.LambdaR, LambdaE: j.LambdaE}, NormPaper, 0
	return g, j.Baseline, j.J
}

// hardStore is the golden weights with a baseline.
func (g golden) hardStore(t *testing.T, baseline float64) *model.Store {
	t.Helper()
	store := g.store(t)
	if _, err := store.CreateVariable("/hard/baseline", tensors.FromScalar(float32(baseline))); err != nil {
		t.Fatal(err)
	}
	return store
}

// gradients of a loss with respect to all golden weights, in the order of names.
func (g golden) gradients(store *model.Store, names []string, loss *Node) []*Node {
	var wrt []*Node
	for _, name := range names {
		wrt = append(wrt, store.GetVariable(variablePath(name)).NodeValue(loss.Graph()))
	}
	return graph.Gradient(loss, wrt...)
}

// Every step, J and the gradients of -J, with the places handed in.
func TestHardAttentionGolden(t *testing.T) {
	g, baseline, J := loadHard(t)
	names := slices.Sorted(maps.Keys(g.cfg.WeightShapes()))
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := g.hardStore(t, baseline)
		exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*Node) []*Node {
			out := DecodeAt(scope, g.cfg, in[0], in[1], in[2])
			l := HardLoss(scope, g.cfg, out, in[1], in[3])
			return append([]*Node{out.Alpha, out.Logits, l.LogWords, l.LogPlaces, l.Entropy, l.Total}, g.gradients(store, names, l.Total)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "locations"), g.tensor(t, "lengths"))
		if err != nil {
			t.Fatal(err)
		}
		lengths, _, err := g.io.Int32s("lengths")
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"alpha", "logits", "log_prob_of_target", "log_prob_of_location", "entropy"} {
			want, shape, err := g.io.Float32s(name)
			if err != nil {
				t.Fatal(err)
			}
			mine := flat(t, got[i])
			per := len(mine) / (shape[0] * shape[1])
			for k := range mine { // the golden values are zero where a step does not count
				if n, step := k/per/shape[1], k/per%shape[1]; step >= int(lengths[n])-1 {
					mine[k] = 0
				}
			}
			near(t, name, mine, want)
			t.Logf("%s: largest difference %.2g", name, largestDifference(mine, want))
		}
		if total := float64(tensors.ToScalar[float32](got[5])); !(math.Abs(total+J) < 1e-5*J) {
			t.Errorf("got J = %.6f, want %.6f", -total, J)
		}
		for i, name := range names {
			want, _, err := g.grads.Float32s("surrogate." + name)
			if err != nil {
				t.Fatal(err)
			}
			nearLargest(t, "gradient of "+name, flat(t, got[6+i]), want)
			t.Logf("gradient of %s: largest difference %.2g", name, largestDifference(flat(t, got[6+i]), want))
		}
	})
}

func largestDifference(got, want []float32) float64 {
	worst := 0.0
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	return worst
}

// The first word's expected log p, summed exactly over all places, its gradient, and the marginal, which is never
// smaller (Xu et al. 2015, equation 10: the bound that is maximised).
func TestHardAttentionFirstWord(t *testing.T) {
	g, _, _ := loadHard(t)
	names := slices.Sorted(maps.Keys(g.cfg.WeightShapes()))
	N, L := 3, g.cfg.Locations
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := g.store(t)
		exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*Node) []*Node {
			first := graph.SliceAxis(in[1], 1, graph.AxisRange(0, 2))
			two := graph.Const(in[0].Graph(), []int32{2, 2, 2})
			var logAlphas, logWords []*Node
			for place := range L { // a decoder looks at the same place in all pictures
				at := graph.AddScalar(graph.ZerosLike(graph.Const(in[0].Graph(), [][]int32{{0}, {0}, {0}})), int32(place))
				l := HardLoss(scope, g.cfg, DecodeAt(scope, g.cfg, in[0], first, at), first, two)
				logAlphas, logWords = append(logAlphas, l.LogPlaces), append(logWords, l.LogWords)
			}
			alpha, words := graph.Exp(graph.Concatenate(logAlphas, 1)), graph.Concatenate(logWords, 1)
			expected := graph.ReduceSum(graph.Mul(alpha, words), 1)
			marginal := graph.Log(graph.ReduceSum(graph.Mul(alpha, graph.Exp(words)), 1))
			return append([]*Node{alpha, words, expected, marginal}, g.gradients(store, names, graph.ReduceAllSum(expected))...)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"alpha", "log_prob_of_first_word_given_location", "expected_log_prob", "log_marginal"} {
			want, _, err := g.io.Float32s("onestep." + name)
			if err != nil {
				t.Fatal(err)
			}
			near(t, name, flat(t, got[i]), want)
		}
		for i, name := range names {
			want, _, err := g.grads.Float32s("onestep." + name)
			if err != nil {
				t.Fatal(err)
			}
			nearLargest(t, "gradient of "+name, flat(t, got[4+i]), want)
		}
		for n := range N {
			if expected, marginal := flat(t, got[2])[n], flat(t, got[3])[n]; expected > marginal {
				t.Errorf("picture %d: the expected log p %g is above the marginal %g", n, expected, marginal)
			}
		}
	})
}
