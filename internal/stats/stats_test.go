package stats

import (
	"math"
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
