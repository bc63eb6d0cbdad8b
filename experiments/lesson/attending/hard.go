package attending

import (
	"math"
	"math/rand/v2"
)

// Estimate is how far an estimate of hard attention's gradient from one draw is off: its standard deviation over the length of the true gradient.
// The mean of n draws is off by that over sqrt(n).
type Estimate struct {
	Places   int     `json:"places"`
	Plain    float64 `json:"plain"`    // REINFORCE as it is (Williams 1992)
	Baseline float64 `json:"baseline"` // with the expected reward as the baseline (Xu et al. 2015, section 4.1, has its moving average)
	Soft     float64 `json:"soft"`     // cosine of soft attention's gradient, which has no variance, with the true one
}

// choice is one step of hard attention: scores e of places, their feature vectors a_i, and a reward R(z) = log p(word | z) by a linear reader.
type choice struct {
	scores   []float64   // [L]
	features [][]float64 // [L][D]
	reader   [][]float64 // [V][D]
	word     int
}

func drawChoice(rng *rand.Rand, places int) choice {
	const width, words = 16, 12
	c := choice{scores: normal(rng, places), word: rng.IntN(words)}
	for range places {
		c.features = append(c.features, normal(rng, width))
	}
	for range words {
		row := normal(rng, width)
		for i := range row {
			row[i] /= math.Sqrt(width)
		}
		c.reader = append(c.reader, row)
	}
	return c
}

// reward is log p(word | z), and its gradient with respect to z.
func (c choice) reward(z []float64) (reward float64, gradient []float64) {
	logits := make([]float64, len(c.reader))
	for w, row := range c.reader {
		for d, r := range row {
			logits[w] += r * z[d]
		}
	}
	p := softmax(logits, 1)
	gradient = make([]float64, len(z))
	for w, row := range c.reader {
		for d, r := range row {
			own := 0.0
			if w == c.word {
				own = 1
			}
			gradient[d] += (own - p[w]) * r
		}
	}
	return math.Log(p[c.word]), gradient
}

// truth is the gradient of E[R] with respect to the scores, with the rewards of the places and their probabilities.
func (c choice) truth() (gradient, rewards, alpha []float64) {
	alpha = softmax(c.scores, 1)
	mean := 0.0
	for i, a := range c.features {
		r, _ := c.reward(a)
		rewards = append(rewards, r)
		mean += alpha[i] * r
	}
	for i, r := range rewards {
		gradient = append(gradient, alpha[i]*(r-mean))
	}
	return gradient, rewards, alpha
}

// deviation is the standard deviation of (R_s - b) d log alpha_s / d e for one draw s, summed over the scores: exactly, place by place.
func deviation(gradient, rewards, alpha []float64, baseline float64) float64 {
	second := 0.0
	for s, p := range alpha {
		square := 0.0 // of d log alpha_s / d e_i = [i = s] - alpha_i
		for i, a := range alpha {
			d := -a
			if i == s {
				d++
			}
			square += d * d
		}
		second += p * (rewards[s] - baseline) * (rewards[s] - baseline) * square
	}
	return math.Sqrt(max(second-dot(gradient, gradient), 0))
}

// soft is the gradient of R(E[a]), soft attention's, with respect to the scores.
func (c choice) soft(alpha []float64) []float64 {
	z := make([]float64, len(c.features[0]))
	for i, a := range c.features {
		for d, v := range a {
			z[d] += alpha[i] * v
		}
	}
	_, dz := c.reward(z)
	wants := make([]float64, len(alpha))
	for i, a := range c.features {
		wants[i] = dot(a, dz)
	}
	mean := dot(alpha, wants)
	out := make([]float64, len(alpha))
	for i := range out {
		out[i] = alpha[i] * (wants[i] - mean)
	}
	return out
}

// estimate is the mean of so many random choices.
func estimate(rng *rand.Rand, places int) Estimate {
	e := Estimate{Places: places}
	for range draws {
		c := drawChoice(rng, places)
		gradient, rewards, alpha := c.truth()
		length := math.Sqrt(dot(gradient, gradient))
		soft := c.soft(alpha)
		e.Plain += deviation(gradient, rewards, alpha, 0) / length / draws
		e.Baseline += deviation(gradient, rewards, alpha, dot(alpha, rewards)) / length / draws
		e.Soft += dot(gradient, soft) / length / math.Sqrt(dot(soft, soft)) / draws
	}
	return e
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
