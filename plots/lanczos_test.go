package plots

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// A ring's Laplacian has the eigenvectors cos and sin of once around: the ring itself.
func TestSpectralStart(t *testing.T) {
	const n = 40
	near, weights := make([][]neighbour, n), make([][]float64, n)
	for i := range n {
		near[i], weights[i] = []neighbour{{(i + 1) % n, 1}}, []float64{1}
	}
	points := spectral(symmetric(near, weights, func(a, b float64) float64 { return a + b - a*b }))
	for i := range n {
		j := (i + 1) % n
		radius := math.Hypot(points[2*i], points[2*i+1])
		if gap := math.Sqrt(squaredGap(points, i, j)); math.Abs(gap/(2*radius*math.Sin(math.Pi/n))-1) > 1e-6 ||
			math.Abs(radius-math.Sqrt(2./n)) > 1e-6 {
			t.Fatalf("expected a ring of %d points, found point %d at radius %g and %g to the next", n, i, radius, gap)
		}
	}
}

func TestLargestEigenvectors(t *testing.T) {
	const n = 30
	rng := rand.New(rand.NewPCG(6, 6))
	root := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			root.Set(i, j, rng.NormFloat64())
		}
	}
	var m mat.SymDense
	m.SymOuterK(1, root)
	var eigen mat.EigenSym
	if !eigen.Factorize(&m, true) {
		t.Fatal("no eigenvalues")
	}
	var want mat.Dense
	eigen.VectorsTo(&want)
	got := largestEigenvectors(n, 3, func(out, v []float64) {
		mat.NewVecDense(n, out).MulVec(&m, mat.NewVecDense(n, v))
	})
	if len(got) != 3 {
		t.Fatalf("expected three vectors, found %d", len(got))
	}
	for k, v := range got {
		if cosine := math.Abs(inner(v, mat.Col(nil, n-1-k, &want))); math.Abs(cosine-1) > 1e-9 {
			t.Errorf("vector %d: expected that of gonum's EigenSym, found one with the cosine %g to it", k, cosine)
		}
	}
	one := largestEigenvectors(n, 3, func(out, v []float64) { // of rank 1
		for i := range out {
			out[i] = inner(v, ones(n))
		}
	})
	if len(one) != 1 || math.Abs(math.Abs(inner(one[0], ones(n)))-math.Sqrt(n)) > 1e-9 {
		t.Errorf("expected the one vector there is, found %v", one)
	}
}
