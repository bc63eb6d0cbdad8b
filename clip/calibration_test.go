package clip

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// softmax(10*(0.1, 0.3)) is 1/(1+e^2) = 0.1192 and 0.8808. Large scales do not overflow.
func TestSoftmax(t *testing.T) {
	if got := Softmax([]float32{0.1, 0.3}, 10); math.Abs(got[0]-0.1192029) > 1e-6 || math.Abs(got[1]-0.8807971) > 1e-6 {
		t.Errorf("got %v", got)
	}
	if got := Softmax([]float32{-1, 1, 1}, 1e5); got[0] != 0 || got[1] != 0.5 || got[2] != 0.5 {
		t.Errorf("got %v", got)
	}
}

// Four predictions with confidence 0.75, three of them right, are calibrated exactly; with confidence 1 they would be
// off by 0.25, the squared distance of the wrong one is 2, and its likelihood is 0. The golden cases are tested through
// `glimpse metrics`.
func TestCalibrate(t *testing.T) {
	labels := []int{0, 0, 0, 1}
	rows := func(p float64) (out [][]float64) {
		for range labels {
			out = append(out, []float64{p, 1 - p})
		}
		return out
	}
	c, err := Calibrate(rows(0.75), labels, 10)
	if err != nil {
		t.Fatal(err)
	}
	nll := -(3*math.Log(0.75) + math.Log(0.25)) / 4
	if c.ECE != 0 || c.MCE != 0 || c.Accuracy != 0.75 || math.Abs(c.Brier-(3*2*0.0625+2*0.5625)/4) > 1e-12 || math.Abs(c.NLL-nll) > 1e-12 {
		t.Errorf("found %+v", c)
	}
	if b := c.Bins[7]; b.Count != 4 || b.Accuracy != 0.75 || b.Confidence != 0.75 || b.Low != 0.7 || b.High != 0.8 {
		t.Errorf("found the bin %+v", b)
	}
	if c, err = Calibrate(rows(1), labels, 10); err != nil || c.ECE != 0.25 || c.MCE != 0.25 || c.Brier != 0.5 || !math.IsInf(c.NLL, 1) {
		t.Errorf("found %+v, %v", c, err)
	}
}

func TestCalibrateErrors(t *testing.T) {
	one := [][]float64{{0.5, 0.5}}
	for _, c := range []struct {
		probabilities [][]float64
		labels        []int
		bins          int
		want          string
	}{
		{one, nil, 10, "0 labels and 1 rows"},
		{nil, nil, 10, "at least one example"},
		{one, []int{2}, 10, "the label 2"},
		{one, []int{-1}, 10, "the label -1"},
		{[][]float64{{0.5, 0.5}, {1}}, []int{0, 0}, 10, "2 probabilities"},
		{[][]float64{{math.NaN(), 0.5}}, []int{0}, 10, "found NaN"},
		{[][]float64{{-0.1, 1.1}}, []int{0}, 10, "found -0.1"},
		{one, []int{0}, 0, "at least one bin"},
	} {
		if _, err := Calibrate(c.probabilities, c.labels, c.bins); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("expected %q, found %v", c.want, err)
		}
	}
}

// The expected error never exceeds the largest, and every example is in a bin that holds its confidence.
func TestCalibrationProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "n")
		var probabilities [][]float64
		var labels []int
		for range n {
			p := rapid.SampledFrom([]float64{0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 1}).Draw(t, "p")
			probabilities, labels = append(probabilities, []float64{p, 1 - p}), append(labels, rapid.IntRange(0, 1).Draw(t, "label"))
		}
		c, err := Calibrate(probabilities, labels, rapid.IntRange(1, 20).Draw(t, "bins"))
		if err != nil {
			t.Fatal(err)
		}
		count, hits := 0, 0.0
		for _, b := range c.Bins {
			count += b.Count
			hits += b.Accuracy * float64(b.Count)
			if b.Count > 0 && (b.Confidence <= b.Low && b.Low > 0 || b.Confidence > b.High+1e-12) {
				t.Fatalf("the bin %+v", b)
			}
		}
		if count != n || math.Abs(hits/float64(n)-c.Accuracy) > 1e-9 || c.ECE > c.MCE+1e-12 || c.Brier < 0 || c.Brier > 2+1e-12 {
			t.Fatalf("found %+v", c)
		}
	})
}
