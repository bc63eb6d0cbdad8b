package captioner

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
)

// At a temperature the loss is that of p^(1/T) of the words that may be said: with T = 1 a little less than Losses says, near infinity the
// logarithm of their number, and in between for a caption of likely words.
func TestLossesAs(t *testing.T) {
	for name, make := range map[string]maker{"Show, Attend and Tell": New, "Show and Tell": NewShowAndTell} {
		t.Run(name, func(t *testing.T) {
			c := frozenWith(t, make)
			input := make32(c.Encoder.inputSize())
			writer, err := c.NewWriter(Writing{Beam: captioning.BeamOptions{K: 1}, Unknown: true}, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			written, err := writer.WriteInputs([][]float32{input}, []uint64{1}, 1)
			if err != nil {
				t.Fatal(err)
			}
			exec, err := model.NewExec(c.backend.Backend, c.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
				at := func(temperature float64) *graph.Node {
					return c.LossesAs(scope, inputs, Writing{Draw: true, Sample: captioning.SampleOptions{Temperature: temperature}, Unknown: true}).PerExample
				}
				return []*graph.Node{c.Losses(scope, inputs).PerExample, at(1), at(1e6), at(2)}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer exec.Finalize()
			ids := append([]int32{captioning.Start}, written[0][0].IDs...)
			batch, err := c.Batch([]Item{{input, ids}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call(batch[0], batch[1], batch[2])
			if err != nil {
				t.Fatal(err)
			}
			var got []float64
			for _, o := range out {
				got = append(got, float64(o.Value().([]float32)[0]))
			}
			flat := float64(len(ids)-1) * math.Log(float64(c.Config.VocabSize-2)) // all but the padding and the start
			if !(got[1] < got[0]) || math.Abs(got[2]-flat) > 1e-3*flat || !(got[1] < got[3] && got[3] < flat) {
				t.Errorf("the loss is %g, at T = 1 %g, at 2 %g, near infinity %g, where it is expected to be %g", got[0], got[1], got[3], got[2], flat)
			}
		})
	}
}

// The probabilities of the first word add up to 1 over the words that are drawn, and fall short of it in Losses, which knows others.
func TestLossesAsDrawn(t *testing.T) {
	c := frozenWith(t, New)
	how := Writing{Draw: true, Sample: captioning.SampleOptions{Temperature: 0.5, Forbid: []int32{7}}}
	exec, err := model.NewExec(c.backend.Backend, c.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		return []*graph.Node{c.LossesAs(scope, inputs, how).PerExample, c.Losses(scope, inputs).PerExample}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	input := make32(c.Encoder.inputSize())
	var items []Item
	for word := range int32(c.Config.VocabSize) {
		if word != captioning.Pad && word != captioning.Start && word != captioning.Unknown && word != 7 {
			items = append(items, Item{input, []int32{captioning.Start, word}})
		}
	}
	batch, err := c.Batch(items)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(batch[0], batch[1], batch[2])
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []func(sum float64) bool{
		func(sum float64) bool { return math.Abs(sum-1) < 1e-5 },
		func(sum float64) bool { return sum > 0.5 && sum < 0.999 },
	} {
		sum := 0.0
		for _, nll := range out[i].Value().([]float32) {
			sum += math.Exp(-float64(nll))
		}
		if !want(sum) {
			t.Errorf("output %d: the probabilities of the words add up to %g", i, sum)
		}
	}
}

// make32 is an input that differs from place to place.
func make32(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(i%7) + float32(i%11)
	}
	return out
}
