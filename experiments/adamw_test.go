package experiments

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// A linear regression: y = x W + b with x [N, in], W [in, out], and a fixed offset that is no parameter.
const (
	rows, in, out = 8, 3, 2
	fixedOffset   = 0.25
)

// points makes the k-th batch: x [rows, in] and y [rows, out], which lie near a plane.
func points(k int) (x, y []float64) {
	rng := rand.New(rand.NewPCG(uint64(k), 11))
	truth := []float64{1, -2, 0.5, 3, -1, 2}
	for range rows {
		at := make([]float64, in)
		for i := range at {
			at[i] = rng.NormFloat64()
		}
		x = append(x, at...)
		for j := range out {
			v := 0.7
			for i := range in {
				v += at[i] * truth[i*out+j]
			}
			y = append(y, v+0.01*rng.NormFloat64())
		}
	}
	return x, y
}

// batches is a source of points that may stop with an error.
type batches struct {
	next  int
	limit int // batches before fail; 0 for no limit
	fail  error
	delay time.Duration
	wait  time.Duration
}

func (s *batches) Next(context.Context) ([]*tensors.Tensor, error) {
	if s.limit > 0 && s.next >= s.limit {
		return nil, s.fail
	}
	time.Sleep(s.delay)
	s.wait += s.delay
	x, y := points(s.next)
	s.next++
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(single(x), rows, in), tensors.FromFlatDataAndDimensions(single(y), rows, out),
	}, nil
}

func (s *batches) Waited() time.Duration { return s.wait }
func (s *batches) Epoch() int            { return s.next / 4 }

func single(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}

// regression is the mean squared error.
func regression() Task {
	return Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
		x, y := inputs[0], inputs[1]
		line := scope.At("line")
		weight := nn.Param(line, x, "weight", nn.Normal(0.5), in, out)
		bias := nn.Param(line, x, "bias", nn.Constant(0.1), out)
		offset := nn.Variable(line, "offset", nn.Constant(fixedOffset)).SetTrainable(false).NodeValue(x)
		guess := graph.Add(graph.Add(graph.MatMul(x, weight), graph.ExpandAxes(bias, 0)), offset)
		loss := graph.ReduceAllMean(graph.Square(graph.Sub(guess, y)))
		return loss, []Metric{{"root", graph.Sqrt(loss)}}
	}}
}

// wrap is what [Train] takes, around a test's backend.
func wrap(b compute.Backend) *backend.Backend {
	return &backend.Backend{Backend: b, Kind: backend.Go, Config: "test"}
}

func seeded(seed int64) *model.Store {
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, seed)
	return store
}

func values(t *testing.T, store *model.Store, path string) []float64 {
	t.Helper()
	v := store.GetVariable(path)
	if v == nil {
		t.Fatalf("there is no variable %s", path)
	}
	var out []float64
	for _, f := range tensors.MustCopyFlatData[float32](v.MustValue()) {
		out = append(out, float64(f))
	}
	return out
}

// near fails the test where |got - want| > tolerance * (1 + |want|).
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: expected %d numbers, found %d", what, len(want), len(got))
	}
	for i := range want {
		if d := math.Abs(got[i] - want[i]); !(d <= tolerance*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: expected %v, found %v", what, want, got)
		}
	}
}

// reference is torch.optim.AdamW (PyTorch 1.13, torch/optim/adamw.py, _single_tensor_adamw) after
// torch.nn.utils.clip_grad_norm_, written down in float64 for the regression above, with its gradients worked out by
// hand. p, m and v hold W and then b.
type reference struct{ p, m, v []float64 }

const kernel = in * out // of p; the rest is the bias

func (r *reference) step(o AdamW, step, steps int, decay func(i int) bool) (loss, norm float64) {
	x, y := points(step - 1)
	g := make([]float64, len(r.p))
	for n := range rows {
		for j := range out {
			guess := r.p[kernel+j] + fixedOffset
			for i := range in {
				guess += x[n*in+i] * r.p[i*out+j]
			}
			d := guess - y[n*out+j]
			loss += d * d / (rows * out)
			for i := range in {
				g[i*out+j] += 2 * d * x[n*in+i] / (rows * out)
			}
			g[kernel+j] += 2 * d / (rows * out)
		}
	}
	for _, v := range g {
		norm += v * v
	}
	norm = math.Sqrt(norm)
	if o.ClipNorm > 0 {
		if coefficient := o.ClipNorm / (norm + 1e-6); coefficient < 1 {
			for i := range g {
				g[i] *= coefficient
			}
		}
	}
	// Linear warm-up, then half a cosine to 0 at the last step.
	lr := o.LR * float64(step) / float64(o.WarmupSteps)
	if step > o.WarmupSteps {
		lr = o.LR * (1 + math.Cos(math.Pi*float64(step-o.WarmupSteps)/float64(steps-o.WarmupSteps))) / 2
	}
	for i := range r.p {
		if decay(i) {
			r.p[i] *= 1 - lr*o.WeightDecay
		}
		r.m[i] = o.Beta1*r.m[i] + (1-o.Beta1)*g[i]
		r.v[i] = o.Beta2*r.v[i] + (1-o.Beta2)*g[i]*g[i]
		correction1 := 1 - math.Pow(o.Beta1, float64(step))
		correction2 := 1 - math.Pow(o.Beta2, float64(step))
		denominator := math.Sqrt(r.v[i])/math.Sqrt(correction2) + o.Eps
		r.p[i] -= lr / correction1 * r.m[i] / denominator
	}
	return loss, norm
}

