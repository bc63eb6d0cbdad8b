package plots

import (
	"context"
	"fmt"
	"math"
)

// TSNEMethod is how [TSNE] goes over the pairs of points.
type TSNEMethod int

// BarnesHut attracts nearest neighbours only and repels far points together, in n log n steps (van der Maaten, 2014).
// ExactTSNE goes over all pairs and keeps n² numbers.
const (
	BarnesHut TSNEMethod = iota
	ExactTSNE
)

// mostExact bounds the memory of exact t-SNE to 3 GiB.
const mostExact = 20_000

// TSNEConfig says how [TSNE] lays out a map. The zero value gives scikit-learn's defaults.
type TSNEConfig struct {
	// Perplexity is how many neighbours count for each point, softly. 0: 30, or less for few points. It is at most a
	// third of the other points.
	Perplexity float64

	EarlyExaggeration float64 // attraction is multiplied by this at first; 0: 12
	LearningRate      float64 // 0: max(rows / EarlyExaggeration / 4, 50)
	Iterations        int     // 0: 1,000; the first quarter, at most 250, are those of early exaggeration
	Method            TSNEMethod
	Angle             float64 // BarnesHut: a cell of this width by distance counts as one point; 0: 0.5
	Init              Init    // PCAInit (AutoInit is the same) or RandomInit
	Seed              uint64  // of RandomInit, and of a little noise that every start gets

	// Progress, when not nil, is called after every 50th iteration and the last.
	Progress func(TSNEProgress)
}

// TSNEProgress is where t-SNE stands.
type TSNEProgress struct {
	Iteration, Iterations int
	KL                    float64 // nats, without exaggeration
	GradientNorm          float64
}

// TSNEResult is a map by t-SNE.
type TSNEResult struct {
	Points []float64 // [n, 2], row-major, around 0; direction and unit mean nothing

	// KL is the divergence of the map from the data in nats. That of BarnesHut leaves out pairs that are not near
	// neighbours, so compare it with that of other Barnes-Hut maps of the same data and perplexity only.
	KL           float64
	Perplexity   float64 // the one used
	LearningRate float64 // the one used
	Rows         int
}

// Column returns the coordinates of all points along axis k, 0 or 1, ready for the X or Y of a [PointGroup].
func (r *TSNEResult) Column(k int) []float64 { return column(r.Points, k) }

// TSNE lays rows points with cols features each (data is row-major) out in the plane so that neighbours stay
// neighbours: t-distributed stochastic neighbour embedding (L. van der Maaten and G. Hinton, Visualizing Data using
// t-SNE, JMLR 9, 2008; L. van der Maaten, Accelerating t-SNE using Tree-Based Algorithms, JMLR 15, 2014; learning rate
// and start after D. Kobak and P. Berens, Nature Communications 10, 2019). Sizes of clusters and distances between
// them are not kept: see [Neighbours] for what is.
//
// Distances are Euclidean; scale vectors to length 1 first to compare by cosine. The work is spread over GOMAXPROCS
// cores, and the map does not depend on how many there are.
//
// Errors: data of another length than rows x cols, fewer than four points, numbers that are not finite, points that
// are all in one place, settings out of range, a learning rate at which the points fly apart, the end of ctx.
func TSNE(ctx context.Context, data []float64, rows, cols int, cfg TSNEConfig) (*TSNEResult, error) {
	cloud, err := newCloud("t-SNE", data, rows, cols)
	if err != nil {
		return nil, err
	}
	if cfg, err = cfg.resolve(cloud); err != nil {
		return nil, fmt.Errorf("t-SNE: %w", err)
	}
	points, err := start(cfg.Init, cloud, cfg.Seed)
	if err != nil {
		return nil, fmt.Errorf("t-SNE: %w", err)
	}
	rescale(points, 1e-4)
	jitter(points, 1e-5, cfg.Seed)
	o, err := cfg.objective(ctx, cloud)
	if err != nil {
		return nil, fmt.Errorf("t-SNE: %w", err)
	}
	kl, err := descend(ctx, o, points, cfg)
	if err != nil {
		return nil, fmt.Errorf("t-SNE: %w", err)
	}
	centre(points)
	return &TSNEResult{Points: points, KL: kl, Perplexity: cfg.Perplexity, LearningRate: cfg.LearningRate, Rows: rows}, nil
}

