// Package matrix is the lesson's contrastive matrix, before, during and after training.
package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/matrix.
type Config struct {
	Pairs   contrastive.LiTConfig `json:"pairs"`
	Moments []int                 `json:"moments"` // steps after which the matrix is looked at; before the first it always is
	Shown   int                   `json:"shown"`   // pairs that are drawn
	Batch   int                   `json:"batch"`   // test pairs that the figures are of
}

// Report is what a run found out.
type Report struct {
	Moments []Moment `json:"moments"` // before training, then as the configuration says
	Losses  []Loss   `json:"losses"`  // of training batches
	Batch   int      `json:"batch"`   // pairs in a training batch
}

// Loss is that of a training batch, in nats.
type Loss struct {
	Step int     `json:"step"`
	Loss float64 `json:"loss"`
}

// Moment is the matrix of the same test pairs at one time.
type Moment struct {
	Step    int         `json:"step"`
	Cosines [][]float64 `json:"cosines"` // [shown][shown], a picture a row
	Pairs   Spread      `json:"pairs"`   // the diagonal
	Others  Spread      `json:"others"`  // what lies beside it
	Loss    float64     `json:"loss"`    // InfoNCE, both ways, nats
	Found   stats.Mean  `json:"found"`   // share of pictures whose nearest text is their own
	N       int         `json:"n"`       // pairs
}

// Spread is how cosines are distributed.
type Spread struct {
	Mean   float64   `json:"mean"`
	SD     float64   `json:"sd"`
	Counts []float64 `json:"counts"` // share in each of the bins from -1 to 1
}

// bins of a [Spread].
const bins = 80

// Study is the experiment lesson/matrix: the matrix of cosines of figure 1 in Radford et al. 2021, for photographs of the test split that were
// never trained on, while a text transformer is trained against a locked SqueezeNet.
//
//	glimpse train lesson/matrix --seed 1    4 minutes on one core
//	glimpse train lesson/matrix --quick     10 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-matrix.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "matrix", Title: "The contrastive matrix", Asks: asks,
		Summary:  "the matrix of cosines before, during and after training; its loss against ln N",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Pairs: contrastive.LiTDefaults(form, kind), Moments: []int{20, 100, 300}, Shown: 24, Batch: 256}
	c.Pairs.Train.Steps, c.Pairs.Train.EvalEvery, c.Pairs.Train.Average = 300, 0, 0
	if form == experiments.Quick {
		c.Moments, c.Batch, c.Pairs.Train.Steps = []int{20, 100, 200}, 64, 200
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	for i, step := range c.Moments {
		if step < 1 || step > c.Pairs.Train.Steps || i > 0 && step <= c.Moments[i-1] {
			return fmt.Errorf("moments: expected steps from 1 to pairs.train.steps, %d, each later than the one before, found %v", c.Pairs.Train.Steps, c.Moments)
		}
		if t := c.Pairs.Train; step != t.Steps && step%t.LogEvery != 0 {
			return fmt.Errorf("moments: expected steps that are recorded, multiples of pairs.train.log_every=%d, found %d", t.LogEvery, step)
		}
	}
	switch {
	case len(c.Moments) == 0:
		return fmt.Errorf("moments: expected at least one step, found none")
	case c.Shown < 2 || c.Batch < c.Shown:
		return fmt.Errorf("shown: expected 2 to batch=%d pairs, found %d", c.Batch, c.Shown)
	case c.Pairs.Train.Average != 0:
		return fmt.Errorf("pairs.train.average: expected 0, because the weights are looked at while they are trained, found %g", c.Pairs.Train.Average)
	case c.Pairs.Loss != clip.InfoNCELoss:
		return fmt.Errorf("pairs.loss: expected %s, found %s", clip.InfoNCELoss, c.Pairs.Loss)
	}
	return c.Pairs.Check()
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	report.Batch = cfg.Pairs.BatchSize
	pairs, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return report, nil, err
	}
	m, err := pairs.New(env.Seed)
	if err != nil {
		return report, nil, err
	}
	before, err := look(env.Backend.Backend, pairs, m, cfg, 0)
	if err != nil {
		return report, nil, err
	}
	report.Moments = append(report.Moments, before)
	how := contrastive.Fitting{After: clip.ClampScale, Watch: func(s experiments.Step) error {
		if !slices.Contains(cfg.Moments, s.Step) {
			return nil
		}
		now, err := look(env.Backend.Backend, pairs, m, cfg, s.Step)
		if err != nil {
			return err
		}
		return env.Run.WriteJSON(momentFile(s.Step), now) // a run that is stopped and resumed finds it there
	}}
	if _, err := pairs.Fit(ctx, env, "lesson/matrix", m, how); err != nil {
		return report, nil, err
	}
	return report, nil, report.gather(env.Run, cfg)
}

