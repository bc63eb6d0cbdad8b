package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets"
)

// For features +1 and -1 of two classes the weights are +w and -w with lambda*w = n/(1+exp(2w)), and no bias: set the
// derivative of n ln(1+exp(-2w)) + lambda w^2 to zero.
func TestLogisticTwoClasses(t *testing.T) {
	features, labels := [][]float32{{1}, {-1}, {1}, {-1}}, []int{0, 1, 0, 1}
	for _, lambda := range []float64{1e-3, 0.1, 1, 100} {
		l, err := fitLogistic(features, labels, 2, lambda, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := l.parameters[0]
		if math.Abs(lambda*w-4/(1+math.Exp(2*w))) > 1e-4*lambda*w+1e-5 || math.Abs(w+l.parameters[1]) > 1e-6 || math.Abs(l.parameters[2]-l.parameters[3]) > 1e-6 {
			t.Errorf("lambda %g: found %v", lambda, l.parameters)
		}
	}
}

// The gradient is the slope of the value, and at the fitted parameters it is zero.
func TestLogisticGradient(t *testing.T) {
	x := cloud(30, 5, 3, 1)
	o := newObjective(x.features, x.labels, 3, 0.7)
	rng := rand.New(rand.NewPCG(1, 1))
	at := make([]float64, 3*6)
	for i := range at {
		at[i] = rng.NormFloat64()
	}
	gradient := make([]float64, len(at))
	o.copyGradient(gradient, at)
	for i := range at {
		const h = 1e-6
		up, down := append([]float64{}, at...), append([]float64{}, at...)
		up[i], down[i] = at[i]+h, at[i]-h
		if slope := (o.value(up) - o.value(down)) / (2 * h); math.Abs(slope-gradient[i]) > 1e-7 {
			t.Errorf("parameter %d: gradient %v, slope %v", i, gradient[i], slope)
		}
	}
	l, err := fitLogistic(x.features, x.labels, 3, 0.7, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.copyGradient(gradient, l.parameters)
	for i, g := range gradient {
		if math.Abs(g) > 1e-4 {
			t.Errorf("at the minimum the gradient of parameter %d is %v", i, g)
		}
	}
}

// cloud is n examples around class means on the axes: separable where spread is small.
func cloud(n, dims, classes int, spread float64) (x examples) {
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	for i := range n {
		row := make([]float32, dims)
		for j := range row {
			row[j] = float32(spread * rng.NormFloat64())
		}
		row[i%classes]++
		x.features, x.labels = append(x.features, row), append(x.labels, i%classes)
	}
	return x
}

// embedded makes a data set of features whose classes are named by letters.
func embedded(x examples) *Embedded {
	e := &Embedded{Images: x.features}
	for i, label := range x.labels {
		e.Examples = append(e.Examples, datasets.Example{ID: fmt.Sprint(i), Label: string(rune('a' + label))})
	}
	return e
}

func TestLinearProbe(t *testing.T) {
	train, test := embedded(cloud(300, 8, 4, 0.25)), embedded(cloud(200, 8, 4, 0.25))
	test.Examples[0].Label, test.Examples[4].Label = "", "nowhere in train"
	last, total := 0, 0
	cfg := ProbeConfig{Shots: []int{1, 8, 1000}, Draws: 3, Seed: 1}
	p, err := LinearProbe(t.Context(), train, test, ByAttribute(""), cfg, func(done, of int) {
		if done < last || done > of {
			t.Errorf("progress %d of %d after %d", done, of, last)
		}
		last, total = done, of
	})
	if err != nil {
		t.Fatal(err)
	}
	// Class means are sqrt(2) apart and the spread is 0.25: the best rule errs on about 3*Q(0.707/0.25) = 0.7%.
	if p.Top1.Value < 0.97 || p.Top1.N != 198 || p.LeftOut != 2 || p.Train != 300 || p.HeldOut != 60 || len(p.Classes) != 4 || last != total || total == 0 {
		t.Errorf("found %+v, progress %d of %d", p, last, total)
	}
	if n := len(p.Sweep); n < 11 || n > 15 || p.Sweep[0].Lambda != 1e6 || p.Sweep[n-1].Lambda != 1e-6 {
		t.Errorf("the sweep is %v", p.Sweep)
	}
	for _, s := range p.Sweep {
		if s.Accuracy > accuracyOf(p.Sweep, p.Lambda) {
			t.Errorf("lambda %g was chosen, but %g did better", p.Lambda, s.Lambda)
		}
	}
	one, eight, all := p.Shots[0], p.Shots[1], p.Shots[2]
	if one.Top1.Value < 0.5 || eight.Top1.Value < one.Top1.Value || all.Short != 4 || len(eight.Draws) != 3 || one.Lambda[0] != shotLambda || one.Short != 0 {
		t.Errorf("few shots: %+v", p.Shots)
	}
	if all.Top1.High-all.Top1.Low > 1e-9 {
		t.Errorf("all pictures are drawn every time, but the accuracies are %v", all.Draws)
	}
	again, err := LinearProbe(t.Context(), train, test, ByAttribute(""), cfg, nil)
	if err != nil || again.Top1 != p.Top1 || again.Lambda != p.Lambda || again.Shots[1].Top1 != eight.Top1 {
		t.Errorf("the second time found %+v, %v", again, err)
	}
}

func accuracyOf(sweep []Swept, lambda float64) float64 {
	for _, s := range sweep {
		if s.Lambda == lambda {
			return s.Accuracy
		}
	}
	return -1
}

func TestLinearProbeErrors(t *testing.T) {
	x := embedded(cloud(8, 4, 2, 0.1))
	if _, err := LinearProbe(t.Context(), embedded(cloud(2, 4, 2, 0.1)), x, ByAttribute(""), ProbeConfig{}, nil); err == nil {
		t.Error("one training picture a class: expected an error")
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := LinearProbe(stopped, x, x, ByAttribute(""), ProbeConfig{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
}
