package attending

import (
	"math"
	"math/rand/v2"
	"slices"
)

// softmax of scores times a factor.
func softmax(scores []float64, factor float64) []float64 {
	largest, sum := math.Inf(-1), 0.0
	for _, s := range scores {
		largest = max(largest, s*factor)
	}
	out := make([]float64, len(scores))
	for i, s := range scores {
		out[i] = math.Exp(s*factor - largest)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// Sharp is a softmax of scores that were multiplied by a factor.
type Sharp struct {
	Factor  float64   `json:"factor"`
	Weights []float64 `json:"weights"`
	Entropy float64   `json:"entropy"` // nats
}

func sharpen(scores, factors []float64) (all []Sharp) {
	for _, f := range factors {
		weights := softmax(scores, f)
		all = append(all, Sharp{f, weights, entropy(weights)})
	}
	return all
}

func entropy(weights []float64) (sum float64) {
	for _, w := range weights {
		if w > 0 {
			sum -= w * math.Log(w)
		}
	}
	return sum
}

// Wide is how sharp attention is whose scores are dot products of so many random numbers, as they are and over the square root of their number.
type Wide struct {
	Width  int     `json:"width"`
	Plain  float64 `json:"plain"`  // largest weight, the mean over draws
	Scaled float64 `json:"scaled"` // likewise, of scores over sqrt(width) (Vaswani et al. 2017, section 3.2.1)
}

// draws is how many random queries a figure is the mean of.
const draws = 400

// widths compares dot products of standard normal queries and keys at so many places.
func widths(rng *rand.Rand, places int, all []int) (found []Wide) {
	for _, width := range all {
		w := Wide{Width: width}
		for range draws {
			query := normal(rng, width)
			scores := make([]float64, places)
			for i := range scores {
				for _, q := range query {
					scores[i] += q * rng.NormFloat64()
				}
			}
			w.Plain += slices.Max(softmax(scores, 1)) / draws
			w.Scaled += slices.Max(softmax(scores, 1/math.Sqrt(float64(width)))) / draws
		}
		found = append(found, w)
	}
	return found
}

func normal(rng *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = rng.NormFloat64()
	}
	return out
}
