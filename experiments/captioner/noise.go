package captioner

import (
	"fmt"
	"image"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// WithHardAttention is the same decoder looking at one place at a time, the likeliest.
func (c *Model) WithHardAttention() *Model {
	c.mustBeSingle()
	h := *c
	h.Config.Attention = captioning.AttentionHard
	h.Config.Hard = captioning.Hard{LambdaR: 1}
	h.writer, h.grids = nil, nil
	return &h
}

// Noise is how much an estimate of a gradient varies from draw to draw.
type Noise struct {
	Mean   float64 // length of the mean estimate
	Spread float64 // root of the mean squared distance of an estimate from it
	Draws  int
}

// GradientNoise says how much the gradient of attention's weights (W_a, W_h, b and v together) varies when the places are
// drawn, for the pictures with one caption each: by REINFORCE (Xu et al. 2015, section 4.1), whose estimate is the gradient of
//
//	-R - (R - b) sum_t log alpha_t[s_t]        a caption's, the mean over captions
//
// for the places s that were drawn, R being log p of the caption given them. plain has b = 0; with the baseline b is the mean
// of R over all draws of plain. Soft attention on the same pictures draws nothing, so its gradient does not vary at all.
func (c *Model) GradientNoise(images []image.Image, captions [][]string, draws int) (plain, baseline Noise, err error) {
	if err := c.single(); err != nil {
		return plain, baseline, err
	}
	if len(images) == 0 || len(images) != len(captions) || draws < 2 {
		return plain, baseline, fmt.Errorf("expected pictures with a caption each and two draws or more, found %d pictures, %d captions and %d draws",
			len(images), len(captions), draws)
	}
	inputs, err := c.Encoder.inputs(images)
	if err != nil {
		return plain, baseline, err
	}
	var items []Item
	for i, input := range inputs {
		ids, cut := c.Vocabulary.Encode(captions[i], c.Config.MaxLen)
		if cut {
			return plain, baseline, fmt.Errorf("caption %d: expected at most %d words, as the model was trained with, found %d; shorten it or leave it out",
				i, c.Config.MaxLen-1, len(captions[i]))
		}
		items = append(items, Item{Input: input, IDs: ids})
	}
	batch, err := c.Batch(items)
	if err != nil {
		return plain, baseline, err
	}
	hard, err := c.copied()
	if err != nil {
		return plain, baseline, err
	}
	exec, err := model.NewExec(c.backend.Backend, hard.Store, hard.estimate)
	if err != nil {
		return plain, baseline, err
	}
	defer exec.Finalize()
	b := float32(0)
	for _, noise := range []*Noise{&plain, &baseline} {
		var gradients [][]float64
		sum := float32(0)
		for range draws {
			out, err := exec.Call(batch[0], batch[1], batch[2], b)
			if err != nil {
				return plain, baseline, fmt.Errorf("cannot estimate the gradient: %w", err)
			}
			flat, err := tensors.CopyFlatData[float32](out[0])
			if err != nil {
				return plain, baseline, err
			}
			gradients = append(gradients, widened(flat))
			sum += tensors.ToScalar[float32](out[1])
		}
		*noise = noiseOf(gradients)
		b = sum / float32(draws)
	}
	return plain, baseline, nil
}

// copied is the model with hard attention, without dropout, and with weights of its own, which nothing but it changes.
func (c *Model) copied() (*Model, error) {
	h := c.WithHardAttention().Fresh(c.seed)
	h.Config.Dropout = 0
	saved, err := weights.FromStore(c.Store, isWeight)
	if err != nil {
		return nil, err
	}
	return h, weights.IntoStore(h.Store, saved)
}

// estimate returns the gradient of one draw, flat, and the mean of R, for a batch's tensors and the baseline b.
func (c *Model) estimate(scope *model.Scope, in []*graph.Node) []*graph.Node {
	decoder := scope.At("decoder")
	scope.Store().SetTraining(in[0].Graph(), true)
	out := captioning.Decode(decoder, c.Config, c.Encoder.features(scope, in[0]), in[1])
	l := captioning.HardLoss(decoder, c.Config, out, in[1], in[2])
	R := graph.Neg(l.PerExample)
	advantage := graph.StopGradient(graph.Sub(R, graph.ConvertDType(in[3], dtypes.Float32)))
	loss := graph.Neg(graph.ReduceAllMean(graph.Add(R, graph.Mul(advantage, graph.ReduceSum(l.LogPlaces, 1)))))
	var wrt []*graph.Node
	for _, name := range []string{"W_a", "W_h", "b", "v"} {
		wrt = append(wrt, decoder.At("att").GetVariable(name).NodeValue(loss.Graph()))
	}
	gradients := graph.Gradient(loss, wrt...)
	for i, g := range gradients {
		gradients[i] = graph.Reshape(g, -1)
	}
	return []*graph.Node{graph.Concatenate(gradients, 0), graph.ReduceAllMean(R)}
}

func noiseOf(gradients [][]float64) Noise {
	n := float64(len(gradients))
	mean := make([]float64, len(gradients[0]))
	for _, g := range gradients {
		for i, x := range g {
			mean[i] += x / n
		}
	}
	length, spread := 0.0, 0.0
	for i, m := range mean {
		length += m * m
		for _, g := range gradients {
			spread += (g[i] - m) * (g[i] - m) / (n - 1)
		}
	}
	return Noise{Mean: math.Sqrt(length), Spread: math.Sqrt(spread), Draws: len(gradients)}
}
