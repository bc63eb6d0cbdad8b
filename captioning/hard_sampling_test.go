package captioning

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// trial is one estimate of a gradient, and what it came from.
type trial struct {
	gradient  []float64 // of -Total, all golden weights one after the other
	logWords  []float32 // [N, T-1]
	locations []int32   // [N, T-1]
}

// estimator makes trials of a captions' gradient, while training, from a fixed seed.
type estimator struct {
	exec  *model.Exec
	store *model.Store
	names []string
}

func newEstimator(t *testing.T, b compute.Backend, g golden, cfg Config, baseline float64) *estimator {
	t.Helper()
	e := &estimator{store: g.hardStore(t, baseline), names: slices.Sorted(maps.Keys(cfg.WeightShapes()))}
	if err := e.store.SetRNGStateFromSeed(17); err != nil {
		t.Fatal(err)
	}
	var err error
	e.exec, err = model.NewExec(b, e.store, func(scope *model.Scope, in []*Node) []*Node {
		e.store.SetTraining(in[0].Graph(), true)
		out := Decode(scope, cfg, in[0], in[1])
		if cfg.Attention == AttentionSoft {
			l := Loss(cfg, out, in[1], in[2])
			return g.gradients(e.store, e.names, graph.Neg(l.Total))
		}
		l := HardLoss(scope, cfg, out, in[1], in[2])
		return append(g.gradients(e.store, e.names, graph.Neg(l.Total)), l.LogWords, out.Locations)
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *estimator) try(t *testing.T, args ...any) (one trial) {
	t.Helper()
	out, err := e.exec.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range out[:len(e.names)] {
		for _, v := range flat(t, x) {
			one.gradient = append(one.gradient, float64(v))
		}
	}
	if len(out) > len(e.names) {
		one.logWords = flat(t, out[len(e.names)])
		one.locations = tensors.MustCopyFlatData[int32](out[len(e.names)+1])
	}
	return one
}

// moments are the mean of each coordinate over the trials and its variance from trial to trial.
func moments(trials []trial) (mean, variance []float64) {
	mean, variance = make([]float64, len(trials[0].gradient)), make([]float64, len(trials[0].gradient))
	n := float64(len(trials))
	for _, one := range trials {
		for i, x := range one.gradient {
			mean[i] += x / n
		}
	}
	for _, one := range trials {
		for i, x := range one.gradient {
			variance[i] += (x - mean[i]) * (x - mean[i]) / (n - 1)
		}
	}
	return mean, variance
}

// repeated puts each of the golden pictures into a batch n times, with the first words of its caption.
func (g golden) repeated(t *testing.T, n, words int) []any {
	t.Helper()
	a, shape, err := g.io.Float32s("a")
	if err != nil {
		t.Fatal(err)
	}
	captions, captionsShape, err := g.io.Int32s("captions")
	if err != nil {
		t.Fatal(err)
	}
	size, T := len(a)/shape[0], captionsShape[1]
	var features []float32
	var ids, lengths []int32
	for i := range shape[0] {
		for range n {
			features = append(features, a[i*size:][:size]...)
			ids, lengths = append(ids, captions[i*T:][:words]...), append(lengths, int32(words))
		}
	}
	N := n * shape[0]
	return []any{tensors.FromFlatDataAndDimensions(features, N, shape[1], shape[2]),
		tensors.FromFlatDataAndDimensions(ids, N, words), tensors.FromFlatDataAndDimensions(lengths, N)}
}

// Drawing places gives what summing over all of them gives (golden onestep.*), within the error bars of 40 batches of 400
// draws a picture: the places' shares, the expected log p of the first word, and its gradient. Seeds are fixed.
func TestHardAttentionMonteCarlo(t *testing.T) {
	g, _, _ := loadHard(t)
	const perPicture, batches = 400, 40
	cfg := g.cfg
	cfg.Hard = Hard{LambdaR: 1}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		e := newEstimator(t, b, g, cfg, -2.6)
		args := g.repeated(t, perPicture, 2)
		var trials []trial
		logWords, shares := make([][]float64, 3), make([]float64, 3*cfg.Locations)
		for range batches {
			one := e.try(t, args...)
			trials = append(trials, one)
			for i, p := range one.logWords {
				logWords[i/perPicture] = append(logWords[i/perPicture], float64(p))
				shares[i/perPicture*cfg.Locations+int(one.locations[i])] += 1.0 / (batches * perPicture)
			}
		}
		alpha, _, _ := g.io.Float32s("onestep.alpha")
		for i, share := range shares {
			p := float64(alpha[i])
			if !(math.Abs(share-p) < 4.5*math.Sqrt(p*(1-p)/(batches*perPicture))) {
				t.Errorf("picture %d: place %d was drawn with share %.4f, its weight is %.4f", i/cfg.Locations, i%cfg.Locations, share, p)
			}
		}
		want, _, _ := g.io.Float32s("onestep.expected_log_prob")
		for n, samples := range logWords {
			mean, bar := meanAndBar(samples)
			if !(math.Abs(mean-float64(want[n])) < 4*bar) {
				t.Errorf("picture %d: the mean log p is %.5f ± %.5f, expected %.5f", n, mean, bar, want[n])
			}
		}
		checkGradientEstimate(t, g, e.names, trials)
	})
}