func TestAdamWIsPyTorchs(t *testing.T) {
	const steps = 7
	plain := AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
	with := func(change func(o *AdamW)) AdamW { o := plain; change(&o); return o }
	onlyWeight := func(i int) bool { return i < kernel }
	for name, c := range map[string]struct {
		o     AdamW
		task  func(path string) bool // the task's Decay
		decay func(i int) bool
	}{
		"plain":            {plain, nil, onlyWeight},
		"other betas":      {with(func(o *AdamW) { o.Beta1, o.Beta2, o.Eps = 0.5, 0.7, 0.01 }), nil, onlyWeight},
		"no momentum":      {with(func(o *AdamW) { o.Beta1 = 0 }), nil, onlyWeight},
		"weight decay":     {with(func(o *AdamW) { o.WeightDecay = 0.5 }), nil, onlyWeight},
		"decay everything": {with(func(o *AdamW) { o.WeightDecay = 0.5 }), func(string) bool { return true }, func(int) bool { return true }},
		"decay the bias":   {with(func(o *AdamW) { o.WeightDecay = 0.5 }), func(path string) bool { return path == "/line/bias" }, func(i int) bool { return i >= kernel }},
		"decay nothing":    {with(func(o *AdamW) { o.WeightDecay = 0.5 }), func(string) bool { return false }, func(int) bool { return false }},
		"clipping":         {with(func(o *AdamW) { o.ClipNorm, o.Eps = 0.5, 0.1 }), nil, onlyWeight},
		"loose clipping":   {with(func(o *AdamW) { o.ClipNorm, o.Eps = 1e6, 0.1 }), nil, onlyWeight},
		"warm-up":          {with(func(o *AdamW) { o.WarmupSteps = 3 }), nil, onlyWeight},
		"only warm-up":     {with(func(o *AdamW) { o.WarmupSteps = 20 }), nil, onlyWeight},
		"all of it":        {AdamW{LR: 0.05, Beta1: 0.8, Beta2: 0.9, Eps: 1e-3, WeightDecay: 0.3, ClipNorm: 1, WarmupSteps: 2}, nil, onlyWeight},
	} {
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			store, task := seeded(1), regression()
			task.Decay = c.task
			start := seeded(1)
			initial := append(toFloats(nn.Variable(start.Scope("/line"), "weight", nn.Normal(0.5), in, out)), 0.1, 0.1)
			ref := &reference{p: initial, m: make([]float64, len(initial)), v: make([]float64, len(initial))}
			cfg := TrainConfig{Steps: steps, LogEvery: 1, Optimizer: c.o}
			seen := 0
			_, err := Train(context.Background(), wrap(b), store, task, &batches{}, cfg, func(s Step) error {
				seen++
				what := fmt.Sprintf("%s, step %d: ", name, s.Step)
				loss, norm := ref.step(c.o, s.Step, steps, c.decay)
				near(t, what+"loss, its root, grad_norm", []float64{s.Loss, s.Scalars["root"], s.Scalars["grad_norm"]}, []float64{loss, math.Sqrt(loss), norm}, 2e-5)
				got := append(values(t, store, "/line/weight"), values(t, store, "/line/bias")...)
				near(t, what+"parameters", got, ref.p, 2e-5)
				got = append(values(t, store, "/optimizer/line/weight/exp_avg"), values(t, store, "/optimizer/line/bias/exp_avg")...)
				near(t, what+"exp_avg", got, ref.m, 2e-5)
				got = append(values(t, store, "/optimizer/line/weight/exp_avg_sq"), values(t, store, "/optimizer/line/bias/exp_avg_sq")...)
				near(t, what+"exp_avg_sq", got, ref.v, 2e-5)
				near(t, what+"offset", values(t, store, "/line/offset"), []float64{fixedOffset}, 0)
				return nil
			})
			if err != nil || seen != steps {
				t.Errorf("%s: %d steps (%v)", name, seen, err)
			}
			if store.GetVariable("/optimizer/line/offset/exp_avg") != nil {
				t.Errorf("%s: what is not trained has optimiser state", name)
			}
		})
	}
}

func toFloats(v *model.Variable) (out []float64) {
	for _, f := range tensors.MustCopyFlatData[float32](v.MustValue()) {
		out = append(out, float64(f))
	}
	return out
}

