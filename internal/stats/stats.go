// Package stats holds the two kinds of figures the lab reports, each with its number of examples and a 95% interval.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Proportion is a share of examples with its 95% interval.
type Proportion struct {
	Value float64 `json:"value"` // 0..1
	Low   float64 `json:"low"`   // Wilson score interval (Wilson 1927), unless its maker states another
	High  float64 `json:"high"`  //
	N     int     `json:"n"`     // examples
}

// NewProportion is hits of n with Wilson's interval at 95%.
func NewProportion(hits, n int) Proportion {
	if n == 0 {
		return Proportion{High: 1}
	}
	const z = 1.959963984540054
	p, nn := float64(hits)/float64(n), float64(n)
	centre := (p + z*z/(2*nn)) / (1 + z*z/nn)
	half := z / (1 + z*z/nn) * math.Sqrt(p*(1-p)/nn+z*z/(4*nn*nn))
	return Proportion{Value: p, Low: max(centre-half, 0), High: min(centre+half, 1), N: n}
}

// Mean is a mean, or another figure of many units such as a median, with its 95% interval.
type Mean struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"` // see the function that made it: [NewMean], [Bootstrap] or [Repeated]
	High  float64 `json:"high"`
	N     int     `json:"n"`
}

// NewMean is the mean of values with its bootstrap interval at 95%.
func NewMean(values []float64) Mean {
	if len(values) == 0 {
		return Mean{}
	}
	return Bootstrap(len(values), func(pick []int) float64 {
		sum := 0.0
		for _, i := range pick {
			sum += values[i]
		}
		return sum / float64(len(pick))
	})
}

// resamples is how often a bootstrap draws. The interval reaches from the 51st smallest result to the 51st largest.
const resamples = 2000

// Bootstrap is a figure of n units, such as pictures, with its 95% interval: the percentile bootstrap (Efron 1979) with
// 2,000 resamples and a fixed seed. statistic computes the figure from the units that pick names, n of them with
// repetitions; pick is used again after it returns. A figure that grows with noise, such as a largest difference, has an
// interval that lies high.
func Bootstrap(n int, statistic func(pick []int) float64) Mean {
	pick := make([]int, n)
	for i := range pick {
		pick[i] = i
	}
	m := Mean{Value: statistic(pick), N: n}
	rng := rand.New(rand.NewPCG(1, 95))
	resampled := make([]float64, resamples)
	for i := range resampled {
		for j := range pick {
			pick[j] = rng.IntN(n)
		}
		resampled[i] = statistic(pick)
	}
	slices.Sort(resampled)
	m.Low, m.High = resampled[50], resampled[resamples-51]
	return m
}

// Repeated is the mean of a figure that was measured several times independently, such as with other seeds or other draws
// of training data, with Student's t interval at 95%. With one value the interval is the value itself.
func Repeated(values []float64) Mean {
	n := len(values)
	if n == 0 {
		return Mean{}
	}
	m := Mean{N: n}
	for _, v := range values {
		m.Value += v / float64(n)
	}
	m.Low, m.High = m.Value, m.Value
	if n > 1 {
		sum := 0.0
		for _, v := range values {
			sum += (v - m.Value) * (v - m.Value)
		}
		t := distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile(0.975)
		half := t * math.Sqrt(sum/float64(n-1)/float64(n))
		m.Low, m.High = m.Value-half, m.Value+half
	}
	return m
}
