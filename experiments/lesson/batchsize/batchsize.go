// Package batchsize is the lesson's question how many negatives a contrastive batch needs.
package batchsize

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/batch-size.
type Config struct {
	Pairs contrastive.LiTConfig `json:"pairs"` // batch_size, train.steps and train.chunks are those of each training; the learning rate is for batches of 256
	Sizes []int                 `json:"sizes"` // of batches, rising
	Seen  int                   `json:"seen"`  // pairs that each training sees
	Chunk int                   `json:"chunk"` // largest number of pairs whose activations are in memory at once
	Batch int                   `json:"batch"` // test pairs that the loss is measured on
}

// Report is what a run found out.
type Report struct {
	Trained []Trained `json:"trained"`
	Chance  float64   `json:"chance"` // recall@10 of guessing
}

// Trained is a training with one size of batches.
type Trained struct {
	Size    int              `json:"size"`
	Steps   int              `json:"steps"`
	Chunks  int              `json:"chunks"` // that a batch was cut into, with gradient caching; 1 for whole batches
	At1     stats.Proportion `json:"recall_1"`
	At10    stats.Proportion `json:"recall_10"`
	Loss    float64          `json:"loss"`    // of the last training batch, nats
	Test    float64          `json:"test"`    // InfoNCE of test pairs, the same for every size, nats
	N       int              `json:"n"`       // of them
	Seconds float64          `json:"seconds"` // of processors, with compiling and the test
	Peak    int64            `json:"peak"`    // the process's largest memory until then, bytes
}

// Study is the experiment lesson/batch-size: batches of 8 to 1,024 pairs at an equal number of pairs seen, the large ones with gradient caching (Gao et
// al. 2021, arXiv 2101.06983).
//
//	glimpse train lesson/batch-size --seed 1    10 minutes on one core
//	glimpse train lesson/batch-size --quick     15 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-batch-size.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "batch-size", Title: "How many negatives", Asks: asks,
		Summary:  "batches of 8 to 1,024 pairs at an equal number of pairs seen: recall, loss, memory, time",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Pairs: contrastive.LiTDefaults(form, kind), Sizes: []int{8, 32, 128, 512, 1024}, Seen: 40960, Chunk: 256, Batch: 256}
	c.Pairs.Train.EvalEvery, c.Pairs.Train.LogEvery = 0, 20
	if form == experiments.Quick {
		c.Sizes, c.Seen, c.Chunk, c.Batch = []int{8, 64, 256}, 10240, 64, 64
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if c.Chunk < 1 {
		return fmt.Errorf("chunk: expected at least 1 pair, found %d", c.Chunk)
	}
	for i, size := range c.Sizes {
		switch {
		case size < 2 || i > 0 && size <= c.Sizes[i-1]:
			return fmt.Errorf("sizes: expected rising numbers of at least 2, found %v", c.Sizes)
		case c.Seen/size < 2 || c.Seen%size != 0:
			return fmt.Errorf("seen: expected a multiple of every size, and at least two batches, so that all see as many pairs, found %d pairs for batches of %d", c.Seen, size)
		case size > c.Chunk && size%c.Chunk != 0:
			return fmt.Errorf("chunk: expected a divisor of the sizes above it, %v, found %d", c.Sizes, c.Chunk)
		}
	}
	switch {
	case len(c.Sizes) < 2:
		return fmt.Errorf("sizes: expected at least two to compare, found %d", len(c.Sizes))
	case c.Batch < 2:
		return fmt.Errorf("batch: expected at least 2 pairs, found %d", c.Batch)
	case c.Pairs.Loss != clip.InfoNCELoss:
		return fmt.Errorf("pairs.loss: expected %s, found %s", clip.InfoNCELoss, c.Pairs.Loss)
	}
	return c.Pairs.Check()
}

// usual is the size of batches that the learning rate is for. That of others follows the square root of their size, as Adam's noise does
// ("On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", Malladi et al. 2022, arXiv 2205.10287).
const usual = 256