func meanAndBar(samples []float64) (mean, bar float64) {
	n := float64(len(samples))
	for _, x := range samples {
		mean += x / n
	}
	for _, x := range samples {
		bar += (x - mean) * (x - mean) / (n - 1)
	}
	return mean, math.Sqrt(bar / n)
}

// checkGradientEstimate compares the mean of the trials with the exact gradient, which is summed over three pictures where
// the trials have the mean.
func checkGradientEstimate(t *testing.T, g golden, names []string, trials []trial) {
	t.Helper()
	mean, variance := moments(trials)
	var off, length, worst float64
	i := 0
	for _, name := range names {
		want, _, err := g.grads.Float32s("onestep." + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			d := math.Abs(mean[i] - float64(w)/3)
			bar := math.Sqrt(variance[i] / float64(len(trials)))
			if !(d < 5*bar+1e-6) {
				t.Errorf("gradient of %s: got %.6f ± %.6f, want %.6f", name, mean[i], bar, w/3)
			}
			if bar > 1e-6 {
				worst = max(worst, d/bar)
			}
			off, length = off+d*d, length+float64(w)*float64(w)/9
			i++
		}
	}
	if !(off < 0.03*0.03*length) {
		t.Errorf("the estimate is off by %.1f%% of the gradient's length, want at most 3%%", 100*math.Sqrt(off/length))
	}
	t.Logf("the estimate is off by %.2f%% of the gradient's length, by %.1f error bars where it is worst", 100*math.Sqrt(off/length), worst)
}

// What hard attention costs: how much the gradient of one caption varies, summed over all weights, against soft attention,
// whose gradient varies with the caption alone. The baseline and the expected contexts of section 4.1 are there to bring
// it down, and do.
func TestHardAttentionVariance(t *testing.T) {
	g, _, _ := loadHard(t)
	b := backendtest.Go(t)
	args := make([][]any, 3)
	a, shape, _ := g.io.Float32s("a")
	captions, captionsShape, _ := g.io.Int32s("captions")
	lengths, _, _ := g.io.Int32s("lengths")
	for n := range args {
		size, T := shape[1]*shape[2], captionsShape[1]
		args[n] = []any{tensors.FromFlatDataAndDimensions(a[n*size:][:size], 1, shape[1], shape[2]),
			tensors.FromFlatDataAndDimensions(captions[n*T:][:T], 1, T), tensors.FromFlatDataAndDimensions(lengths[n:][:1], 1)}
	}
	total := func(attention Attention, expected float64, withBaseline bool) float64 {
		cfg := g.cfg
		cfg.Attention, cfg.Hard = attention, Hard{LambdaR: 1, Expected: expected}
		e := newEstimator(t, b, g, cfg, -10)
		var trials []trial
		for i := range 600 {
			if !withBaseline {
				if err := e.store.GetVariable("/hard/baseline").SetValue(tensors.FromScalar(float32(0))); err != nil {
					t.Fatal(err)
				}
			}
			trials = append(trials, e.try(t, args[i%3]...))
		}
		_, variance := moments(trials)
		sum := 0.0
		for _, v := range variance {
			sum += v
		}
		return sum
	}
	soft, plain := total(AttentionSoft, 0, true), total(AttentionHard, 0, false)
	baseline, half := total(AttentionHard, 0, true), total(AttentionHard, 0.5, true)
	t.Logf("variance of a caption's gradient: soft %.1f, hard %.1f, with the baseline %.1f, with half the contexts expected %.1f",
		soft, plain, baseline, half)
	if !(soft < half && half < baseline && baseline < plain) {
		t.Errorf("expected the variance to fall from hard to the baseline, to expected contexts, to soft, found %g, %g, %g, %g",
			plain, baseline, half, soft)
	}
}

// With every context expected, hard attention is soft attention, and learns as that does.
func TestHardAttentionExpectedIsSoft(t *testing.T) {
	g, _, _ := loadHard(t)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		hard, soft := g.cfg, g.cfg
		hard.Hard, soft.Attention = Hard{LambdaR: 1, Expected: 1}, AttentionSoft
		args := []any{g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "lengths")}
		got := newEstimator(t, b, g, hard, -5).try(t, args...).gradient
		want := newEstimator(t, b, g, soft, -5).try(t, args...).gradient
		for i := range want {
			if !(math.Abs(got[i]-want[i]) < 1e-5) {
				t.Fatalf("gradient %d: got %g, want %g as with soft attention", i, got[i], want[i])
			}
		}
	})
}

