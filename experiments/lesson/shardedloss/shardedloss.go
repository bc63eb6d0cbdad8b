// Package shardedloss is the lesson's contrastive loss on several devices.
package shardedloss

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/sharded-loss.
type Config struct {
	Pairs   contrastive.LiTConfig `json:"pairs"`   // of the trainings; batch_size is that of all devices together
	Devices []int                 `json:"devices"` // that are simulated; each divides batch and pairs.batch_size
	Batch   int                   `json:"batch"`   // pairs of the batch whose gradients are compared
	Width   int                   `json:"width"`   // of its embeddings
	Inputs  int                   `json:"inputs"`  // of its towers, which are linear
}

// Report is what a run found out.
type Report struct {
	Compared []Compared `json:"compared"`
	Trained  []Trained  `json:"trained"` // on the most devices
	Chance   float64    `json:"chance"`  // recall@10 of guessing
}

// Compared is the gradient of one way on so many devices, beside that of one device with the whole batch.
type Compared struct {
	Way     string  `json:"way"`
	Devices int     `json:"devices"`
	Differs float64 `json:"differs"` // of the towers' weights: norm of the difference over the norm of the true gradient
	Length  float64 `json:"length"`  // norm over that of the true gradient
	Cosine  float64 `json:"cosine"`  // with the true gradient
	Scale   float64 `json:"scale"`   // gradient of log(1/tau) over the true one
}

// Trained is a training by one way.
type Trained struct {
	Way     string           `json:"way"`
	Devices int              `json:"devices"`
	At1     stats.Proportion `json:"recall_1"`
	At10    stats.Proportion `json:"recall_10"`
}

// Study is the experiment lesson/sharded-loss: the ways in which devices share CLIP's loss, and whether they have its gradient.
//
//	glimpse train lesson/sharded-loss --seed 1    8 minutes on one core
//	glimpse train lesson/sharded-loss --quick     15 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-sharded-loss.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "sharded-loss", Title: "One loss on many devices", Asks: asks,
		Summary:  "the contrastive loss on 1, 2, 4 and 8 simulated devices: which ways have the same gradient, and what the others cost",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Pairs: contrastive.LiTDefaults(form, kind), Devices: []int{1, 2, 4, 8}, Batch: 64, Width: 32, Inputs: 48}
	c.Pairs.Train.Steps, c.Pairs.Train.EvalEvery = 150, 0
	if form == experiments.Quick {
		c.Pairs.Train.Steps = 100
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	for i, devices := range c.Devices {
		if devices < 1 || c.Batch%devices != 0 || c.Pairs.BatchSize%devices != 0 || i > 0 && devices <= c.Devices[i-1] {
			return fmt.Errorf("devices: expected rising numbers that divide batch=%d and pairs.batch_size=%d, found %v", c.Batch, c.Pairs.BatchSize, c.Devices)
		}
	}
	switch {
	case len(c.Devices) == 0:
		return fmt.Errorf("devices: expected at least one number, found none")
	case c.Batch < 2 || c.Width < 1 || c.Inputs < 1:
		return fmt.Errorf("expected a batch of at least 2 and width and inputs of at least 1, found %d, %d and %d", c.Batch, c.Width, c.Inputs)
	case c.Pairs.Loss != clip.InfoNCELoss:
		return fmt.Errorf("pairs.loss: expected %s, found %s", clip.InfoNCELoss, c.Pairs.Loss)
	}
	return c.Pairs.Check()
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	if report.Compared, err = compare(env.Backend, cfg, env.Seed); err != nil {
		return report, nil, err
	}
	pairs, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return report, nil, err
	}
	devices := cfg.Devices[len(cfg.Devices)-1]
	for _, w := range ways() {
		if w.name != global && w.name != localWout && w.name != alone {
			continue // the others have the gradient of the first, but for its length, which AdamW takes out
		}
		m, err := pairs.New(env.Seed)
		if err != nil {
			return report, nil, err
		}
		how := contrastive.Fitting{After: clip.ClampScale, Loss: func(image, text, scale *graph.Node) *graph.Node { return w.loss(image, text, scale, devices) }}
		if _, err := pairs.Fit(ctx, env, w.name, m, how); err != nil {
			return report, nil, err
		}
		e, err := pairs.EmbedTest(env.Backend.Backend, m)
		if err != nil {
			return report, nil, err
		}
		found := e.Retrieve()
		report.Trained = append(report.Trained, Trained{w.name, devices, found.ImageToText[1], found.ImageToText[10]})
		report.Chance = min(10/float64(found.Images), 1)
	}
	return report, nil, nil
}

