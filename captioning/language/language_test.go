package language

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// golden is what testdata/gpt2.py printed.
type golden struct {
	Config    Config               `json:"config"`
	IDs       [][]int32            `json:"ids"`
	Hidden    [][]float32          `json:"hidden"` // before each block, and after the last one
	Logits    []float32            `json:"logits"`
	Loss      float32              `json:"loss"`
	Gradients map[string][]float32 `json:"gradients"`
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/gpt2.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// fromFormula puts into the store the weights of testdata/gpt2.py, once a graph has made the variables.
func fromFormula(t *testing.T, store *model.Store) {
	t.Helper()
	for v := range store.IterVariables() {
		name := weights.Name(v.Path())
		start, values := 0, make([]float32, v.Shape().Size())
		for _, b := range []byte(name) {
			start += int(b)
		}
		for i := range values {
			x := 0.3 * math.Sin(0.7*float64(i)+float64(start))
			if strings.Contains(name, "ln_") && strings.HasSuffix(name, ".weight") {
				x++
			}
			values[i] = float32(x)
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
}

// near is the largest difference.
func near(t *testing.T, what string, got *tensors.Tensor, want []float32, tolerance float64) {
	t.Helper()
	flat, err := tensors.CopyFlatData[float32](got)
	if err != nil {
		t.Fatal(err)
	}
	if len(flat) != len(want) {
		t.Fatalf("%s: expected %d numbers, found %d", what, len(want), len(flat))
	}
	worst := 0.0
	for i := range flat {
		worst = math.Max(worst, math.Abs(float64(flat[i]-want[i])))
	}
	if !(worst <= tolerance) {
		t.Errorf("%s: expected what PyTorch computes within %g, found a difference of %g", what, tolerance, worst)
	}
}

// Every block, the scores, the loss and the gradient of every weight are PyTorch's.
func TestGolden(t *testing.T) {
	want := readGolden(t)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		names := slices.Sorted(maps.Keys(want.Gradients))
		build := func(scope *model.Scope, ids *Node) []*Node {
			var out []*Node
			h, _ := Run(scope, want.Config, Embed(scope, want.Config, ids), func(_ int, x *Node) *Node {
				out = append(out, x)
				return x
			})
			logits := Scores(scope, want.Config, h)
			p := graph.LogSoftmax(graph.SliceAxis(logits, 1, graph.AxisRange(0, 5)), -1)
			said := graph.OneHot(graph.SliceAxis(ids, 1, graph.AxisRangeToEnd(1)), want.Config.VocabSize, dtypes.Float32)
			loss := graph.DivScalar(graph.Neg(graph.ReduceAllSum(graph.Mul(p, said))), 10)
			var values []*Node
			for _, name := range names {
				values = append(values, store.GetVariable(weights.Path(name)).NodeValue(ids.Graph()))
			}
			return append(append(out, logits, loss), graph.Gradient(loss, values...)...)
		}
		exec, err := model.NewExec(b, store, build)
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		if _, err := exec.Call(want.IDs); err != nil { // makes the variables
			t.Fatal(err)
		}
		fromFormula(t, store)
		out, err := exec.Call(want.IDs)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want.Config.Layers {
			near(t, fmt.Sprintf("before block %d", i), out[i], want.Hidden[i], 1e-5)
		}
		near(t, "logits", out[2], want.Logits, 1e-4)
		near(t, "loss", out[3], []float32{want.Loss}, 1e-5)
		for i, name := range names {
			near(t, "gradient of "+name, out[4+i], want.Gradients[name], 1e-4)
		}
	})
}

// A text read token by token, with what stands before it kept once for two texts, is the text read at once.
func TestStepIsRun(t *testing.T) {
	cfg := Config{VocabSize: 11, Context: 9, Width: 8, Layers: 2, Heads: 2, Eps: 1e-5}
	const N, K, P, S = 2, 2, 3, 5
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		exec, err := model.NewExec(b, store, func(scope *model.Scope, prefix, ids *Node) *Node {
			_, past := Run(scope, cfg, prefix, nil)
			prefixes := graph.Reshape(graph.BroadcastToDims(graph.InsertAxes(prefix, 1), N, K, P, cfg.Width), N*K, P, cfg.Width)
			whole, _ := Run(scope, cfg, graph.Concatenate([]*Node{prefixes, Embed(scope, cfg, ids)}, 1), nil)
			empty := graph.Zeros(ids.Graph(), prefixes.Shape().Clone())
			empty = graph.Concatenate([]*Node{empty, graph.SliceAxis(empty, 1, graph.AxisRange(0, S-P))}, 1) // [N K, S, W]
			own := []KeysValues{{empty, empty}, {empty, empty}}
			var worst *Node
			for t := range S {
				word := graph.Squeeze(graph.SliceAxis(ids, 1, graph.AxisElem(t)), 1)
				at := graph.AddScalar(graph.ZerosLike(word), t)
				var h *Node
				h, own = Step(scope, cfg, Embed(scope, cfg, word), at, past, own, nil)
				d := graph.ReduceAllMax(graph.Abs(graph.Sub(h, graph.Squeeze(graph.SliceAxis(whole, 1, graph.AxisElem(P+t)), 1))))
				if worst == nil {
					worst = d
				} else {
					worst = graph.Max(worst, d)
				}
			}
			return worst
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		prefix := make([]float32, N*P*cfg.Width)
		for i := range prefix {
			prefix[i] = float32(math.Sin(float64(i)))
		}
		before := tensors.FromFlatDataAndDimensions(prefix, N, P, cfg.Width)
		ids := [][]int32{{1, 4, 2, 7, 10}, {3, 3, 9, 5, 6}, {0, 1, 2, 3, 4}, {9, 8, 7, 6, 5}}
		if _, err := exec.Call(before, ids); err != nil {
			t.Fatal(err)
		}
		fromFormula(t, store)
		out, err := exec.Call1(before, ids)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "step by step", out, []float32{0}, 2e-5)
	})
}

func TestValidate(t *testing.T) {
	if err := GPT2().Validate(); err != nil {
		t.Error(err)
	}
	if err := Small(100, 20).Validate(); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*Config){
		"vocab_size": func(c *Config) { c.VocabSize = 0 }, "a multiple of n_head": func(c *Config) { c.Heads = 5 },
		"layer_norm_epsilon": func(c *Config) { c.Eps = 0 }, "resid_pdrop": func(c *Config) { c.Dropout = 1 },
	} {
		c := Small(100, 20)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("expected an error about %q, found %v", what, err)
		}
	}
}

// The published sizes have the published number of weights: 124,439,808, as Hugging Face counts gpt2.
func TestParameters(t *testing.T) {
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, int64(1))
	cfg := GPT2()
	cfg.Layers, cfg.VocabSize, cfg.Context = 1, 1, 1 // one block, token and place is as every other
	exec, err := model.NewExec(backendtest.Go(t), store, func(scope *model.Scope, ids *Node) *Node { return graph.ReduceAllSum(Logits(scope, cfg, ids)) })
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	if _, err := exec.Call([][]int32{{1}}); err != nil {
		t.Fatal(err)
	}
	block, all := 0, 0
	for v := range store.IterVariables() {
		all += v.Shape().Size()
		if strings.HasPrefix(v.Path(), "/h/") {
			block += v.Shape().Size()
		}
	}
	if all += 11*block + (50256+1023)*768; all != 124439808 {
		t.Errorf("expected 124439808 weights in GPT-2, found %d", all)
	}
}
