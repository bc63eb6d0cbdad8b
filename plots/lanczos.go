package plots

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// largestEigenvectors returns orthonormal eigenvectors to the k largest eigenvalues of a symmetric n x n matrix, which
// is known by its product with a vector alone: Lanczos' method (1950) with every vector made orthogonal to all before.
// Of a matrix of lower rank it returns fewer.
func largestEigenvectors(n, k int, multiply func(out, v []float64)) [][]float64 {
	const most = 300
	steps := min(n, most)
	rng := rand.New(rand.NewPCG(1, 1))
	var basis [][]float64
	var diagonal, beside []float64
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	scaleBy(v, 1/math.Sqrt(inner(v, v)))
	scale := 0.0
	for len(basis) < steps {
		basis = append(basis, v)
		next := make([]float64, n)
		multiply(next, v)
		diagonal = append(diagonal, inner(next, v))
		scale = max(scale, math.Sqrt(inner(next, next)))
		for range 2 { // Once is not enough (Parlett, 1980).
			for _, b := range basis {
				subtract(next, b, inner(next, b))
			}
		}
		length := math.Sqrt(inner(next, next))
		beside = append(beside, length)
		if length <= 1e-12*scale || len(basis)%10 == 0 && settled(diagonal, beside, k) {
			break
		}
		scaleBy(next, 1/length)
		v = next
	}
	values, vectors := tridiagonal(diagonal, beside)
	var out [][]float64
	for j := len(values) - 1; j >= 0 && len(out) < k; j-- {
		if math.Abs(values[j]) <= 1e-12*scale {
			continue
		}
		u := make([]float64, n)
		for i, b := range basis {
			subtract(u, b, -vectors.At(i, j))
		}
		scaleBy(u, 1/math.Sqrt(inner(u, u)))
		out = append(out, u)
	}
	return out
}

// settled says whether the k largest eigenvalues are known to 1e-10 of the largest: what remains of an eigenvector is
// its last coordinate times the last length.
func settled(diagonal, beside []float64, k int) bool {
	m := len(diagonal)
	if m <= k {
		return false
	}
	values, vectors := tridiagonal(diagonal, beside)
	for j := m - k; j < m; j++ {
		if math.Abs(beside[m-1]*vectors.At(m-1, j)) > 1e-10*math.Abs(values[m-1]) {
			return false
		}
	}
	return true
}

// tridiagonal returns the eigenvalues, rising, and eigenvectors of the matrix with this diagonal and beside[i] between
// rows i and i+1.
func tridiagonal(diagonal, beside []float64) ([]float64, *mat.Dense) {
	m := len(diagonal)
	t := mat.NewSymDense(m, nil)
	for i, d := range diagonal {
		t.SetSym(i, i, d)
		if i+1 < m {
			t.SetSym(i, i+1, beside[i])
		}
	}
	var eigen mat.EigenSym
	eigen.Factorize(t, true)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	return eigen.Values(nil), &vectors
}

func subtract(a, b []float64, factor float64) {
	b = b[:len(a)]
	for i := range a {
		a[i] -= factor * b[i]
	}
}

func scaleBy(v []float64, factor float64) {
	for i := range v {
		v[i] *= factor
	}
}
