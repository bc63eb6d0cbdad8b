package plots

import (
	"context"
	"math"
)

// conditional fills p with t-SNE's p(j|i), proportional to exp(-beta d_j) for the squared distances d of a point's
// neighbours, and returns the beta = 1/(2 sigma²) at which p has this perplexity (van der Maaten and Hinton, 2008,
// equation 1). Where no beta does, as among points in one place, p is the nearest that there is.
func conditional(p, squared []float64, perplexity float64) (beta float64) {
	nearest, mean := math.Inf(1), 0.0
	for _, d := range squared {
		nearest = min(nearest, d)
		mean += d / float64(len(squared))
	}
	beta = 1
	if mean > nearest {
		beta = 1 / (mean - nearest)
	}
	low, high := 0.0, math.Inf(1)
	for range 200 {
		gap := entropyAt(p, squared, nearest, beta) - math.Log(perplexity)
		switch {
		case math.Abs(gap) < 1e-10:
			return beta
		case gap > 0:
			low = beta
		default:
			high = beta
		}
		if math.IsInf(high, 1) {
			beta *= 2
		} else {
			beta = (low + high) / 2
		}
	}
	return beta
}

// entropyAt fills p for this beta and returns its entropy in nats. Distances count from the nearest, which cancels out.
func entropyAt(p, squared []float64, nearest, beta float64) float64 {
	sum, weighted := 0.0, 0.0
	for j, d := range squared {
		d = beta * (d - nearest)
		p[j] = math.Exp(-d)
		sum += p[j]
		if p[j] > 0 {
			weighted += d * p[j]
		}
	}
	for j := range p {
		p[j] /= sum
	}
	return math.Log(sum) + weighted/sum
}

// nearAffinities is the joint P of Barnes-Hut t-SNE: each point's conditional probabilities over its 3 x perplexity
// nearest neighbours, made symmetric (van der Maaten, 2014, equations 6 and 7). Its entries sum to 1.
func nearAffinities(ctx context.Context, c *cloud, perplexity float64) (*sparse, error) {
	near, weights := make([][]neighbour, c.rows), make([][]float64, c.rows)
	k := min(c.rows-1, int(3*perplexity)+1)
	err := c.eachRow(ctx, func(i int, squared []float64) {
		near[i], weights[i] = nearest(squared, i, k), make([]float64, k)
		distances := make([]float64, k)
		for k, nb := range near[i] {
			distances[k] = nb.squared
		}
		conditional(weights[i], distances, perplexity)
	})
	if err != nil {
		return nil, err
	}
	n := float64(c.rows)
	return symmetric(near, weights, func(a, b float64) float64 { return rounded((a + b) / (2 * n)) }), nil
}

// allAffinities is the joint P of t-SNE, [n, n], row-major, with zeros on its diagonal. Its entries sum to 1.
func allAffinities(ctx context.Context, c *cloud, perplexity float64) ([]float64, error) {
	n := c.rows
	p := make([]float64, n*n)
	err := c.eachRow(ctx, func(i int, squared []float64) {
		row := p[i*n : (i+1)*n]
		// The point itself is left out: the first takes its place meanwhile.
		squared[i] = squared[0]
		conditional(row[1:], squared[1:], perplexity)
		row[0], row[i] = row[i], row[0]
	})
	if err != nil {
		return nil, err
	}
	for i := range n {
		for j := range i {
			joint := rounded((p[i*n+j] + p[j*n+i]) / (2 * float64(n)))
			p[i*n+j], p[j*n+i] = joint, joint
		}
	}
	return p, nil
}

// rounded drops the digits in which exp differs between processors. Without it they would give maps that differ
// altogether, for a descent makes the smallest difference large.
func rounded(v float64) float64 { return float64(float32(v)) }
