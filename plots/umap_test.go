package plots

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Reference: scipy 1.10.1's optimize.curve_fit of 1/(1+a*x**(2*b)) to numpy.where(x<d, 1, exp(-(x-d)/s)) at
// x = linspace(0, 3*s, 300), printed to nine digits; umap-learn prints 1.577 and 0.895 for its defaults.
func TestMembershipCurve(t *testing.T) {
	for _, want := range []struct{ minDist, spread, a, b float64 }{
		{0.1, 1, 1.57694346, 0.89506088},
		{0.25, 1, 1.12143634, 1.05749988},
		{0, 1, 1.9328084, 0.79049497},
		{0.5, 1, 0.58303002, 1.33416699},
		{0.1, 2, 0.54466054, 0.84205543},
		{1, 1, 0.11497568, 1.92923715},
	} {
		a, b, err := membershipCurve(want.minDist, want.spread)
		if err != nil || math.Abs(a/want.a-1) > 1e-5 || math.Abs(b/want.b-1) > 1e-5 {
			t.Errorf("MinDist %g, spread %g: expected a = %g, b = %g, found %g, %g (%v)", want.minDist, want.spread, want.a, want.b,
				a, b, err)
		}
	}
}

func TestSmoothNeighbours(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 100 {
		distances := make([]float64, 2+rng.IntN(30))
		for i := range distances {
			distances[i] = math.Exp(3 * rng.NormFloat64())
		}
		slices.Sort(distances)
		rho, sigma := smoothNeighbours(distances, 0)
		sum := 0.0
		for _, d := range distances {
			sum += math.Exp(-max(0, d-rho) / sigma)
		}
		// Two neighbours sum to 1 only at sigma = 0: the nearest alone is a whole member.
		if want := math.Log2(float64(len(distances))); len(distances) > 2 && math.Abs(sum-want) > 1e-9 {
			t.Errorf("%d distances: expected memberships to sum to log2 k = %g, found %g", len(distances), want, sum)
		}
		if rho != distances[0] {
			t.Errorf("expected rho = %g, the least distance, found %g", distances[0], rho)
		}
	}
	// The nearest that is not in the same place counts; no sigma makes eight whole members sum to 3.
	if rho, sigma := smoothNeighbours([]float64{0, 0, 0, 0, 0, 0, 2, 2}, 0.5); rho != 2 || sigma != 0.0005 {
		t.Errorf("expected rho 2 and the least sigma, 0.0005, found %g and %g", rho, sigma)
	}
	if rho, sigma := smoothNeighbours([]float64{0, 0, 0}, 0); rho != 0 || !(sigma > 0) {
		t.Errorf("expected rho 0 and a sigma above it, found %g and %g", rho, sigma)
	}
}

