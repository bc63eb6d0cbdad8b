package plots

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// PCAResult is a principal component analysis of n points with d features, keeping k components.
type PCAResult struct {
	Projected         []float64 // [n, k], row-major: the centred points in the new axes
	ExplainedVariance []float64 // [k], largest first, with n-1 in the denominator
	ExplainedRatio    []float64 // [k], fraction of the whole variance; 0 when there is none
	Mean              []float64 // [d]
	Components        []float64 // [k, d], row-major: orthonormal axes
	Rows, K           int
}

// PCA projects rows points with cols features each (data is row-major) onto their first components principal axes: the
// directions of largest variance, found by a singular value decomposition of the centred data (K. Pearson, 1901;
// H. Hotelling, 1933). The sign of an axis is arbitrary; here its largest entry is positive, so that the same data
// give the same map.
//
// Errors: data of another length than rows x cols, fewer than two points, no features, components not between 1 and
// min(rows, cols), numbers that are not finite.
func PCA(data []float64, rows, cols, components int) (*PCAResult, error) {
	switch {
	case rows < 2 || cols < 1:
		return nil, fmt.Errorf("PCA: expected at least two points with at least one feature, found %d x %d", rows, cols)
	case len(data) != rows*cols:
		return nil, fmt.Errorf("PCA: expected %d x %d values, found %d", rows, cols, len(data))
	case components < 1 || components > min(rows, cols):
		return nil, fmt.Errorf("PCA: expected between 1 and %d components for %d points with %d features, found %d",
			min(rows, cols), rows, cols, components)
	}
	if err := checkFinite("PCA", data); err != nil {
		return nil, err
	}
	res := &PCAResult{Mean: columnMeans(data, rows, cols), Rows: rows, K: components}
	centred := mat.NewDense(rows, cols, nil)
	total := 0.0
	for r := range rows {
		for c := range cols {
			v := data[r*cols+c] - res.Mean[c]
			centred.Set(r, c, v)
			total += v * v
		}
	}
	var svd mat.SVD
	if !svd.Factorize(centred, mat.SVDThin) {
		return nil, errors.New("PCA: the singular value decomposition did not converge; scale the data")
	}
	var v mat.Dense
	svd.VTo(&v)
	values := svd.Values(nil)
	axes := mat.NewDense(components, cols, nil)
	for k := range components {
		column := mat.Col(nil, k, &v)
		fixSign(column)
		axes.SetRow(k, column)
		res.ExplainedVariance = append(res.ExplainedVariance, values[k]*values[k]/float64(rows-1))
		ratio := 0.0
		if total > 0 {
			ratio = values[k] * values[k] / total
		}
		res.ExplainedRatio = append(res.ExplainedRatio, ratio)
	}
	var projected mat.Dense
	projected.Mul(centred, axes.T())
	res.Projected = projected.RawMatrix().Data
	res.Components = axes.RawMatrix().Data
	return res, nil
}

// Column returns the coordinates of all points along component k, ready for the X or Y of a [PointGroup].
func (r *PCAResult) Column(k int) []float64 {
	out := make([]float64, r.Rows)
	for i := range out {
		out[i] = r.Projected[i*r.K+k]
	}
	return out
}

func columnMeans(data []float64, rows, cols int) []float64 {
	mean := make([]float64, cols)
	for r := range rows {
		for c := range cols {
			mean[c] += data[r*cols+c]
		}
	}
	for c := range mean {
		mean[c] /= float64(rows)
	}
	return mean
}

func fixSign(axis []float64) {
	largest := 0.0
	for _, v := range axis {
		if math.Abs(v) > math.Abs(largest)*(1+1e-9) {
			largest = v
		}
	}
	if largest < 0 {
		for i := range axis {
			axis[i] = -axis[i]
		}
	}
}
