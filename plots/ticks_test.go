package plots

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"pgregory.net/rapid"
)

func TestLinearTicks(t *testing.T) {
	for _, test := range []struct {
		lo, hi float64
		n      int
		want   string
	}{
		{1.03, 5.1, 9, "1.5 2.0 2.5 3.0 3.5 4.0 4.5 5.0"}, // a loss
		{0.0198, 0.0712, 6, "0.02 0.03 0.04 0.05 0.06 0.07"},
		{-30, 1530, 8, "0 200 400 600 800 1000 1200 1400"},
		{-1, 1, 4, "-1.0 -0.5 0 0.5 1.0"},
		{0, 4.9e6, 6, "0 1e6 2e6 3e6 4e6"},
		{0, 3e-6, 3, "0 1e-6 2e-6 3e-6"},
		{0.1, 0.9, 1, "0.2 0.4 0.6 0.8"}, // one number is no scale
	} {
		if got := labelsOf(linearTicks{n: test.n}.Ticks(test.lo, test.hi)); got != test.want {
			t.Errorf("%g..%g: expected %q, found %q", test.lo, test.hi, test.want, got)
		}
	}
	if got := labelsOf(linearTicks{n: 5, percent: true}.Ticks(0, 0.012)); got != "0% 0.5% 1.0%" {
		t.Errorf("expected percentages with one decimal, found %q", got)
	}
}

// What counts something has no ticks between whole numbers, however few there are.
func TestWholeTicks(t *testing.T) {
	for _, test := range []struct {
		lo, hi float64
		n      int
		want   string
	}{
		{0.94, 4.06, 9, "1 2 3 4"},
		{0.98, 2.02, 9, "1 2"},
		{0.5, 1.5, 9, "1"},
		{0.4, 30.6, 9, "5 10 15 20 25 30"},
	} {
		if got := labelsOf(linearTicks{n: test.n, whole: true}.Ticks(test.lo, test.hi)); got != test.want {
			t.Errorf("%g..%g: expected %q, found %q", test.lo, test.hi, test.want, got)
		}
	}
}

func TestLogTicks(t *testing.T) {
	for _, test := range []struct {
		lo, hi float64
		n      int
		want   string
	}{
		{60, 2e5, 10, "100 1000 10000 100000"},
		{1, 100, 8, "1 2 5 10 20 50 100"},
		{1e-5, 1, 3, "1e-5 0.001 0.1"},
		{1e-9, 1e9, 4, "1e-9 0.0001 10 1e6"},
		{100, 130, 3, "100 110 120 130"},
		{0.02, 0.07, 5, "0.02 0.03 0.04 0.05 0.06 0.07"},
	} {
		if got := labelsOf(logTicks{n: test.n}.Ticks(test.lo, test.hi)); got != test.want {
			t.Errorf("%g..%g: expected %q, found %q", test.lo, test.hi, test.want, got)
		}
	}
}

func labelsOf(ticks []plot.Tick) string {
	var labels []string
	for _, t := range ticks {
		if t.Label != "" {
			labels = append(labels, t.Label)
		}
	}
	return strings.Join(labels, " ")
}

// Every label says where its tick is, and all ticks are on the axis.
// Ticks that are given are those of the axis, as far as it goes.
func TestGivenTicks(t *testing.T) {
	got := givenTicks{1, 2, 4, 8, 0.005}.Ticks(0.9, 5)
	if len(got) != 3 || got[0].Label != "1" || got[2].Value != 4 {
		t.Errorf("expected ticks at 1, 2 and 4, found %v", got)
	}
	_, err := Curves(CurvesConfig{XLabel: "x", YLabel: "y", LogX: true, XTicks: []float64{0, 1}, Series: []Series{{X: []float64{1}, Y: []float64{1}}}})
	if err == nil || !strings.Contains(err.Error(), "ticks of x") {
		t.Errorf("expected ticks that a logarithmic axis does not have to be refused, found %v", err)
	}
}

func TestTickLabelsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-1e7, 1e7).Draw(t, "lo")
		hi := lo + math.Pow(10, rapid.Float64Range(-6, 7).Draw(t, "log span"))
		n := rapid.IntRange(2, 12).Draw(t, "n")
		var ticker plot.Ticker = linearTicks{n: n}
		if rapid.Bool().Draw(t, "log") {
			lo = math.Pow(10, rapid.Float64Range(-9, 7).Draw(t, "log lo"))
			hi = lo * math.Pow(10, rapid.Float64Range(0.05, 12).Draw(t, "decades"))
			ticker = logTicks{n: n}
		}
		s := span{lo, hi}.padded(0.05, lo > 0)
		ticks := ticker.Ticks(s.min, s.max)
		count := 0
		for _, tick := range ticks {
			if tick.Value < s.min || tick.Value > s.max {
				t.Fatalf("tick %g is not on the axis %g..%g", tick.Value, s.min, s.max)
			}
			if tick.Label == "" {
				continue
			}
			count++
			v, err := strconv.ParseFloat(tick.Label, 64)
			if err != nil || math.Abs(v-tick.Value) > 0.01*math.Max(math.Abs(v), s.max-s.min) {
				t.Fatalf("the label %q stands at %g (%v)", tick.Label, tick.Value, err)
			}
		}
		// Where a step leaves one label, the next finer one has up to five.
		if count < 2 || count > max(n+1, 5) {
			t.Fatalf("expected between 2 and about %d labels, found %v", n, ticks)
		}
	})
}