// sized are the settings of a training.
func (c Config) sized(size int) contrastive.LiTConfig {
	p := c.Pairs
	p.BatchSize, p.Train.Steps, p.Train.Chunks = size, c.Seen/size, max(size/c.Chunk, 1)
	p.Train.Optimizer.LR *= math.Sqrt(float64(size) / usual)
	p.Train.Optimizer.WarmupSteps = min(p.Train.Optimizer.WarmupSteps, p.Train.Steps/10)
	// The average of the weights looks back on as many pairs with every size.
	p.Train.Average = math.Pow(p.Train.Average, float64(size)/usual)
	return p
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	if env.Backend.Devices > 1 {
		return report, nil, fmt.Errorf("expected one device, because large batches come in chunks here, found %d; leave out --devices", env.Backend.Devices)
	}
	pairs, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return report, nil, err
	}
	before, err := usedUntil(env, "data")
	if err != nil {
		return report, nil, err
	}
	for _, size := range cfg.Sizes {
		pairs.Config = cfg.sized(size)
		t := Trained{Size: size, Steps: pairs.Config.Train.Steps, Chunks: pairs.Config.Train.Chunks}
		m, err := pairs.New(env.Seed)
		if err != nil {
			return report, nil, err
		}
		trained, err := pairs.Fit(ctx, env, fmt.Sprintf("batches of %d", size), m, contrastive.Fitting{After: clip.ClampScale})
		if err != nil {
			return report, nil, err
		}
		t.Loss = trained.Last.Loss
		e, err := pairs.EmbedTest(env.Backend.Backend, m)
		if err != nil {
			return report, nil, err
		}
		found := e.Retrieve()
		t.At1, t.At10, report.Chance = found.ImageToText[1], found.ImageToText[10], min(10/float64(found.Images), 1)
		scale, err := m.Scale()
		if err != nil {
			return report, nil, err
		}
		cosines := e.PairCosines(cfg.Batch)
		t.Test, t.N = infoNCE(cosines, scale), len(cosines)
		after, err := usedUntil(env, fmt.Sprint(size))
		if err != nil {
			return report, nil, err
		}
		t.Seconds, t.Peak = after.Processor-before.Processor, after.Peak
		before = after
		report.Trained = append(report.Trained, t)
	}
	return report, nil, nil
}

// used is what a run has used so far.
type used struct {
	Processor float64 `json:"processor"` // seconds of all cores together
	Peak      int64   `json:"peak"`      // largest memory, bytes
}

// usedUntil is what was used until then. A run that is resumed is told what it was when it first came there.
func usedUntil(env *experiments.Env, then string) (u used, err error) {
	name := fmt.Sprintf("used-%s.json", then)
	data, err := os.ReadFile(env.Run.Path(name))
	if err == nil && json.Unmarshal(data, &u) == nil {
		return u, nil
	}
	u.Processor, u.Peak = env.Usage()
	return u, env.Run.WriteJSON(name, u)
}

// infoNCE of cosines [N][N], both ways, nats.
func infoNCE(cosines [][]float32, scale float64) (loss float64) {
	n := len(cosines)
	for i := range n {
		column := make([]float32, n)
		for j := range n {
			column[j] = cosines[j][i]
		}
		for _, row := range [][]float32{cosines[i], column} {
			largest, sum := float64(slices.Max(row)), 0.0
			for _, c := range row {
				sum += math.Exp(scale * (float64(c) - largest))
			}
			loss += (math.Log(sum) - scale*(float64(row[i])-largest)) / float64(2*n)
		}
	}
	return loss
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, t := range r.Trained {
		name := fmt.Sprintf("batch_%d_", t.Size)
		out[name+"test_loss"] = t.Test
		lesson.PutMean(out, name+"recall_1", stats.Mean(t.At1))
		lesson.PutMean(out, name+"recall_10", stats.Mean(t.At10))
	}
	return out
}
