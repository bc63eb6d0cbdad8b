package captioning

import (
	"encoding/json"
	"fmt"
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
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// golden is one case of golden/captioning/attention: our own PyTorch implementation in float64 on float32 weights.
type golden struct {
	cfg     Config
	json    goldenJSON
	weights map[string]safetensors.Tensor
	io      *safetensors.File
	grads   *safetensors.File
}

type goldenJSON struct {
	V, E, H, A, D, L int
	Gate             Gate
	DeepOutput       bool `json:"deep_output"`
	Lambda           float64
	CESum            float64 `json:"ce_sum"`
	TargetTokens     float64 `json:"target_tokens"`
	LossMean         float64 `json:"loss_mean"`
	LossPaper        float64 `json:"loss_paper"`
	RegulariserMean  float64 `json:"regulariser_mean_over_N_and_L"`
	RegulariserSum   float64 `json:"regulariser_sum_over_L_mean_over_N"`
}

func loadGolden(t testing.TB, name string) golden {
	t.Helper()
	var g golden
	data, err := os.ReadFile(testdata.Golden(t, "captioning/attention/"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &g.json); err != nil {
		t.Fatal(err)
	}
	j := g.json
	g.cfg = Config{VocabSize: j.V, EmbedDim: j.E, Hidden: j.H, AttentionDim: j.A, FeatureDim: j.D, Locations: j.L,
		Gate: j.Gate, DeepOutput: j.DeepOutput, Attention: AttentionSoft, Lambda: j.Lambda, Norm: NormMean, MaxLen: 12}
	load := func(kind string) *safetensors.File {
		f, err := safetensors.Load(testdata.Golden(t, "captioning/attention/"+name+"."+kind+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	g.weights, g.io = load("weights").Tensors, load("io")
	if name != "beam" && name != "beam_exhaustive" {
		g.grads = load("grads")
	}
	return g
}

// store returns a store with the golden weights at its root.
func (g golden) store(t testing.TB) *model.Store {
	t.Helper()
	store := model.NewStore()
	if err := LoadWeights(store.RootScope(), g.cfg, g.weights); err != nil {
		t.Fatal(err)
	}
	return store
}

var satCases = []string{"sat_vector_gate", "sat_scalar_gate", "sat_deep_output"}

func TestDecodeGolden(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, name := range satCases {
			t.Run(name, func(t *testing.T) {
				g := loadGolden(t, name)
				exec, err := model.NewExec(b, g.store(t), func(scope *model.Scope, in []*Node) []*Node {
					o := Decode(scope, g.cfg, in[0], in[1])
					l := Loss(g.cfg, o, in[1], in[2])
					return []*Node{o.H0, o.C0, o.Logits, o.E, o.Alpha, o.Beta, o.Z, o.H, o.C, l.PerExample, l.Steps}
				})
				if err != nil {
					t.Fatal(err)
				}
				got, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "lengths"))
				if err != nil {
					t.Fatal(err)
				}
				mask, _, err := g.io.Float32s("step_mask")
				if err != nil {
					t.Fatal(err)
				}
				for i, name := range []string{"h0", "c0", "logits", "e", "alpha", "beta", "z", "h", "c"} {
					want, shape, err := g.io.Float32s(name)
					if err != nil {
						t.Fatal(err)
					}
					values := flat(t, got[i])
					if !slices.Equal(got[i].Shape().Dimensions, shape) {
						t.Fatalf("%s: got the shape %v, want %v", name, got[i].Shape().Dimensions, shape)
					}
					if len(shape) == 3 { // the golden values are zero where a step does not count
						for k := range values {
							values[k] *= mask[k/shape[2]]
						}
					}
					near(t, name, values, want)
				}
				perStep, shape, err := g.io.Float32s("log_prob_of_target")
				if err != nil {
					t.Fatal(err)
				}
				perExample, steps := make([]float32, shape[0]), make([]float32, shape[0])
				for k, logProb := range perStep {
					perExample[k/shape[1]] -= logProb
					steps[k/shape[1]] += mask[k]
				}
				near(t, "PerExample", flat(t, got[9]), perExample)
				near(t, "Steps", flat(t, got[10]), steps)
			})
		}
	})
}

func TestLossGolden(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, name := range satCases {
			for _, norm := range []Norm{NormMean, NormPaper} {
				t.Run(name+"/"+string(norm), func(t *testing.T) {
					g := loadGolden(t, name)
					g.cfg.Norm = norm
					checkLossAndGradients(t, b, g)
				})
			}
		}
	})
}

