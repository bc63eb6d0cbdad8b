package plots

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSquaredDistances(t *testing.T) {
	g := openGolden(t, "pieces")
	data, shape := g.get("data")
	want, _ := g.get("squared_distances")
	n := shape[0]
	c, err := newCloud("", data, n, shape[1])
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float64, n*n)
	if err := c.eachRow(t.Context(), func(i int, squared []float64) { copy(got[i*n:], squared) }); err != nil {
		t.Fatal(err)
	}
	unit := math.Ldexp(1, 8) // Values lie around their middle within 16, and 16² = 2^8.
	for i := range got {
		if got[i]*unit != want[i] { // Whole numbers, so to the last digit.
			t.Fatalf("distance of %d and %d: expected %g, found %g", i/n, i%n, want[i], got[i]*unit)
		}
	}
}

func TestDistancesFarFromZero(t *testing.T) {
	c, err := newCloud("", []float64{1e9, 1e9 + 3, 1e9, 1e9 + 7, 1e9 + 4, 1e9 + 3, 1e9, 1e9, 1e9, 1e9 + 3}, 5, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float64, 5)
	c.block(0, 1, got)
	near(t, "squared distances by that of the second point", []float64{got[0] / got[1], 1, got[2] / got[1], got[3] / got[1],
		got[4] / got[1]}, []float64{0, 1, 1, 9. / 16, 0}, 1e-14)
}

func TestNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{3, 10, 500} {
		squared := make([]float64, n)
		for i := range squared {
			squared[i] = float64(rng.IntN(n / 2)) // with ties
		}
		for _, k := range []int{1, 2, n - 1} {
			self := rng.IntN(n)
			got := nearest(squared, self, k)
			if len(got) != k {
				t.Fatalf("expected %d neighbours, found %d", k, len(got))
			}
			in := map[int]bool{self: true}
			for r, nb := range got {
				if in[nb.index] || nb.squared != squared[nb.index] || r > 0 && nearer(got[r-1], nb) >= 0 {
					t.Fatalf("%d of %d: expected other points, nearest first, found %v for point %d of %v", k, n, got, self, squared)
				}
				in[nb.index] = true
			}
			for j := range squared {
				if !in[j] && nearer(neighbour{j, squared[j]}, got[k-1]) < 0 {
					t.Fatalf("%d of %d: point %d is nearer than the last of %v", k, n, j, got)
				}
			}
		}
	}
}