func momentFile(step int) string { return fmt.Sprintf("plots/matrix-%05d.json", step) }

// gather reads what was looked at, and the losses.
func (r *Report) gather(run *experiments.Run, cfg Config) error {
	for _, step := range cfg.Moments {
		var m Moment
		data, err := os.ReadFile(run.Path(momentFile(step)))
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			return fmt.Errorf("cannot read the matrix after step %d: %w", step, err)
		}
		r.Moments = append(r.Moments, m)
	}
	steps, err := run.Metrics()
	if err != nil {
		return err
	}
	for _, step := range steps {
		r.Losses = append(r.Losses, Loss{int(step["step"]), step["loss"]})
	}
	return nil
}

// look computes the matrix of the first test pairs.
func look(b compute.Backend, pairs *contrastive.Pairs, m *clip.LiT, cfg Config, step int) (Moment, error) {
	e, err := pairs.EmbedTest(b, m)
	if err != nil {
		return Moment{}, err
	}
	scale, err := m.Scale()
	if err != nil {
		return Moment{}, err
	}
	now := measure(e.PairCosines(cfg.Batch), scale)
	now.Step = step
	now.Cosines = now.Cosines[:min(cfg.Shown, now.N)]
	for i, row := range now.Cosines {
		now.Cosines[i] = row[:len(now.Cosines)]
	}
	return now, nil
}

// measure is the moment of cosines [N][N], with all of them.
func measure(cosines [][]float32, scale float64) Moment {
	n := len(cosines)
	m := Moment{N: n}
	var own, others []float64
	found := 0
	for i, row := range cosines {
		wide := make([]float64, n)
		for j, c := range row {
			wide[j] = math.Round(float64(c)*1e4) / 1e4
			if j == i {
				own = append(own, float64(c))
			} else {
				others = append(others, float64(c))
			}
		}
		m.Cosines = append(m.Cosines, wide)
		if slices.Max(row) == row[i] && firstAt(row, row[i]) == i {
			found++
		}
		m.Loss += (surprise(row, i, scale) + surprise(column(cosines, i), i, scale)) / float64(2*n)
	}
	m.Pairs, m.Others, m.Found = spreadOf(own), spreadOf(others), stats.Mean(stats.NewProportion(found, n))
	return m
}

func firstAt(row []float32, v float32) int { return slices.Index(row, v) }

func column(m [][]float32, j int) []float32 {
	out := make([]float32, len(m))
	for i := range m {
		out[i] = m[i][j]
	}
	return out
}

// surprise is -log softmax(scale * cosines) at i, nats.
func surprise(cosines []float32, i int, scale float64) float64 {
	largest, sum := float64(slices.Max(cosines)), 0.0
	for _, c := range cosines {
		sum += math.Exp(scale * (float64(c) - largest))
	}
	return math.Log(sum) - scale*(float64(cosines[i])-largest)
}

func spreadOf(values []float64) Spread {
	s := Spread{Counts: make([]float64, bins)}
	n := float64(len(values))
	for _, v := range values {
		s.Mean += v / n
		s.Counts[min(max(int((v+1)/2*bins), 0), bins-1)] += 1 / n
	}
	for _, v := range values {
		s.SD += (v - s.Mean) * (v - s.Mean) / n
	}
	s.SD = math.Sqrt(s.SD)
	return s
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, m := range r.Moments {
		name := fmt.Sprintf("step_%d_", m.Step)
		out[name+"loss"], out[name+"pairs"], out[name+"others"] = m.Loss, m.Pairs.Mean, m.Others.Mean
		lesson.PutMean(out, name+"found", m.Found)
	}
	return out
}
