package experiments

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// How many layers below the top each variable lies, of a vision transformer with two blocks, a text transformer with
// three, and a ResNet with stages of one and two blocks.
func TestLayerDecay(t *testing.T) {
	text := map[string]int{
		"/logit_scale": 0, "/ln_final/weight": 0, "/text_projection": 0,
		"/transformer/resblocks/2/attn/in_proj_weight": 1, "/transformer/resblocks/1/ln_1/bias": 2, "/transformer/resblocks/0/mlp/c_fc/weight": 3,
		"/token_embedding/weight": 4, "/positional_embedding": 4,
	}
	for _, c := range []struct {
		name   string
		visual map[string]int
	}{
		{"ViT", map[string]int{
			"/visual/ln_post/bias": 0, "/visual/proj": 0, "/visual/transformer/resblocks/1/mlp/c_fc/bias": 1, "/visual/transformer/resblocks/0/ln_1/weight": 2,
			"/visual/class_embedding": 3, "/visual/positional_embedding": 3, "/visual/conv1/weight": 3, "/visual/ln_pre/weight": 3,
		}},
		{"ResNet", map[string]int{
			"/visual/attnpool/positional_embedding": 0, "/visual/attnpool/c_proj/weight": 0, "/visual/layer2/1/conv1/weight": 1,
			"/visual/layer2/0/bn1/weight": 2, "/visual/layer2/0/downsample/0/weight": 2, "/visual/layer1/0/conv3/weight": 3, "/visual/conv2/weight": 4, "/visual/bn1/bias": 4,
		}},
		{"small", map[string]int{
			"/visual/proj/weight": 0, "/visual/layer2/0/conv1/weight": 1, "/visual/layer2/downsample/weight": 1, "/visual/layer1/0/conv1/norm/weight": 2, "/visual/conv1/norm/weight": 3,
		}},
	} {
		store := seeded(1)
		for _, paths := range []map[string]int{text, c.visual} {
			for path := range paths {
				at := strings.LastIndexByte(path, '/')
				nn.Variable(store.Scope(path[:max(at, 1)]), path[at+1:], nn.Zeros, 1)
			}
		}
		factor, err := LayerDecay(store, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		for _, paths := range []map[string]int{text, c.visual} {
			for path, below := range paths {
				if got, want := factor(path), math.Pow(0.5, float64(below)); got != want {
					t.Errorf("%s: %s learns at %g of the rate, expected %g", c.name, path, got, want)
				}
			}
		}
	}
	for _, decay := range []float64{0, -1, 1.5, math.NaN()} {
		if _, err := LayerDecay(seeded(1), decay); err == nil {
			t.Errorf("a factor of %g was taken", decay)
		}
	}
}

// A factor on the learning rate scales the step, a frozen variable stays to the bit, and a locked tower costs no gradient.
func TestFactorsAndFreezing(t *testing.T) {
	b := backendtest.Go(t)
	run := func(task Task, prepare func(store *model.Store)) (weight, bias []float64) {
		store := seeded(1)
		line := store.Scope("/line")
		nn.Variable(line, "weight", nn.Normal(0.5), in, out)
		nn.Variable(line, "bias", nn.Constant(0.1), out)
		if prepare != nil {
			prepare(store)
		}
		if _, err := Train(context.Background(), wrap(b), store, task, &batches{}, steps(1), ignore); err != nil {
			t.Fatal(err)
		}
		return values(t, store, "/line/weight"), values(t, store, "/line/bias")
	}
	plain, plainBias := run(regression(), nil)
	halved := regression()
	halved.LR = func(path string) float64 {
		return map[bool]float64{true: 0.5, false: 1}[strings.HasSuffix(path, "weight")]
	}
	half, halfBias := run(halved, nil)
	before := make([]float64, len(plain))
	frozen, frozenBias := run(regression(), func(store *model.Store) {
		copy(before, values(t, store, "/line/weight"))
		if err := Freeze(store, func(path string) bool { return path == "/line/weight" }); err != nil {
			t.Fatal(err)
		}
	})
	for i := range plain {
		near(t, "half a step", []float64{half[i] - before[i]}, []float64{(plain[i] - before[i]) / 2}, 1e-6)
	}
	if !slices.Equal(frozen, before) || !slices.Equal(halfBias, plainBias) || !slices.Equal(frozenBias, plainBias) {
		t.Errorf("frozen: %v, expected %v; biases %v, %v, %v", frozen, before, plainBias, halfBias, frozenBias)
	}
	if err := Freeze(seeded(1), func(string) bool { return true }); err == nil || !strings.Contains(err.Error(), "name the checkpoint with init") {
		t.Errorf("freezing nothing: %v", err)
	}
}

// open_clip's rule: by its names, matrices and embeddings decay; gains, biases, the class token and the temperature do not.
func TestDecayCLIP(t *testing.T) {
	for path, want := range map[string]bool{
		"/visual/conv1/weight": true, "/token_embedding/weight": true, "/positional_embedding": true, "/text_projection": true,
		"/transformer/resblocks/0/attn/in_proj_weight": true, "/transformer/resblocks/0/attn/in_proj_bias": false,
		"/transformer/resblocks/0/ln_1/weight": false, "/ln_final/bias": false, "/visual/class_embedding": false, "/logit_scale": false,
		"/visual/layer1/0/bn1/weight": false, "/visual/layer1/0/downsample/1/weight": false, "/visual/layer1/0/downsample/0/weight": true, "/visual/proj": true,
	} {
		if got := DecayCLIP(path); got != want {
			t.Errorf("%s: decays %v, expected %v", path, got, want)
		}
	}
	vit, resNet := CLIPAdamW(false), CLIPAdamW(true)
	if vit.Beta2 != 0.98 || vit.Eps != 1e-6 || resNet.Beta2 != 0.999 || resNet.Eps != 1e-8 || vit.LR != 5e-4 || vit.WeightDecay != 0.2 || vit.WarmupSteps != 2000 {
		t.Errorf("CLIP-FACTS.md's optimisers differ: %+v, %+v", vit, resNet)
	}
	if err := vit.check(); err != nil {
		t.Error(err)
	}
}
