package plots

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// UMAPConfig says how [UMAP] lays out a map. The zero value gives the defaults of the paper's implementation.
type UMAPConfig struct {
	Neighbours   int     // of each point, without itself, which umap-learn counts in; 0: 15, or half of the other points where that is less
	MinDist      float64 // how close neighbours may come in the map; 0: 0.1; negative: 0
	Spread       float64 // the scale of distances in the map; 0: 1
	Epochs       int     // 0: 500 up to 10,000 points, 200 beyond
	LearningRate float64 // at first; it falls to 0 in a straight line; 0: 1
	Negatives    int     // points pushed away for each pair drawn together; 0: 5
	Init         Init    // AutoInit: SpectralInit where the graph of neighbours hangs together, else PCAInit
	Seed         uint64

	// Progress, when not nil, is called after every tenth of the epochs.
	Progress func(epoch, epochs int)
}

// UMAPResult is a map by UMAP.
type UMAPResult struct {
	Points []float64 // [n, 2], row-major, around 0; direction means nothing
	Init   Init      // the one used
	Parts  int       // how many pieces the graph of neighbours falls into
	A, B   float64   // of the curve 1/(1 + A d^(2B)) that turns distances d in the map into membership
	Rows   int
}

// Column returns the coordinates of all points along axis k, 0 or 1, ready for the X or Y of a [PointGroup].
func (r *UMAPResult) Column(k int) []float64 { return column(r.Points, k) }

// UMAP lays rows points with cols features each (data is row-major) out in the plane: a graph of fuzzy neighbourhoods
// is drawn by stochastic gradient descent that pulls along its edges and pushes points drawn at random apart (L.
// McInnes, J. Healy and J. Melville, UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction,
// arXiv:1802.03426, algorithms 1 to 5). Sizes of clusters and distances between them mean little: see [Neighbours] for
// what is kept.
//
// Distances are Euclidean; scale vectors to length 1 first to compare by cosine. Nearest neighbours are exact, by
// comparing all pairs on GOMAXPROCS cores; the descent takes one. The same seed gives the same map.
//
// Errors: data of another length than rows x cols, fewer than four points, numbers that are not finite, points that
// are all in one place, settings out of range, SpectralInit for a graph in several pieces, the end of ctx.
func UMAP(ctx context.Context, data []float64, rows, cols int, cfg UMAPConfig) (*UMAPResult, error) {
	c, err := newCloud("UMAP", data, rows, cols)
	if err != nil {
		return nil, err
	}
	if cfg, err = cfg.resolve(c); err != nil {
		return nil, fmt.Errorf("UMAP: %w", err)
	}
	graph, err := fuzzyGraph(ctx, c, cfg.Neighbours)
	if err != nil {
		return nil, fmt.Errorf("UMAP: %w", err)
	}
	res := &UMAPResult{Rows: rows}
	if res.A, res.B, err = membershipCurve(cfg.MinDist, cfg.Spread); err != nil {
		return nil, fmt.Errorf("UMAP: %w", err)
	}
	if res.Points, res.Init, res.Parts, err = umapStart(cfg, c, graph); err != nil {
		return nil, fmt.Errorf("UMAP: %w", err)
	}
	drawing := &umapDrawing{points: res.Points, a: res.A, b: res.B, cfg: cfg, rng: rand.NewPCG(cfg.Seed, 1)}
	if err := drawing.draw(ctx, graph); err != nil {
		return nil, fmt.Errorf("UMAP: %w", err)
	}
	centre(res.Points)
	return res, nil
}

