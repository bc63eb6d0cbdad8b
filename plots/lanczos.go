package plots

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// largestEigenvectors returns orthonormal eigenvectors to the k largest eigenvalues of a symmetric n x n matrix without
// negative ones, which is known by its product with a vector alone. Of a matrix of lower rank it returns fewer.
func largestEigenvectors(n, k int, multiply func(out, v []float64)) [][]float64 {
	var found [][]float64
	largest := 0.0
	for len(found) < min(n, k) { // One at a time, for an eigenvalue may be there twice.
		value, vector := largestEigenvector(n, found, multiply)
		largest = max(largest, value)
		if value <= 1e-12*largest {
			break
		}
		found = append(found, vector)
	}
	return found
}

// largestEigenvector finds the one among the vectors orthogonal to those found already: Lanczos' method (1950), with
// every vector made orthogonal to all before.
func largestEigenvector(n int, found [][]float64, multiply func(out, v []float64)) (value float64, vector []float64) {
	const most = 300 // steps
	rng := rand.New(rand.NewPCG(1, uint64(len(found))))
	next := make([]float64, n)
	for i := range next {
		next[i] = rng.NormFloat64()
	}
	var basis [][]float64
	var diagonal, beside []float64
	orthogonal(next, found)
	length := math.Sqrt(inner(next, next))
	for len(basis) < min(n-len(found), most) {
		scaleBy(next, 1/length)
		v := next
		basis = append(basis, v)
		next = make([]float64, n)
		multiply(next, v)
		diagonal = append(diagonal, inner(next, v))
		whole := math.Sqrt(inner(next, next))
		orthogonal(next, found, basis)
		length = math.Sqrt(inner(next, next))
		beside = append(beside, length)
		if length <= 1e-12*whole || len(basis)%10 == 0 && settled(diagonal, beside) {
			break
		}
	}
	values, vectors := tridiagonal(diagonal, beside)
	last := len(values) - 1
	vector = make([]float64, n)
	for i, b := range basis {
		subtract(vector, b, -vectors.At(i, last))
	}
	scaleBy(vector, 1/math.Sqrt(inner(vector, vector)))
	return values[last], vector
}

// orthogonal takes out of v what it has of these orthonormal vectors, twice, for once leaves rounding behind.
func orthogonal(v []float64, sets ...[][]float64) {
	for range 2 {
		for _, set := range sets {
			for _, u := range set {
				subtract(v, u, inner(v, u))
			}
		}
	}
}

// settled says whether the largest eigenvector is known to 1e-10: what is wrong with it is its last coordinate times
// the last length.
func settled(diagonal, beside []float64) bool {
	values, vectors := tridiagonal(diagonal, beside)
	last := len(values) - 1
	return math.Abs(beside[last]*vectors.At(last, last)) <= 1e-10*math.Abs(values[last])
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
