package contrastive

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

func TestPairsGoOn(t *testing.T) {
	resumetest.Source(t, func() experiments.Resumable {
		s, err := newPairSource(11, 3, 5, []int{2}, 1, func(_ context.Context, i int, rng *rand.Rand) (pair, error) {
			return pair{image: []float32{float32(i), rng.Float32()}, ids: []int32{rng.Int32()}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.close)
		return s
	}, 9)
}