func checkLossAndGradients(t *testing.T, b compute.Backend, g golden) {
	store := g.store(t)
	names := slices.Sorted(maps.Keys(g.cfg.WeightShapes()))
	exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*Node) []*Node {
		l := Loss(g.cfg, Decode(scope, g.cfg, in[0], in[1]), in[1], in[2])
		wrt := []*Node{in[0]}
		for _, name := range names {
			wrt = append(wrt, store.GetVariable(variablePath(name)).NodeValue(in[0].Graph()))
		}
		return append([]*Node{l.Total, l.CrossEntropy, l.DoublyStochastic}, graph.Gradient(l.Total, wrt...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "lengths"))
	if err != nil {
		t.Fatal(err)
	}
	total, ce, ds := g.json.LossMean, g.json.CESum/g.json.TargetTokens, g.json.RegulariserMean
	if g.cfg.Norm == NormPaper {
		N := float64(got[3].Shape().Dimensions[0])
		total, ce, ds = g.json.LossPaper, g.json.CESum/N, g.json.RegulariserSum
	}
	for i, want := range []float64{total, ce, ds} {
		if v := float64(tensors.ToScalar[float32](got[i])); !(math.Abs(v-want) <= 1e-5*max(1, want)) {
			t.Errorf("loss part %d: got %.7f, want %.7f", i, v, want)
		}
	}
	for i, name := range append([]string{"a"}, names...) {
		want, _, err := g.grads.Float32s(string(g.cfg.Norm) + "." + name)
		if err != nil {
			t.Fatal(err)
		}
		nearLargest(t, "gradient of "+name, flat(t, got[3+i]), want)
	}
}

func variablePath(name string) string {
	for i := range name {
		if name[i] == '.' {
			return "/" + name[:i] + "/" + name[i+1:]
		}
	}
	return "/" + name
}

func (g golden) tensor(t testing.TB, name string) *tensors.Tensor {
	t.Helper()
	x, ok := g.io.Get(name)
	if !ok {
		t.Fatalf("the golden file has no tensor %q", name)
	}
	if x.DType == safetensors.I32 {
		values, err := x.Int32s()
		if err != nil {
			t.Fatal(err)
		}
		return tensors.FromFlatDataAndDimensions(values, x.Shape...)
	}
	values, err := x.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	return tensors.FromFlatDataAndDimensions(values, x.Shape...)
}

func flat(t testing.TB, x *tensors.Tensor) []float32 {
	t.Helper()
	values, err := tensors.CopyFlatData[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// near asks for abs 1e-5 + rel 1e-4, the tolerance that the golden numbers' README suggests.
func near(t testing.TB, name string, got, want []float32) {
	t.Helper()
	nearWithin(t, name, got, want, func(w float64) float64 { return 1e-5 + 1e-4*math.Abs(w) })
}

// nearLargest asks for an error of at most 1e-4 of the largest entry.
func nearLargest(t testing.TB, name string, got, want []float32) {
	t.Helper()
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(float64(w)))
	}
	nearWithin(t, name, got, want, func(float64) float64 { return 1e-4 * largest })
}

func nearWithin(t testing.TB, name string, got, want []float32, tolerance func(want float64) float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d numbers, want %d", name, len(got), len(want))
		return
	}
	worst, at := 0.0, -1
	for i, w := range want {
		d := math.Abs(float64(got[i])-float64(w)) / tolerance(float64(w))
		if !(d <= 1) && !(d <= worst) {
			worst, at = d, i
		}
	}
	if at >= 0 {
		t.Errorf("%s[%d]: got %g, want %g (%s)", name, at, got[at], want[at], fmt.Sprintf("%.1f times the tolerance", worst))
	}
}
