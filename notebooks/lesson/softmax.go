package lesson

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// Softmax is that of scores which are multiplied by a factor first, exp(factor e_i) / Σ_k exp(factor e_k): what [attention.Softmax] and
// [clip.Softmax] compute, in float64 and without a backend.
func Softmax(scores []float64, factor float64) []float64 {
	p, largest := make([]float64, len(scores)), math.Inf(-1)
	for _, score := range scores {
		largest = max(largest, factor*score)
	}
	for i, score := range scores {
		p[i] = math.Exp(factor*score - largest)
	}
	floats.Scale(1/floats.Sum(p), p)
	return p
}