// While captions are written, the place with the largest weight is looked at: read word by word, in rows that take turns,
// a caption has the log p that Decode gives it, and that DecodeAt gives it for those places.
func TestHardAttentionWritesCaptions(t *testing.T) {
	g, _, _ := loadHard(t)
	captions, shape, err := g.io.Int32s("captions")
	if err != nil {
		t.Fatal(err)
	}
	features, _, err := g.io.Float32s("a")
	if err != nil {
		t.Fatal(err)
	}
	lengths, _, _ := g.io.Int32s("lengths")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := g.store(t)
		exec, err := model.NewExec(b, store, func(scope *model.Scope, a, captions, lengths *Node) []*Node {
			out := Decode(scope, g.cfg, a, captions)
			at := DecodeAt(scope, g.cfg, a, captions, out.Locations)
			places := graph.ArgMax(out.Alpha, 2)
			return []*Node{HardLoss(scope, g.cfg, out, captions, lengths).LogWords, HardLoss(scope, g.cfg, at, captions, lengths).LogWords,
				graph.ReduceAllSum(graph.Abs(graph.Sub(places, out.Locations)))}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "lengths"))
		if err != nil {
			t.Fatal(err)
		}
		decoded := flat(t, out[0])
		near(t, "log p at those places", flat(t, out[1]), decoded)
		if off := tensors.ToScalar[int32](out[2]); off != 0 {
			t.Error("a place was taken that has not the largest weight")
		}
		if store.GetVariable("/hard/baseline") != nil {
			t.Error("a loss that was only looked at made a baseline")
		}
		logProbs, _ := readCaptions(t, b, store, g.cfg, features, captions, shape[0])
		for i, want := range decoded {
			if n, step := i/(shape[1]-1), i%(shape[1]-1); step < int(lengths[n])-1 {
				near(t, "log p word by word", logProbs[step][n:][:1], []float32{want})
			}
		}
	})
}

// The baseline is used before it moves, moves by a tenth while training, and is left alone by the optimizer.
func TestHardAttentionBaseline(t *testing.T) {
	g, _, _ := loadHard(t)
	b := backendtest.Go(t)
	store := g.store(t)
	sgd := optimizer.StochasticGradientDescent().WithLearningRate(1e-4).Done()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, a, captions, lengths *Node) []*Node {
		store.SetTraining(a.Graph(), true)
		l := HardLoss(scope, g.cfg, Decode(scope, g.cfg, a, captions), captions, lengths)
		sgd.UpdateGraph(scope, a.Graph(), l.Total)
		return []*Node{l.Baseline, graph.Neg(graph.ReduceAllMean(l.PerExample)), l.Advantages}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for range 5 {
		out, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "lengths"))
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(tensors.ToScalar[float32](out[0])); !(math.Abs(got-want) < 1e-4) {
			t.Errorf("got the baseline %g, want %g", got, want)
		}
		R := float64(tensors.ToScalar[float32](out[1]))
		sum := 0.0
		for _, x := range flat(t, out[2]) {
			sum += float64(x) / 3
		}
		if !(math.Abs(sum-(R-want)) < 1e-4) {
			t.Errorf("got the mean advantage %g, want %g - %g", sum, R, want)
		}
		want = 0.9*want + 0.1*R
	}
	if v := store.GetVariable("/hard/baseline"); v.Trainable {
		t.Error("the baseline is trained")
	}
}

func TestHardAttentionRefuses(t *testing.T) {
	g, _, _ := loadHard(t)
	b := backendtest.Go(t)
	soft := g.cfg
	soft.Attention = AttentionSoft
	args := []any{g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "locations"), g.tensor(t, "lengths")}
	for want, build := range map[string]func(scope *model.Scope, in []*Node) *Node{
		"use HardLoss": func(scope *model.Scope, in []*Node) *Node {
			return Loss(g.cfg, Decode(scope, g.cfg, in[0], in[1]), in[1], in[3]).Total
		},
		"none of its places": func(scope *model.Scope, in []*Node) *Node {
			return HardLoss(scope, soft, Decode(scope, soft, in[0], in[1]), in[1], in[3]).Total
		},
		`found "soft"`: func(scope *model.Scope, in []*Node) *Node {
			return DecodeAt(scope, soft, in[0], in[1], in[2]).Logits
		},
		"learns nothing": func(scope *model.Scope, in []*Node) *Node {
			scope.Store().SetTraining(in[0].Graph(), true)
			still := g.cfg
			still.Hard = Hard{LambdaE: 1}
			return HardLoss(scope, still, Decode(scope, still, in[0], in[1]), in[1], in[3]).Total
		},
		"(Int32)[3, 5]": func(scope *model.Scope, in []*Node) *Node { // a place too few
			return DecodeAt(scope, g.cfg, in[0], graph.SliceAxis(in[1], 1, graph.AxisRange(0, 4)), in[2]).Logits
		},
	} {
		exec, err := model.NewExec(b, g.store(t), build)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exec.Call(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want one with %q", err, want)
		}
	}
}