// compare computes the gradients of two linear towers' weights by every way, for random pairs of which the text's input is the picture's with noise.
func compare(b *backend.Backend, cfg Config, seed int64) (all []Compared, err error) {
	rng := rand.New(rand.NewPCG(uint64(seed), 11))
	normal := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(rng.NormFloat64())
		}
		return out
	}
	pictures := normal(cfg.Batch * cfg.Inputs)
	texts := normal(cfg.Batch * cfg.Inputs)
	for i := range texts {
		texts[i] += pictures[i]
	}
	arguments := []any{
		tensors.FromFlatDataAndDimensions(pictures, cfg.Batch, cfg.Inputs), tensors.FromFlatDataAndDimensions(texts, cfg.Batch, cfg.Inputs),
		tensors.FromFlatDataAndDimensions(normal(cfg.Inputs*cfg.Width), cfg.Inputs, cfg.Width), tensors.FromFlatDataAndDimensions(normal(cfg.Inputs*cfg.Width), cfg.Inputs, cfg.Width),
		tensors.FromScalar(float32(math.Log(1 / 0.07))),
	}
	var truth []float64
	for _, devices := range cfg.Devices {
		for _, w := range ways() {
			found, err := gradient(b, w, devices, arguments)
			if err != nil {
				return nil, fmt.Errorf("%s on %d devices: %w", w.name, devices, err)
			}
			if truth == nil { // the first way on the first number of devices is one device with the whole batch
				truth = found
			}
			all = append(all, against(truth, found, Compared{Way: w.name, Devices: devices}))
		}
	}
	return all, nil
}

// gradient is that of all weights in one row, and that of the temperature behind them.
func gradient(b *backend.Backend, w way, devices int, arguments []any) (row []float64, err error) {
	exec, err := graph.NewExec(b.Backend, func(in []*graph.Node) []*graph.Node {
		image, text := clip.Normalize(graph.Dot(in[0], in[2]).Product()), clip.Normalize(graph.Dot(in[1], in[3]).Product())
		return graph.Gradient(w.loss(image, text, in[4], devices), in[2], in[3], in[4])
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	out, err := exec.Call(arguments...)
	if err != nil {
		return nil, err
	}
	for _, t := range out {
		err := tensors.ConstFlatData(t, func(flat []float32) {
			for _, v := range flat {
				row = append(row, float64(v))
			}
		})
		t.FinalizeAll()
		if err != nil {
			return nil, err
		}
	}
	return row, nil
}

func against(truth, found []float64, c Compared) Compared {
	var tt, ff, tf, dd float64
	last := len(truth) - 1
	for i, t := range truth[:last] {
		f := found[i]
		tt, ff, tf, dd = tt+t*t, ff+f*f, tf+t*f, dd+(f-t)*(f-t)
	}
	c.Differs, c.Length, c.Cosine, c.Scale = math.Sqrt(dd/tt), math.Sqrt(ff/tt), tf/math.Sqrt(tt*ff), found[last]/truth[last]
	return c
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, c := range r.Compared {
		name := fmt.Sprintf("%s_%d_", identifier(c.Way), c.Devices)
		out[name+"differs"], out[name+"length"], out[name+"cosine"] = c.Differs, c.Length, c.Cosine
	}
	for _, t := range r.Trained {
		lesson.PutMean(out, identifier(t.Way)+"_recall_1", stats.Mean(t.At1))
		lesson.PutMean(out, identifier(t.Way)+"_recall_10", stats.Mean(t.At10))
	}
	return out
}