// resolve checks the settings and fills in those that were left out.
func (cfg TSNEConfig) resolve(c *cloud) (TSNEConfig, error) {
	if c.rows < 4 {
		return cfg, fmt.Errorf("expected at least four points, found %d", c.rows)
	}
	if err := c.checkSpread(); err != nil {
		return cfg, err
	}
	most := float64(c.rows-1) / 3
	orElse(&cfg.Perplexity, min(30, most))
	orElse(&cfg.EarlyExaggeration, 12)
	orElse(&cfg.Iterations, 1000)
	orElse(&cfg.Angle, 0.5)
	orElse(&cfg.Init, PCAInit)
	switch {
	case !(cfg.Perplexity >= 1 && cfg.Perplexity <= most):
		return cfg, fmt.Errorf("expected a perplexity from 1 to %.4g, a third of the other points, found %g for %d points",
			most, cfg.Perplexity, c.rows)
	case !(cfg.EarlyExaggeration >= 1 && cfg.EarlyExaggeration <= huge):
		return cfg, fmt.Errorf("expected an early exaggeration of at least 1, found %g", cfg.EarlyExaggeration)
	case cfg.Iterations < 1:
		return cfg, fmt.Errorf("expected at least one iteration, found %d", cfg.Iterations)
	case cfg.Method != BarnesHut && cfg.Method != ExactTSNE:
		return cfg, fmt.Errorf("expected BarnesHut or ExactTSNE, found TSNEMethod(%d)", cfg.Method)
	case cfg.Method == ExactTSNE && c.rows > mostExact:
		return cfg, fmt.Errorf("expected at most %d points for exact t-SNE, which keeps a number for each pair, found %d; "+
			"use BarnesHut", mostExact, c.rows)
	case !(cfg.Angle > 0 && cfg.Angle <= 1):
		return cfg, fmt.Errorf("expected an angle above 0 and at most 1, found %g; use ExactTSNE for an exact map", cfg.Angle)
	case cfg.Init != PCAInit && cfg.Init != RandomInit:
		return cfg, fmt.Errorf("expected PCAInit or RandomInit, found %v", cfg.Init)
	}
	orElse(&cfg.LearningRate, max(float64(c.rows)/cfg.EarlyExaggeration/4, 50))
	if !(cfg.LearningRate > 0 && cfg.LearningRate <= huge) {
		return cfg, fmt.Errorf("expected a learning rate above 0, found %g", cfg.LearningRate)
	}
	return cfg, nil
}

// orElse fills in a setting that was left out.
func orElse[T comparable](setting *T, value T) {
	if *setting == *new(T) {
		*setting = value
	}
}

func (cfg TSNEConfig) objective(ctx context.Context, c *cloud) (objective, error) {
	if cfg.Method == ExactTSNE {
		p, err := allAffinities(ctx, c, cfg.Perplexity)
		return &exactObjective{p: p}, err
	}
	p, err := nearAffinities(ctx, c, cfg.Perplexity)
	return &nearObjective{p: p, theta: cfg.Angle}, err
}

// descend moves the points down the gradient, with momentum and a gain for each coordinate that grows while the
// gradient keeps its sign (R. Jacobs, 1988), and returns the divergence that is reached.
func descend(ctx context.Context, o objective, points []float64, cfg TSNEConfig) (kl float64, err error) {
	f := &forces{pull: make([]float64, len(points)), push: make([]float64, len(points))}
	speed, gains := make([]float64, len(points)), make([]float64, len(points))
	exaggerated := min(250, cfg.Iterations/4)
	for it := range cfg.Iterations {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		exaggeration, momentum := 1.0, 0.8
		if it < exaggerated {
			exaggeration, momentum = cfg.EarlyExaggeration, 0.5
		}
		if it == 0 || it == exaggerated { // What was learned of another objective is forgotten.
			for i := range speed {
				speed[i], gains[i] = 0, 1
			}
		}
		f.compute(o, points)
		norm := 0.0
		for i := range points {
			gradient := 4 * (exaggeration*f.pull[i] - f.push[i]/f.z)
			norm += gradient * gradient
			if gradient*speed[i] < 0 {
				gains[i] += 0.2
			} else {
				gains[i] = max(0.01, 0.8*gains[i])
			}
			speed[i] = momentum*speed[i] - cfg.LearningRate*gains[i]*gradient
			points[i] += speed[i]
		}
		if last := it+1 == cfg.Iterations; last || (it+1)%50 == 0 {
			if checkFinite("", points) != nil || math.IsNaN(norm) {
				return 0, fmt.Errorf("the points flew apart by iteration %d; choose a learning rate lower than %g",
					it+1, cfg.LearningRate)
			}
			if last || cfg.Progress != nil {
				f.compute(o, points)
				kl = f.divergence(o, points)
			}
			if cfg.Progress != nil {
				cfg.Progress(TSNEProgress{Iteration: it + 1, Iterations: cfg.Iterations, KL: kl, GradientNorm: math.Sqrt(norm)})
			}
		}
	}
	return kl, nil
}