func TestSchedule(t *testing.T) {
	o := AdamW{WarmupSteps: 4}
	for step, want := range map[int]float64{1: 0.25, 2: 0.5, 4: 1, 5: 0.5 * (1 + math.Cos(math.Pi/10)), 9: 0.5, 14: 0, 20: 0} {
		near(t, fmt.Sprint("step ", step, " of 14"), []float64{o.schedule(step, 14)}, []float64{want}, 1e-12)
	}
	o.WarmupSteps = 0
	for step, want := range map[int]float64{1: 0.5 * (1 + math.Cos(math.Pi/10)), 5: 0.5, 10: 0} {
		near(t, fmt.Sprint("step ", step, " of 10 without warm-up"), []float64{o.schedule(step, 10)}, []float64{want}, 1e-12)
	}
	for _, c := range []struct{ warmup, steps int }{{0, 1}, {1, 1}, {5, 1}, {3, 3}, {2, 3}} {
		o.WarmupSteps = c.warmup
		for step := 1; step <= c.steps; step++ {
			if v := o.schedule(step, c.steps); !(v >= 0 && v <= 1) {
				t.Errorf("%+v: step %d has the share %g", c, step, v)
			}
		}
	}
}

// The paths are those of the models here.
func TestDecayMatrices(t *testing.T) {
	decays := map[bool][]string{
		true: {
			"/token_embedding/weight", "/text_projection", "/transformer/resblocks/0/attn/in_proj_weight", "/transformer/resblocks/0/attn/out_proj/weight",
			"/transformer/resblocks/1/mlp/c_fc/weight", "/visual/conv1/weight", "/visual/layer2/0/conv1/weight", "/visual/layer2/downsample/weight", "/visual/proj/weight",
			"/decoder/lstm/weight_ih", "/decoder/lstm/weight_hh", "/decoder/att/W_a", "/decoder/att/W_h", "/decoder/deep/L_o", "/decoder/deep/L_h", "/decoder/deep/L_z",
			"/decoder/embedding/weight", "/decoder/gate/weight",
		},
		false: {
			"/logit_scale", "/positional_embedding", "/ln_final/weight", "/ln_final/bias", "/transformer/resblocks/0/ln_1/weight", "/transformer/resblocks/0/ln_2/bias",
			"/transformer/resblocks/0/attn/in_proj_bias", "/transformer/resblocks/0/mlp/c_fc/bias", "/visual/ln_post/weight", "/visual/conv1/norm/weight",
			"/visual/layer2/0/conv1/norm/bias", "/decoder/lstm/bias_ih", "/decoder/att/b", "/decoder/att/v", "/decoder/gate/bias", "/decoder/deep/bias",
		},
	}
	for want, paths := range decays {
		for _, path := range paths {
			if DecayMatrices(path) != want {
				t.Errorf("%s: decays is %v", path, !want)
			}
		}
	}
}

func TestOptimizerCheck(t *testing.T) {
	if err := DefaultAdamW().check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(o *AdamW){
		"optimizer.lr":           func(o *AdamW) { o.LR = -1 },
		"optimizer.beta1":        func(o *AdamW) { o.Beta1 = 1 },
		"optimizer.beta2":        func(o *AdamW) { o.Beta2 = -0.1 },
		"optimizer.eps":          func(o *AdamW) { o.Eps = math.NaN() },
		"optimizer.weight_decay": func(o *AdamW) { o.WeightDecay = math.Inf(1) },
		"optimizer.clip_norm":    func(o *AdamW) { o.ClipNorm = -1 },
		"optimizer.warmup_steps": func(o *AdamW) { o.WarmupSteps = -1 },
	} {
		o := DefaultAdamW()
		change(&o)
		sentence(t, o.check(), want, "found")
	}
}

// sentence fails the test when err is none, or does not say what it should, or says more than one line.
func sentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("expected an error with %q, found none", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), ".go:") {
		t.Errorf("the error is no sentence: %q", err)
	}
}

// sameValues fails the test when two stores do not hold the same variables with the same bits.
func sameValues(t *testing.T, got, want map[string][]float64) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("expected the variables %q, found %q", w, g)
	}
	for path := range want {
		if !slices.Equal(got[path], want[path]) {
			t.Errorf("%s: expected %v, found %v", path, want[path], got[path])
		}
	}
}

// contents are all variables of a store.
func contents(t *testing.T, store *model.Store) map[string][]float64 {
	t.Helper()
	all := map[string][]float64{}
	for v := range store.IterVariables() {
		switch value := v.MustValue(); {
		case v.DType().IsFloat():
			all[v.Path()] = toFloats(v)
		default:
			for _, bits := range tensors.MustCopyFlatData[uint64](value) {
				all[v.Path()] = append(all[v.Path()], float64(bits>>32), float64(bits&math.MaxUint32))
			}
		}
	}
	return all
}
