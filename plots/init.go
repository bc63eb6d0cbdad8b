package plots

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Init is where the points of a map start.
type Init int

// AutoInit leaves the choice to the method. PCAInit starts from the first two principal components, RandomInit from
// normal numbers, SpectralInit ([UMAP] only) from the graph of neighbours.
const (
	AutoInit Init = iota
	PCAInit
	RandomInit
	SpectralInit
)

// String is "automatic", "PCA", "random" or "spectral".
func (i Init) String() string {
	if i < AutoInit || i > SpectralInit {
		return fmt.Sprintf("Init(%d)", int(i))
	}
	return [...]string{"automatic", "PCA", "random", "spectral"}[i]
}

// start returns the first places of the points, [n, 2], on any scale.
func start(init Init, c *cloud, seed uint64) ([]float64, error) {
	if init == RandomInit {
		rng := rand.New(rand.NewPCG(seed, 0))
		points := make([]float64, 2*c.rows)
		for i := range points {
			points[i] = rng.NormFloat64()
		}
		return points, nil
	}
	return principal(c)
}

// principal projects the cloud onto its two first principal axes; a cloud on a line gets a little noise there. Unlike
// [PCA] it takes time in proportion to the data.
func principal(c *cloud) ([]float64, error) {
	mean := columnMeans(c.x, c.rows, c.cols)
	centred := make([]float64, len(c.x))
	for i, v := range c.x {
		centred[i] = v - mean[i%c.cols]
	}
	axes := largestEigenvectors(c.cols, 2, func(out, v []float64) {
		clear(out)
		for r := range c.rows {
			row := centred[r*c.cols : (r+1)*c.cols]
			along := inner(row, v)
			for j, x := range row {
				out[j] += along * x
			}
		}
	})
	points := make([]float64, 2*c.rows)
	for k, axis := range axes {
		fixSign(axis)
		for r := range c.rows {
			points[2*r+k] = inner(centred[r*c.cols:(r+1)*c.cols], axis)
		}
	}
	switch len(axes) {
	case 0:
		return nil, errOnePlace
	case 1:
		spread(points)
	}
	return points, nil
}

// spread moves points of a line off it a little, for no gradient ever would.
func spread(points []float64) {
	rng := rand.New(rand.NewPCG(1, 1))
	size := math.Sqrt(inner(points, points) / float64(len(points)))
	for i := 1; i < len(points); i += 2 {
		points[i] = 0.01 * size * rng.NormFloat64()
	}
}

func inner(a, b []float64) (sum float64) {
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// rescale gives the first coordinate this standard deviation and the second the same factor.
func rescale(points []float64, deviation float64) {
	centre(points)
	sum := 0.0
	for i := 0; i < len(points); i += 2 {
		sum += points[i] * points[i]
	}
	factor := deviation / math.Sqrt(sum/float64(len(points)/2))
	for i := range points {
		points[i] *= factor
	}
}

// jitter adds noise, without which points in one place would stay together for ever, and a regular start lead to a
// worse map more often.
func jitter(points []float64, deviation float64, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for i := range points {
		points[i] += deviation * rng.NormFloat64()
	}
}

// centre moves the mean of the points to 0.
func centre(points []float64) {
	n := len(points) / 2
	mean := columnMeans(points, n, 2)
	for i := range points {
		points[i] -= mean[i%2]
	}
}

func column(points []float64, k int) []float64 {
	out := make([]float64, len(points)/2)
	for i := range out {
		out[i] = points[2*i+k]
	}
	return out
}
