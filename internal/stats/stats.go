// Package stats holds the two kinds of figures the lab reports, each with its number of examples and a 95% interval.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Proportion is a share of examples with its 95% interval.
type Proportion struct {
	Value float64 `json:"value"` // 0..1
	Low   float64 `json:"low"`   // Wilson score interval (Wilson 1927)
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

// Mean is a mean with its 95% interval.
type Mean struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"` // percentile bootstrap (Efron 1979), 2,000 resamples, fixed seed
	High  float64 `json:"high"`
	N     int     `json:"n"`
}

// NewMean is the mean of values with its bootstrap interval at 95%.
func NewMean(values []float64) Mean {
	if len(values) == 0 {
		return Mean{}
	}
	rng := rand.New(rand.NewPCG(1, 95))
	resampled := make([]float64, 2000)
	for i := range resampled {
		sum := 0.0
		for range values {
			sum += values[rng.IntN(len(values))]
		}
		resampled[i] = sum / float64(len(values))
	}
	slices.Sort(resampled)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return Mean{Value: sum / float64(len(values)), Low: resampled[50], High: resampled[1949], N: len(values)}
}