func TestFuzzyGraph(t *testing.T) {
	const n, k = 50, 6
	c, _ := newCloud("", clusters(n, 4, 2), n, 4)
	graph, err := fuzzyGraph(t.Context(), c, k)
	if err != nil {
		t.Fatal(err)
	}
	near, err := c.nearestOfAll(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	dense := denseOf(graph)
	for i := range near {
		if w := dense[i*n+near[i][0].index]; math.Abs(w-1) > 1e-7 {
			t.Errorf("point %d: expected its nearest neighbour to belong to it wholly, found %g", i, w)
		}
		for j := range n {
			if dense[i*n+j] != dense[j*n+i] || dense[i*n+j] < 0 || dense[i*n+j] > 1 {
				t.Errorf("expected a symmetric graph of memberships, found %g and %g at %d, %d", dense[i*n+j], dense[j*n+i], i, j)
			}
		}
	}
}

func TestSymmetric(t *testing.T) {
	near := [][]neighbour{{{1, 0}, {2, 0}}, {{0, 0}}, {{3, 0}}, {}}
	s := symmetric(near, [][]float64{{0.5, 0.25}, {0.5}, {1}, nil}, func(a, b float64) float64 { return a + b - a*b })
	want := []float64{
		0, 0.75, 0.25, 0,
		0.75, 0, 0, 0,
		0.25, 0, 0, 1,
		0, 0, 1, 0,
	}
	if got := denseOf(s); !slices.Equal(got, want) || len(s.values) != 6 {
		t.Errorf("expected %v, found %v in %d entries", want, got, len(s.values))
	}
	if part, count := s.parts(); count != 1 {
		t.Errorf("expected one piece, found %d: %v", count, part)
	}
	s = symmetric([][]neighbour{{{2, 0}}, {{3, 0}}, {}, {}, {}}, [][]float64{{1}, {1}, nil, nil, nil},
		func(a, b float64) float64 { return a + b })
	if part, count := s.parts(); count != 3 || !slices.Equal(part, []int{0, 1, 0, 1, 2}) {
		t.Errorf("expected three pieces, found %d: %v", count, part)
	}
}

// The gradients are those of ln w and ln(1-w), w = 1/(1 + a d^(2b)).
func TestUMAPGradients(t *testing.T) {
	const a, b, h = 1.577, 0.895, 1e-6
	for _, d := range []float64{0.3, 1, 4} {
		w := func(d float64) float64 { return 1 / (1 + a*math.Pow(d, 2*b)) }
		pull := (math.Log(w(d+h)) - math.Log(w(d-h))) / (2 * h)
		push := (math.Log(1-w(d+h)) - math.Log(1-w(d-h))) / (2 * h)
		if got := attraction(d*d, a, b) * d; math.Abs(got/pull-1) > 1e-7 {
			t.Errorf("distance %g: ln w rises by %g, the gradient is %g", d, pull, got)
		}
		if got := repulsion(d*d, a, b) * d; math.Abs(got*(1+0.001/(d*d))/push-1) > 1e-7 {
			t.Errorf("distance %g: ln(1-w) rises by %g, the gradient is %g", d, push, got)
		}
	}
}

func TestUMAPOfDigits(t *testing.T) {
	g := openGolden(t, "digits")
	data, shape := g.get("data")
	for init, want := range map[Init]Init{AutoInit: SpectralInit, PCAInit: PCAInit, RandomInit: RandomInit} {
		cfg := UMAPConfig{Init: init, Seed: 3, Epochs: 200}
		res, err := UMAP(t.Context(), data, shape[0], shape[1], cfg)
		if err != nil {
			t.Fatal(err)
		}
		if res.Init != want || res.Parts != 1 || res.Rows != shape[0] || len(res.Points) != 2*shape[0] {
			t.Errorf("expected %d points, started %v from one piece, found %d, %v, %d", shape[0], want, res.Rows, res.Init, res.Parts)
		}
		scores, err := Neighbours(t.Context(), data, shape[0], shape[1], res.Points, 12)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: preserved %.3f, trustworthiness %.4f, continuity %.4f", init, scores.Preserved, scores.Trustworthiness, scores.Continuity)
		// A projection on two principal axes has 0.80 (shared/golden/plots/tsne).
		if scores.Trustworthiness < 0.965 || scores.Continuity < 0.95 {
			t.Errorf("%v start: expected neighbours to stay neighbours, found %.4f and %.4f", init, scores.Trustworthiness,
				scores.Continuity)
		}
	}
}

func TestUMAPSeed(t *testing.T) {
	data := clusters(80, 5, 2)
	layOut := func(seed uint64) []float64 {
		res, err := UMAP(t.Context(), data, 80, 5, UMAPConfig{Seed: seed, Epochs: 50})
		if err != nil {
			t.Fatal(err)
		}
		return res.Points
	}
	if !slices.Equal(layOut(1), layOut(1)) || slices.Equal(layOut(1), layOut(2)) {
		t.Error("expected the seed to settle the map")
	}
}

// Two clusters without a bridge start from PCA, and stay two.
func TestUMAPOfTwoPieces(t *testing.T) {
	const n = 60
	data := clusters(n, 4, 2)
	for i := range data {
		data[i] += 50 * float64(i/4%2)
	}
	res, err := UMAP(t.Context(), data, n, 4, UMAPConfig{Neighbours: 8, Epochs: 100})
	if err != nil {
		t.Fatal(err)
	}
	if res.Init != PCAInit || res.Parts != 2 {
		t.Errorf("expected two pieces started from PCA, found %d from %v", res.Parts, res.Init)
	}
	m, _ := newCloud("", res.Points, n, 2)
	near, err := m.nearestOfAll(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range near {
		for _, nb := range near[i] {
			if nb.index%2 != i%2 {
				t.Fatalf("point %d lies beside %d of the other cluster", i, nb.index)
			}
		}
	}
	_, err = UMAP(t.Context(), data, n, 4, UMAPConfig{Neighbours: 8, Init: SpectralInit})
	checkSentence(t, err, "found 2 pieces; raise Neighbours or choose PCAInit")
}

// Points on a line, in pairs at one place.
func TestUMAPOfPoorData(t *testing.T) {
	var data []float64
	for i := range 40 {
		data = append(data, float64(i/2))
	}
	for _, init := range []Init{PCAInit, RandomInit, AutoInit} {
		res, err := UMAP(t.Context(), data, 40, 1, UMAPConfig{Neighbours: 6, Init: init})
		if err != nil {
			t.Fatal(err)
		}
		if err := checkFinite("map", res.Points); err != nil {
			t.Error(err)
		}
	}
	for rows := 4; rows < 8; rows++ {
		if res, err := UMAP(t.Context(), data[:rows], rows, 1, UMAPConfig{Epochs: 20}); err != nil || checkFinite("", res.Points) != nil {
			t.Errorf("%d points: found %+v (%v)", rows, res, err)
		}
	}
}

func TestUMAPErrors(t *testing.T) {
	data := clusters(30, 4, 2)
	try := func(phrase string, data []float64, rows, cols int, cfg UMAPConfig) {
		t.Helper()
		_, err := UMAP(t.Context(), data, rows, cols, cfg)
		checkSentence(t, err, phrase)
	}
	try("expected 30 x 5 values, found 120", data, 30, 5, UMAPConfig{})
	try("at least four points, found 3", data[:12], 3, 4, UMAPConfig{})
	try("found +Inf at index 1", []float64{1, math.Inf(1), 3, 4}, 4, 1, UMAPConfig{})
	for _, init := range []Init{AutoInit, PCAInit, RandomInit} {
		try("all points are in one place", slices.Repeat([]float64{0.3}, 40), 10, 4, UMAPConfig{Init: init})
	}
	try("between 2 and 29 neighbours for 30 points, found 30", data, 30, 4, UMAPConfig{Neighbours: 30})
	try("between 2 and 29 neighbours for 30 points, found 1", data, 30, 4, UMAPConfig{Neighbours: 1})
	try("a spread above 0 and at most 1e6, found -1", data, 30, 4, UMAPConfig{Spread: -1})
	try("MinDist to be at most Spread, which is 1, found 2", data, 30, 4, UMAPConfig{MinDist: 2})
	try("at least one epoch, found -1", data, 30, 4, UMAPConfig{Epochs: -1})
	try("at least one negative, found -1", data, 30, 4, UMAPConfig{Negatives: -1})
	try("learning rate above 0 and at most 100, found NaN", data, 30, 4, UMAPConfig{LearningRate: math.NaN()})
	try("found Init(4)", data, 30, 4, UMAPConfig{Init: 4})

	ctx, stop := context.WithCancel(t.Context())
	_, err := UMAP(ctx, data, 30, 4, UMAPConfig{Progress: func(epoch, epochs int) {
		if stop(); epoch > 50 || epochs != 500 {
			t.Errorf("expected the end after 50 of 500 epochs, found %d of %d", epoch, epochs)
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("expected %v, found %v", context.Canceled, err)
	}
}
