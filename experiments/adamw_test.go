package experiments

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

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
			if store.GetVariable("/optimizer/line/bias/exp_avg").Trainable || !store.GetVariable("/line/bias").Trainable {
				t.Errorf("%s: the optimiser's state is for training, or the bias is not", name)
			}
		})
	}
}

func TestSchedule(t *testing.T) {
	o := AdamW{WarmupSteps: 4}
	for step, want := range map[int]float64{1: 0.25, 2: 0.5, 4: 1, 5: 0.5 * (1 + math.Cos(math.Pi/10)), 9: 0.5, 14: 0, 20: 0} {
		near(t, fmt.Sprint("step ", step, " of 14"), []float64{o.schedule(step, 14)}, []float64{want}, 1e-12)
	}
	constant := o
	constant.Constant = true
	for step, want := range map[int]float64{1: 0.25, 4: 1, 5: 1, 14: 1} {
		near(t, fmt.Sprint("constant, step ", step), []float64{constant.schedule(step, 14)}, []float64{want}, 0)
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
			"/decoder/embedding/weight", "/decoder/gate/weight", "/decoder/text/layers/0/cross/to_keys_values/weight",
		},
		false: {
			"/logit_scale", "/positional_embedding", "/ln_final/weight", "/ln_final/bias", "/transformer/resblocks/0/ln_1/weight", "/transformer/resblocks/0/ln_2/bias",
			"/transformer/resblocks/0/attn/in_proj_bias", "/transformer/resblocks/0/mlp/c_fc/bias", "/visual/ln_post/weight", "/visual/conv1/norm/weight",
			"/visual/layer2/0/conv1/norm/bias", "/decoder/lstm/bias_ih", "/decoder/att/b", "/decoder/att/v", "/decoder/gate/bias", "/decoder/deep/bias",
			"/decoder/text/layers/0/norm1/weight", "/decoder/text/layers/0/norm_memory/weight", "/words/blocks/0/ln/weight",
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