// resolve checks the settings and fills in those that were left out.
func (cfg UMAPConfig) resolve(c *cloud) (UMAPConfig, error) {
	rows := c.rows
	if rows < 4 {
		return cfg, fmt.Errorf("expected at least four points, found %d", rows)
	}
	if err := c.checkSpread(); err != nil {
		return cfg, err
	}
	orElse(&cfg.Neighbours, max(2, min(15, (rows-1)/2)))
	orElse(&cfg.MinDist, 0.1)
	cfg.MinDist = max(0, cfg.MinDist)
	orElse(&cfg.Spread, 1)
	orElse(&cfg.LearningRate, 1)
	orElse(&cfg.Negatives, 5)
	if rows <= 10_000 {
		orElse(&cfg.Epochs, 500)
	}
	orElse(&cfg.Epochs, 200)
	switch {
	case cfg.Neighbours < 2 || cfg.Neighbours >= rows:
		return cfg, fmt.Errorf("expected between 2 and %d neighbours for %d points, found %d", rows-1, rows, cfg.Neighbours)
	case !(cfg.Spread > 0 && cfg.Spread <= 1e6):
		return cfg, fmt.Errorf("expected a spread above 0 and at most 1e6, found %g", cfg.Spread)
	case !(cfg.MinDist <= cfg.Spread):
		return cfg, fmt.Errorf("expected MinDist to be at most Spread, which is %g, found %g", cfg.Spread, cfg.MinDist)
	case cfg.Epochs < 1:
		return cfg, fmt.Errorf("expected at least one epoch, found %d", cfg.Epochs)
	case cfg.Negatives < 1:
		return cfg, fmt.Errorf("expected at least one negative, found %d", cfg.Negatives)
	case !(cfg.LearningRate > 0 && cfg.LearningRate <= 100):
		return cfg, fmt.Errorf("expected a learning rate above 0 and at most 100, found %g", cfg.LearningRate)
	case cfg.Init < AutoInit || cfg.Init > SpectralInit:
		return cfg, fmt.Errorf("expected PCAInit, RandomInit or SpectralInit, found %v", cfg.Init)
	}
	return cfg, nil
}

// umapStart returns the first places of the points, with the largest coordinate at 10, how they were found, and the
// number of pieces of the graph.
func umapStart(cfg UMAPConfig, c *cloud, graph *sparse) (points []float64, init Init, parts int, err error) {
	_, parts = graph.parts()
	init = cfg.Init
	switch {
	case init == AutoInit && parts == 1:
		init = SpectralInit
	case init == AutoInit:
		init = PCAInit
	case init == SpectralInit && parts > 1:
		return nil, init, parts, fmt.Errorf("expected a graph of neighbours in one piece for SpectralInit, found %d pieces; "+
			"raise Neighbours or choose PCAInit", parts)
	}
	if init == SpectralInit {
		points = spectral(graph)
	}
	if points == nil { // Four points may have no second eigenvector.
		if init == SpectralInit {
			init = PCAInit
		}
		if points, err = start(init, c, cfg.Seed); err != nil {
			return nil, init, parts, err
		}
	}
	centre(points)
	largest := 0.0
	for _, v := range points {
		largest = max(largest, math.Abs(v))
	}
	scaleBy(points, 10/largest)
	jitter(points, 1e-4, cfg.Seed)
	return points, init, parts, nil
}

// spectral returns the eigenvectors to the second and third smallest eigenvalue of the graph's normalised Laplacian,
// [n, 2], or nil where there are none (algorithm 4).
func spectral(graph *sparse) []float64 {
	n := len(graph.start) - 1
	degree := make([]float64, n)
	for i := range n {
		_, values := graph.row(i)
		for _, v := range values {
			degree[i] += v
		}
		degree[i] = math.Sqrt(degree[i])
	}
	// 2 - Laplacian = 1 + D^-1/2 W D^-1/2 has the same eigenvectors, the smallest last, and no negative eigenvalues. The
	// first eigenvector is known, D^1/2 1, and taken out.
	known := make([]float64, n)
	copy(known, degree)
	scaleBy(known, 1/math.Sqrt(inner(known, known)))
	vectors := largestEigenvectors(n, 2, func(out, v []float64) {
		for i := range n {
			columns, values := graph.row(i)
			sum := 0.0
			for k, j := range columns {
				sum += values[k] * v[j] / degree[j]
			}
			out[i] = v[i] + sum/degree[i]
		}
		subtract(out, known, 2*inner(known, v))
	})
	if len(vectors) < 2 {
		return nil
	}
	points := make([]float64, 2*n)
	for k, v := range vectors {
		fixSign(v)
		for i := range v {
			points[2*i+k] = v[i]
		}
	}
	return points
}
