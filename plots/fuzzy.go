package plots

import (
	"context"
	"errors"
	"math"
)

// smoothNeighbours returns what turns the distances to a point's k nearest neighbours, nearest first, into membership
// exp(-max(0, d - rho) / sigma): rho is the least distance that is not 0, and sigma that at which the memberships sum
// to log2 k (McInnes et al., 2018, algorithm 3). Sigma is at least 0.001 of floor, so that it stays above 0 where no
// sigma reaches the sum.
func smoothNeighbours(distances []float64, floor float64) (rho, sigma float64) {
	for _, d := range distances {
		if d > 0 {
			rho = d
			break
		}
	}
	target := math.Log2(float64(len(distances)))
	sum := func(sigma float64) (sum float64) {
		for _, d := range distances {
			sum += math.Exp(-max(0, d-rho) / sigma)
		}
		return sum
	}
	least := max(1e-3*floor, 1e-12)
	low, high := 0.0, distances[len(distances)-1]+least
	for range 60 {
		if sum(high) >= target {
			break
		}
		low, high = high, 2*high
	}
	for range 100 {
		sigma = (low + high) / 2
		if gap := sum(sigma) - target; math.Abs(gap) < 1e-10 {
			break
		} else if gap > 0 {
			high = sigma
		} else {
			low = sigma
		}
	}
	return rho, max(sigma, least)
}

// fuzzyGraph returns the union of the points' fuzzy neighbourhoods: a + b - ab for what two points are to each other
// (algorithms 1 and 2).
func fuzzyGraph(ctx context.Context, c *cloud, k int) (*sparse, error) {
	near, weights := make([][]neighbour, c.rows), make([][]float64, c.rows)
	err := c.eachRow(ctx, func(i int, squared []float64) {
		near[i], weights[i] = nearest(squared, i, k), make([]float64, k)
		mean := 0.0
		for j, nb := range near[i] {
			weights[i][j] = math.Sqrt(nb.squared)
			mean += weights[i][j] / float64(k)
		}
		rho, sigma := smoothNeighbours(weights[i], mean)
		for j, d := range weights[i] {
			weights[i][j] = math.Exp(-max(0, d-rho) / sigma)
		}
	})
	if err != nil {
		return nil, err
	}
	return symmetric(near, weights, func(a, b float64) float64 { return rounded(a + b - a*b) }), nil
}

// membershipCurve fits 1/(1 + a x^(2b)) to the wish that points closer than minDist belong together wholly and others
// by exp(-(x - minDist)/spread): least squares at 300 distances from 0 to 3 spread, by Levenberg and Marquardt's method.
func membershipCurve(minDist, spread float64) (a, b float64, err error) {
	const n = 300
	// Distances in units of spread: a is turned back at the end.
	x, y := make([]float64, n), make([]float64, n)
	for i := range n {
		x[i] = 3 * float64(i) / (n - 1)
		y[i] = math.Exp(-max(0, x[i]-minDist/spread))
	}
	loss := func(a, b float64) (sum float64) {
		for i := range x {
			r := 1/(1+a*math.Pow(x[i], 2*b)) - y[i]
			sum += r * r
		}
		return sum
	}
	a, b = 1, 1
	current, damping := loss(a, b), 1e-3
	for range 500 {
		// The normal equations of the residuals' derivatives by a and b.
		var aa, ab, bb, ra, rb float64
		for i := 1; i < n; i++ {
			power := math.Pow(x[i], 2*b)
			f := 1 / (1 + a*power)
			da, db := -f*f*power, -2*f*f*a*power*math.Log(x[i])
			r := f - y[i]
			aa, ab, bb = aa+da*da, ab+da*db, bb+db*db
			ra, rb = ra+r*da, rb+r*db
		}
		aa, bb = aa*(1+damping), bb*(1+damping)
		determinant := aa*bb - ab*ab
		nextA, nextB := a-(bb*ra-ab*rb)/determinant, b-(aa*rb-ab*ra)/determinant
		if next := loss(nextA, nextB); nextA > 0 && nextB > 0 && next < current {
			done := current-next < 1e-15*current
			a, b, current, damping = nextA, nextB, next, damping/10
			if done {
				break
			}
			continue
		}
		if damping *= 10; damping > 1e12 {
			break
		}
	}
	// As many digits as the fit has.
	a, b = math.Round(a*1e6)/1e6, math.Round(b*1e6)/1e6
	a *= math.Pow(spread, -2*b)
	if math.IsNaN(a+b) || math.IsInf(a, 0) || a <= 0 {
		return 0, 0, errors.New("no curve fits this MinDist and Spread; choose them nearer to 0.1 and 1")
	}
	return a, b, nil
}
