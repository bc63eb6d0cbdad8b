package captioning

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// BenchmarkBeam searches captions with k = 5 at the sizes of the real job. Weights are fresh, and every caption has 12
// words, about as many as people write: run it with -bench Beam -benchtime 1x.
func BenchmarkBeam(b *testing.B) {
	for _, config := range []string{"go", "onnx:cpu"} {
		for _, size := range []struct{ L, V, batch int }{{49, 2500, 1}, {49, 2500, 8}, {49, 2500, 32}, {49, 2500, 64}, {169, 2500, 32}, {49, 8000, 32}} {
			b.Run(fmt.Sprintf("%s/L=%d/V=%d/batch=%d", config, size.L, size.V, size.batch), func(b *testing.B) {
				cfg := Small(size.V)
				cfg.Locations, cfg.MaxLen = size.L, 12
				benchmarkBeam(b, config, cfg, size.batch)
			})
		}
	}
}

func benchmarkBeam(b *testing.B, config string, cfg Config, batch int) {
	opened := openForBench(b, config)
	store := model.NewStore()
	beam, err := NewBeam(opened, store.RootScope(), cfg, batch, BeamOptions{K: 5, Forbid: []int32{End}})
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
	b.ResetTimer()
	before := processorTime(b)
	start := time.Now()
	for range b.N {
		write(n)
	}
	b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N*n), "cpu-s/picture")
	b.ReportMetric(float64(b.N*n)/time.Since(start).Seconds(), "pictures/s")
}

// BenchmarkReorder compares two ways to let 160 captions go on from others' states h and c, H = 384, on top of a step
// that costs nothing: rows gathered in the graph, and copied through Go.
func BenchmarkReorder(b *testing.B) {
	const rows, H = 160, 384
	parents := make([]int32, rows)
	for i := range parents {
		parents[i] = int32(i/5*5 + i*7%5)
	}
	for _, config := range []string{"go", "onnx:cpu"} {
		gathered := func(h, c, parents *Node) []*Node {
			at := graph.InsertAxes(parents, -1)
			return []*Node{graph.Neg(graph.Gather(h, at)), graph.Neg(graph.Gather(c, at))}
		}
		plain := func(h, c *Node) []*Node { return []*Node{graph.Neg(h), graph.Neg(c)} }
		b.Run(config+"/graph", func(b *testing.B) {
			exec := graph.MustNewExec(openForBench(b, config), gathered)
			state := []*tensors.Tensor{zeros(rows, H), zeros(rows, H)}
			for b.Loop() {
				next := exec.MustCall(state[0], state[1], parents)
				free(state)
				state = next
			}
		})
		b.Run(config+"/copies", func(b *testing.B) {
			exec := graph.MustNewExec(openForBench(b, config), plain)
			state := []*tensors.Tensor{zeros(rows, H), zeros(rows, H)}
			for b.Loop() {
				next := exec.MustCall(state[0], state[1])
				free(state)
				for i, t := range next {
					moved := make([]float32, 0, rows*H)
					tensors.MustConstFlatData(t, func(old []float32) {
						for _, row := range parents {
							moved = append(moved, old[int(row)*H:][:H]...)
						}
					})
					state[i] = tensors.FromFlatDataAndDimensions(moved, rows, H)
				}
				free(next)
			}
		})
	}
}
