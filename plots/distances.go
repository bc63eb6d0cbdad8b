package plots

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/parallel"
)

// cloud is n points with d features, moved and scaled so that sums of squares neither overflow nor lose digits.
// Nothing that is computed from it depends on where the points lie or on their unit.
type cloud struct {
	x          []float64 // [n, d], the largest magnitude between 0.5 and 1, or all 0
	norms      []float64 // [n], squared
	rows, cols int
}

// newCloud checks the data of a projection called what.
func newCloud(what string, data []float64, rows, cols int) (*cloud, error) {
	switch {
	case rows < 1 || cols < 1:
		return nil, fmt.Errorf("%s: expected points with at least one feature, found %d x %d", what, rows, cols)
	case len(data) != rows*cols:
		return nil, fmt.Errorf("%s: expected %d x %d values, found %d", what, rows, cols, len(data))
	}
	if err := checkFinite(what, data); err != nil {
		return nil, err
	}
	c := &cloud{x: slices.Clone(data), norms: make([]float64, rows), rows: rows, cols: cols}
	c.scale()
	// The middle is taken as a round number: pixels and counts stay exact, and equal distances equal.
	for j, m := range columnMeans(c.x, rows, cols) {
		m = math.Round(m*1024) / 1024
		for i := range rows {
			c.x[i*cols+j] -= m
		}
	}
	c.scale()
	for i := range rows {
		for _, v := range c.row(i) {
			c.norms[i] += v * v
		}
	}
	return c, nil
}

// scale multiplies by a power of two, which changes no digit.
func (c *cloud) scale() {
	largest := 0.0
	for _, v := range c.x {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return
	}
	_, exponent := math.Frexp(largest)
	for i, v := range c.x {
		c.x[i] = math.Ldexp(v, -exponent)
	}
}

// checkSpread refuses points that are all in one place.
func (c *cloud) checkSpread() error {
	for i := range c.rows {
		if !slices.Equal(c.row(i), c.row(0)) {
			return nil
		}
	}
	return errOnePlace
}

var errOnePlace = errors.New("all points are in one place, and there is nothing to map")

func (c *cloud) row(i int) []float64 { return c.x[i*c.cols : (i+1)*c.cols] }

// blockRows is how many rows of distances one piece of work computes. Pieces do not depend on the number of cores, and
// neither do results.
const blockRows = 32

// eachRow calls do with every point and its squared distances to all points, in parallel and in no order. do may keep
// none of it. It returns ctx's error when ctx ends first.
func (c *cloud) eachRow(ctx context.Context, do func(i int, squared []float64)) error {
	blocks := (c.rows + blockRows - 1) / blockRows
	parallel.Map(ctx, blocks, func(b int) (struct{}, error) {
		first, last := b*blockRows, min((b+1)*blockRows, c.rows)
		rows := make([]float64, (last-first)*c.rows)
		c.block(first, last, rows)
		for i := first; i < last; i++ {
			do(i, rows[(i-first)*c.rows:(i-first+1)*c.rows])
		}
		return struct{}{}, nil
	})
	return ctx.Err()
}

// block fills out [last-first, n] with squared distances: |a|² + |b|² - 2ab. Four points are read once for all rows.
func (c *cloud) block(first, last int, out []float64) {
	n := c.rows
	var products [8]float64
	for j := 0; j < n; j += 4 {
		for i := first; i < last; i += 2 {
			// Beyond the end the last point is taken again.
			i1 := min(i+1, last-1)
			dots2x4(&products, c.row(i), c.row(i1),
				c.row(j), c.row(min(j+1, n-1)), c.row(min(j+2, n-1)), c.row(min(j+3, n-1)))
			for k := range min(4, n-j) {
				out[(i-first)*n+j+k] = max(0, c.norms[i]+c.norms[j+k]-2*products[k])
				out[(i1-first)*n+j+k] = max(0, c.norms[i1]+c.norms[j+k]-2*products[4+k])
			}
		}
	}
}

// dots2x4 multiplies two vectors with four. Every product is summed in the order of its features.
func dots2x4(out *[8]float64, a, b, p, q, r, s []float64) {
	n := len(a)
	b, p, q, r, s = b[:n], p[:n], q[:n], r[:n], s[:n]
	var ap, aq, ar, as, bp, bq, br, bs float64
	for k, u := range a {
		v := b[k]
		x, y, z, w := p[k], q[k], r[k], s[k]
		ap += u * x
		aq += u * y
		ar += u * z
		as += u * w
		bp += v * x
		bq += v * y
		br += v * z
		bs += v * w
	}
	*out = [8]float64{ap, aq, ar, as, bp, bq, br, bs}
}

// neighbour is another point and how far it is.
type neighbour struct {
	index   int
	squared float64 // distance
}

func nearer(a, b neighbour) int {
	return cmp.Or(cmp.Compare(a.squared, b.squared), cmp.Compare(a.index, b.index))
}

// nearest returns the k points nearest to point self, nearest first; of equally far ones the first. squared holds the
// distances to all points; k is less than their number.
func nearest(squared []float64, self, k int) []neighbour {
	found := make([]neighbour, 0, 2*k+16)
	limit := math.Inf(1)
	for j, d := range squared {
		if d > limit || j == self {
			continue
		}
		found = append(found, neighbour{j, d})
		if len(found) == cap(found) {
			slices.SortFunc(found, nearer)
			found = found[:k]
			limit = found[k-1].squared
		}
	}
	slices.SortFunc(found, nearer)
	return slices.Clip(found[:k])
}

// nearestOfAll returns the k nearest neighbours of every point, found by comparing all pairs.
func (c *cloud) nearestOfAll(ctx context.Context, k int) ([][]neighbour, error) {
	all := make([][]neighbour, c.rows)
	err := c.eachRow(ctx, func(i int, squared []float64) { all[i] = nearest(squared, i, k) })
	return all, err
}
