package clip_test

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// The figures of batches that are known by hand, on every backend of the machine.
func TestCompareInBatch(t *testing.T) {
	configs := []string{"go"}
	if backend.HasONNX && backend.FindONNXRuntime() != "" {
		configs = append(configs, "onnx:cpu")
	}
	s := float32(math.Sqrt(0.5))
	for _, config := range configs {
		b, err := backend.OpenNamed(config)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Finalize()
		exec, err := graph.NewExec(b.Backend, func(image, text *graph.Node) []*graph.Node {
			f := clip.CompareInBatch(image, text)
			return []*graph.Node{f.ImageToText, f.TextToImage, f.Pairs, f.NonPairs, f.Gap}
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			what        string
			image, text [][]float32
			want        [5]float64
		}{
			{"a perfect model", [][]float32{{1, 0}, {0, 1}}, [][]float32{{1, 0}, {0, 1}}, [5]float64{1, 1, 1, 0, 0}},
			{"texts that are swapped", [][]float32{{1, 0}, {0, 1}}, [][]float32{{0, 1}, {1, 0}}, [5]float64{0, 0, 0, 1, 0}},
			{"one point for all", [][]float32{{1, 0}, {1, 0}, {1, 0}, {1, 0}}, [][]float32{{1, 0}, {1, 0}, {1, 0}, {1, 0}}, [5]float64{0.25, 0.25, 1, 1, 0}},
			{"one point for each side", [][]float32{{1, 0}, {1, 0}}, [][]float32{{0, 1}, {0, 1}}, [5]float64{0.5, 0.5, 0, 0, math.Sqrt2}},
			// The first picture is closest to both texts alike; the second text is closest to the second picture.
			{"equal texts", [][]float32{{s, s}, {0, 1}}, [][]float32{{1, 0}, {0, 1}}, [5]float64{0.75, 1, (0.70710678 + 1) / 2, 0.70710678 / 2, 0.3826834}},
		} {
			out, err := exec.Call(c.image, c.text)
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range []string{"image to text", "text to image", "pairs", "non-pairs", "gap"} {
				if got := float64(out[i].Value().(float32)); !(math.Abs(got-c.want[i]) <= 1e-5) {
					t.Errorf("%s, %s, %s: expected %g, found %g", config, c.what, name, c.want[i], got)
				}
			}
		}
	}
}
