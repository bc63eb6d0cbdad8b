package captioning

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// BenchmarkBeam searches captions with k = 5 at the sizes of the real job: pictures/s is what to compare, and how long the
// captions were. The weights are fresh, with an end word so likely that captions are about as long as people's: run it
// with -bench Beam -benchtime 1x.
func BenchmarkBeam(b *testing.B) {
	for _, config := range []string{"go", "onnx:cpu"} {
		for _, size := range []struct{ L, V, batch int }{{49, 2500, 16}, {49, 2500, 32}, {49, 2500, 64}, {169, 2500, 32}, {49, 8000, 32}} {
			b.Run(fmt.Sprintf("%s/L=%d/V=%d/batch=%d", config, size.L, size.V, size.batch), func(b *testing.B) {
				cfg := Small(size.V)
				cfg.Locations = size.L
				benchmarkBeam(b, config, cfg, size.batch)
			})
		}
	}
}

func benchmarkBeam(b *testing.B, config string, cfg Config, batch int) {
	opened := openForBench(b, config)
	store := model.NewStore()
	beam, err := NewBeam(opened, store.RootScope(), cfg, batch, BeamOptions{K: 5})
	if err != nil {
		b.Fatal(err)
	}
	defer beam.Close()
	n := 200
	if config == "go" {
		n = 40
	}
	features := make([]float32, n*cfg.Locations*cfg.FeatureDim)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range features {
		features[i] = max(0, float32(rng.NormFloat64()))
	}
	write := func(n int) [][]Caption {
		captions, err := beam.Captions(features[:n*cfg.Locations*cfg.FeatureDim], n)
		if err != nil {
			b.Fatal(err)
		}
		return captions
	}
	write(1)
	bias := make([]float32, cfg.VocabSize)
	for i := range bias {
		bias[i] = 1.5 * float32(rng.NormFloat64())
	}
	bias[End] = 5.5
	if err := store.GetVariable("/out/bias").SetValue(tensors.FromFlatDataAndDimensions(bias, len(bias))); err != nil {
		b.Fatal(err)
	}
	write(1)
	b.ResetTimer()
	words, captions := 0, 0
	before := processorTime(b)
	start := time.Now()
	for range b.N {
		for _, all := range write(n) {
			for _, c := range all {
				words += len(c.IDs)
				captions++
			}
		}
	}
	b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N*n), "cpu-s/picture")
	b.ReportMetric(float64(b.N*n)/time.Since(start).Seconds(), "pictures/s")
	b.ReportMetric(float64(words)/float64(captions), "words/caption")
}
