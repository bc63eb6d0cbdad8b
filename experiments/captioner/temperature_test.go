package captioner

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
)

// At a temperature the loss is that of p^(1/T): with T = 1 what Losses says, near infinity ln V a word, and in between for a caption
// of likely words.
func TestLossesAt(t *testing.T) {
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
				return []*graph.Node{c.Losses(scope, inputs).PerExample, c.LossesAt(scope, inputs, 1).PerExample,
					c.LossesAt(scope, inputs, 1e6).PerExample, c.LossesAt(scope, inputs, 2).PerExample}
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
			flat := float64(len(ids)-1) * math.Log(float64(c.Config.VocabSize))
			if got[0] != got[1] || math.Abs(got[2]-flat) > 1e-3*flat || !(got[0] < got[3] && got[3] < flat) {
				t.Errorf("the loss is %g, at T = 1 %g, at 2 %g, near infinity %g, where it is expected to be %g", got[0], got[1], got[3], got[2], flat)
			}
		})
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
