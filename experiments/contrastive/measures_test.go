package contrastive

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
)

// noise yields pairs of random pictures and texts, and measures the texts when measured is set.
type noise struct {
	n, side, length int
	measured        bool
	rng             *rand.Rand
	said            map[string]float64
}

func (s *noise) Next(context.Context) ([]*tensors.Tensor, error) {
	images, ids := make([]float32, s.n*s.side*s.side*3), make([]int32, s.n*s.length)
	for i := range images {
		images[i] = s.rng.Float32()
	}
	for i := range ids {
		ids[i] = s.rng.Int32N(500)
	}
	if s.measured {
		s.said = TextFigures(slices.Collect(slices.Chunk(ids, s.length)))
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(images, s.n, s.side, s.side, 3), tensors.FromFlatDataAndDimensions(ids, s.n, s.length)}, nil
}
func (s *noise) Measures() map[string]float64 { return s.said }
func (s *noise) Waited() time.Duration        { return 0 }
func (s *noise) Epoch() int                   { return 0 }

// BenchmarkFigures says what the figures of the panel cost, as a share of a training step's processor time, for the model and the
// batch of the quick form of clip, on two backends. Medians of steps, with and without in turns.
//
//	go test -bench Figures -run - ./experiments/contrastive
func BenchmarkFigures(b *testing.B) {
	for _, config := range []string{"go", "onnx:cpu"} {
		b.Run(config, func(b *testing.B) {
			back := openFor(b, config)
			cfg := experiments.TrainConfig{Steps: 16, LogEvery: 1, Optimizer: experiments.DefaultAdamW()}
			var seconds [2][]float64
			for range b.N {
				for with := range 2 {
					m, err := clip.New(clip.Tiny(500), nil, 1)
					if err != nil {
						b.Fatal(err)
					}
					task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
						image, text := m.Embed(scope, inputs[0], inputs[1])
						loss, scale := clip.InfoNCELoss.Compare(scope, image, text)
						if with == 1 {
							return loss, BatchFigures(image, text, scale)
						}
						return loss, []experiments.Metric{{Name: "logit_scale", Value: scale}}
					}, After: m.ClampScale}
					if with == 1 {
						task.Tower = Tower
					}
					source := &noise{n: 64, side: 32, length: 12, measured: with == 1, rng: rand.New(rand.NewPCG(1, 2))}
					last := 0.0
					_, err = experiments.Train(context.Background(), back, m.Store, task, source, cfg, func(s experiments.Step) error {
						now, _ := experiments.Usage()
						if s.Step > 1 { // the first compiles
							seconds[with] = append(seconds[with], now-last)
						}
						last = now
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
					m.Close()
				}
			}
			for i := range seconds {
				slices.Sort(seconds[i])
			}
			without, with := seconds[0][len(seconds[0])/2], seconds[1][len(seconds[1])/2]
			b.ReportMetric(1000*without, "ms/step")
			b.ReportMetric(100*(with/without-1), "%figures")
		})
	}
}
