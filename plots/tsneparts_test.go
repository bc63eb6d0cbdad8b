package plots

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// The stages of t-SNE, first to last: a failure names the stage. Reference: numpy and scikit-learn 1.2.1
// (shared/golden/plots/tsne/README.md, pieces.safetensors: 60 digits, perplexity 10).

type goldenFile struct {
	t *testing.T
	f *safetensors.File
}

func openGolden(t *testing.T, name string) goldenFile {
	t.Helper()
	file, err := safetensors.Load(testdata.Golden(t, "plots/tsne/"+name+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return goldenFile{t, file}
}

func (g goldenFile) get(name string) ([]float64, []int) {
	g.t.Helper()
	values, shape, err := g.f.Float32s(name)
	if err != nil {
		g.t.Fatal(err)
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out, shape
}

func TestPerplexity(t *testing.T) {
	g := openGolden(t, "pieces")
	distances, shape := g.get("squared_distances")
	wantP, _ := g.get("conditional_p")
	wantBeta, _ := g.get("beta")
	n := shape[0]
	for i := range n {
		row := append(append([]float64{}, distances[i*n:i*n+i]...), distances[i*n+i+1:(i+1)*n]...)
		want := append(append([]float64{}, wantP[i*n:i*n+i]...), wantP[i*n+i+1:(i+1)*n]...)
		p := make([]float64, n-1)
		if beta := conditional(p, row, 10); math.Abs(beta/wantBeta[i]-1) > 1e-5 {
			t.Errorf("point %d: expected a beta of %g, found %g", i, wantBeta[i], beta)
		}
		near(t, "conditional P", p, want, 1e-6)
		if perplexity := math.Exp(-negativeEntropy(p)); math.Abs(perplexity-10) > 1e-6 {
			t.Errorf("point %d: expected the perplexity 10, found %g", i, perplexity)
		}
	}
}

// No beta gives six points in one place another perplexity than six.
func TestPerplexityOutOfReach(t *testing.T) {
	p := make([]float64, 6)
	conditional(p, []float64{4, 4, 4, 4, 4, 4}, 3)
	near(t, "equal distances", p, []float64{1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6, 1. / 6}, 1e-12)
	conditional(p, []float64{0, 0, 0, 0, 4, 4}, 2)
	near(t, "four in one place", p, []float64{0.25, 0.25, 0.25, 0.25, 0, 0}, 1e-12)
}

func TestAffinities(t *testing.T) {
	g := openGolden(t, "pieces")
	data, shape := g.get("data")
	want, _ := g.get("joint_p")
	n := shape[0]
	c, _ := newCloud("", data, n, shape[1])
	p, err := allAffinities(t.Context(), c, 10)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "joint P", p, want, 1e-7)

	// With as many neighbours as there are points, the sparse P is the dense one.
	p, err = allAffinities(t.Context(), c, 59./3)
	if err != nil {
		t.Fatal(err)
	}
	s, err := nearAffinities(t.Context(), c, 59./3)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "sparse P", denseOf(s), p, 1e-10)

	s, err = nearAffinities(t.Context(), c, 5) // 16 neighbours
	if err != nil {
		t.Fatal(err)
	}
	sum, back := 0.0, denseOf(s)
	for i := range n {
		for j := range n {
			sum += back[i*n+j]
			if back[i*n+j] != back[j*n+i] || back[i*n+i] != 0 {
				t.Fatalf("expected a symmetric P without a diagonal, found %g and %g at %d, %d", back[i*n+j], back[j*n+i], i, j)
			}
		}
		if columns, _ := s.row(i); len(columns) < 16 {
			t.Errorf("point %d: expected its 16 neighbours at least, found %d", i, len(columns))
		}
	}
	if math.Abs(sum-1) > 1e-7 {
		t.Errorf("expected P to sum to 1, found %g", sum)
	}
}

func denseOf(s *sparse) []float64 {
	n := len(s.start) - 1
	out := make([]float64, n*n)
	for i := range n {
		columns, values := s.row(i)
		for k, j := range columns {
			out[i*n+j] += values[k]
		}
	}
	return out
}

// forcesOf returns the divergence of a map in nats and its gradient.
func forcesOf(o objective, points []float64) (kl float64, gradient []float64) {
	f := &forces{pull: make([]float64, len(points)), push: make([]float64, len(points))}
	f.compute(o, points)
	for i := range points {
		gradient = append(gradient, 4*(f.pull[i]-f.push[i]/f.z))
	}
	return f.divergence(o, points), gradient
}

func TestGradientEqualsGolden(t *testing.T) {
	g := openGolden(t, "pieces")
	p, shape := g.get("joint_p")
	points, _ := g.get("embedding")
	wantQ, _ := g.get("q")
	want, _ := g.get("gradient")
	var golden struct {
		KL float64 `json:"kl_divergence"`
	}
	raw, err := os.ReadFile(testdata.Golden(t, "plots/tsne/pieces.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	o := &exactObjective{p: p}
	f := &forces{pull: make([]float64, len(points)), push: make([]float64, len(points))}
	f.compute(o, points)
	n := shape[0]
	q := make([]float64, n*n)
	for i := range q {
		if i/n != i%n {
			q[i] = 1 / (1 + squaredGap(points, i/n, i%n)) / f.z
		}
	}
	near(t, "q", q, wantQ, 1e-8)
	kl, gradient := forcesOf(o, points)
	if math.Abs(kl/golden.KL-1) > 1e-6 {
		t.Errorf("expected the divergence %g, found %g", golden.KL, kl)
	}
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	near(t, "gradient", gradient, want, 1e-5*largest)
}

func TestGradientEqualsDifferences(t *testing.T) {
	const n, h = 40, 1e-5
	c, _ := newCloud("", clusters(n, 6, 3), n, 6)
	dense, err := allAffinities(t.Context(), c, 5)
	if err != nil {
		t.Fatal(err)
	}
	sparse, err := nearAffinities(t.Context(), c, 5)
	if err != nil {
		t.Fatal(err)
	}
	points := scattered(n)
	for name, o := range map[string]objective{"exact": &exactObjective{dense}, "Barnes-Hut": &nearObjective{p: sparse, theta: 1e-9}} {
		_, gradient := forcesOf(o, points)
		for i := range points {
			at := points[i]
			points[i] = at + h
			above, _ := forcesOf(o, points)
			points[i] = at - h
			below, _ := forcesOf(o, points)
			points[i] = at
			if slope := (above - below) / (2 * h); math.Abs(slope-gradient[i]) > 1e-8 {
				t.Errorf("%s, coordinate %d: the divergence rises by %g, the gradient is %g", name, i, slope, gradient[i])
			}
		}
	}
}

func scattered(n int) []float64 {
	rng := rand.New(rand.NewPCG(8, 8))
	points := make([]float64, 2*n)
	for i := range points {
		points[i] = 3 * rng.NormFloat64()
	}
	return points
}

func TestQuadtree(t *testing.T) {
	const n = 1000
	points := scattered(n)
	copy(points[2*500:], points[:2*100]) // Points 500 to 599 lie where 0 to 99 do,
	for i := 700; i < 720; i++ {         // and 20 in one place.
		points[2*i], points[2*i+1] = 1, 1
	}
	exact := &exactObjective{p: make([]float64, n*n)}
	for _, test := range []struct{ theta, sum, push float64 }{
		{1e-9, 1e-12, 1e-12}, // all pairs
		{0.2, 1e-3, 5e-3},
		{0.5, 1.2e-2, 3e-2},
	} {
		var tree quadtree
		tree.build(points, test.theta)
		var z, wantZ, gap, length float64
		for i := range n {
			x, y, sum := tree.repel(points[2*i], points[2*i+1])
			_, push, want := exact.pointForces(points, i)
			z, wantZ = z+sum, wantZ+want
			gap += math.Pow(x-push[0], 2) + math.Pow(y-push[1], 2)
			length += push[0]*push[0] + push[1]*push[1]
		}
		if math.Abs(z/wantZ-1) > test.sum || math.Sqrt(gap/length) > test.push {
			t.Errorf("angle %g: Z is wrong by %.2g, forces by %.2g", test.theta, z/wantZ-1, math.Sqrt(gap/length))
		}
	}
}

func TestPrincipalEqualsPCA(t *testing.T) {
	g := openGolden(t, "digits")
	data, shape := g.get("data")
	pca, err := PCA(data, shape[0], shape[1], 2)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := newCloud("", data, shape[0], shape[1])
	points, err := principal(c)
	if err != nil {
		t.Fatal(err)
	}
	rescale(points, math.Sqrt(pca.ExplainedVariance[0]*float64(shape[0]-1)/float64(shape[0])))
	near(t, "first axis", column(points, 0), pca.Column(0), 1e-8)
	near(t, "second axis", column(points, 1), pca.Column(1), 1e-8)
}
