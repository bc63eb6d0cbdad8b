package stats

import (
	"math"
	"slices"
	"testing"
)

// Wilson's interval for 10 of 100 at 95% is (0.0552, 0.1744): Brown, Cai and DasGupta 2001 give the formula, the
// numbers are worked out by hand from it.
func TestProportion(t *testing.T) {
	p := NewProportion(10, 100)
	if p.Value != 0.1 || math.Abs(p.Low-0.05523) > 1e-4 || math.Abs(p.High-0.17437) > 1e-4 {
		t.Errorf("got %+v, want 0.1 in (0.0552, 0.1744)", p)
	}
	if p := NewProportion(0, 20); p.Low != 0 || p.High < 0.1 || p.High > 0.2 {
		t.Errorf("0 of 20: got %+v, want an interval from 0 to about 0.16", p)
	}
	if p := NewProportion(0, 0); p.Low != 0 || p.High != 1 {
		t.Errorf("no examples: got %+v, want the interval (0, 1)", p)
	}
}

func TestMean(t *testing.T) {
	values := make([]float64, 400)
	for i := range values {
		values[i] = float64(i % 2)
	}
	m := NewMean(values)
	if m.Value != 0.5 || m.N != 400 {
		t.Errorf("got %+v, want the mean 0.5 of 400", m)
	}
	// The standard error is 0.5/20 = 0.025, so the interval is about 0.451 to 0.549.
	if math.Abs(m.Low-0.451) > 0.01 || math.Abs(m.High-0.549) > 0.01 {
		t.Errorf("got the interval (%v, %v), want about (0.451, 0.549)", m.Low, m.High)
	}
	if again := NewMean(values); again != m {
		t.Errorf("the same values gave %+v, then %+v", m, again)
	}
}

// The median of 0..100 is 50; its standard error is about 1.25 times that of the mean, 1.25*29.2/10 = 3.6.
func TestBootstrap(t *testing.T) {
	median := func(pick []int) float64 {
		sorted := slices.Sorted(slices.Values(pick))
		return float64(sorted[len(sorted)/2])
	}
	m := Bootstrap(101, median)
	if m.Value != 50 || m.N != 101 || m.Low < 36 || m.Low > 46 || m.High < 54 || m.High > 64 {
		t.Errorf("got %+v, want 50 in about (41, 59)", m)
	}
	if one := Bootstrap(1, median); one.Value != 0 || one.Low != 0 || one.High != 0 {
		t.Errorf("one unit: got %+v", one)
	}
}

// Of 1, 2, 3 the standard deviation is 1, and t(0.975, 2) = 4.3027 in every table: 2 +- 4.3027/sqrt(3) = 2 +- 2.4841.
func TestRepeated(t *testing.T) {
	m := Repeated([]float64{1, 2, 3})
	if math.Abs(m.Value-2) > 1e-12 || math.Abs(m.High-m.Value-2.4841) > 1e-4 || math.Abs(m.Value-m.Low-2.4841) > 1e-4 || m.N != 3 {
		t.Errorf("got %+v", m)
	}
	if m := Repeated([]float64{0.5}); m.Value != 0.5 || m.Low != 0.5 || m.High != 0.5 || m.N != 1 {
		t.Errorf("one value: got %+v", m)
	}
}
