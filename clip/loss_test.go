package clip

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// The golden numbers of this file are those of golden/clip/loss: computed in float64 from float32 inputs, checked
// against open_clip. Its README sets the tolerances.
const (
	lossTolerance = 1e-5 // absolute, and relative
	gradAbsolute  = 1e-6
	gradRelative  = 1e-3 // of the largest entry
)

func golden(t *testing.T, name string) *safetensors.File {
	t.Helper()
	file, err := safetensors.Load(testdata.Golden(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func floats(t *testing.T, file *safetensors.File, name string) []float32 {
	t.Helper()
	values, _, err := file.Float32s(name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func tensorOf(t *testing.T, file *safetensors.File, name string) *tensors.Tensor {
	t.Helper()
	values, dims, err := file.Float32s(name)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// near fails the test where |got - want| > absolute + relative * (the largest |want|), and on anything that is no number.
func near(t *testing.T, what string, got, want []float32, absolute, relative float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: expected %d numbers, found %d", what, len(want), len(got))
		return
	}
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(float64(w)))
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - float64(w)); !(d <= absolute+relative*largest) {
			t.Errorf("%s: expected %g at %d, found %g (the largest is %g)", what, w, i, got[i], largest)
			return
		}
	}
}

// flat copies a result out.
func flat(t *tensors.Tensor) []float32 { return tensors.MustCopyFlatData[float32](t) }

// run is one call of a compiled function.
func run(t *testing.T, exec *graph.Exec, inputs ...*tensors.Tensor) [][]float32 {
	t.Helper()
	args := make([]any, len(inputs))
	for i, in := range inputs {
		args[i] = in
	}
	results, err := exec.Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float32, len(results))
	for i, r := range results {
		out[i] = flat(r)
	}
	return out
}

func compiled(t *testing.T, b compute.Backend, f func(inputs []*graph.Node) []*graph.Node) *graph.Exec {
	t.Helper()
	exec, err := graph.NewExec(b, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exec.Finalize)
	return exec
}

// casesOf returns the parts of the names before suffix, in order.
func casesOf(t *testing.T, file *safetensors.File, suffix string) []string {
	t.Helper()
	found := map[string]bool{}
	for _, name := range file.Names() {
		if prefix, ok := strings.CutSuffix(name, suffix); ok {
			found[prefix] = true
		}
	}
	if len(found) == 0 {
		t.Fatalf("no golden tensor ends in %s", suffix)
	}
	return slices.Sorted(maps.Keys(found))
}

// infoNCEWithGradients returns loss and gradients: raw embeddings, unit embeddings, logit_scale.
func infoNCEWithGradients(in []*graph.Node) []*graph.Node {
	image, text := Normalize(in[0]), Normalize(in[1])
	loss := InfoNCE(Logits(image, text, in[2]))
	return append([]*graph.Node{loss}, graph.Gradient(loss, in[0], in[1], image, text, in[2])...)
}

func TestInfoNCE(t *testing.T) {
	file := golden(t, "clip/loss/infonce.safetensors")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := compiled(t, b, infoNCEWithGradients)
		all := casesOf(t, file, ".loss")
		if len(all) != 32 {
			t.Errorf("expected 4 sizes of N, 2 of D and 4 temperatures, found %d cases", len(all))
		}
		for _, name := range all {
			size, _, _ := strings.Cut(name, ".")
			got := run(t, exec, tensorOf(t, file, size+".image"), tensorOf(t, file, size+".text"), tensorOf(t, file, name+".logit_scale"))
			near(t, name+".loss", got[0], floats(t, file, name+".loss"), lossTolerance, lossTolerance)
			for i, gradient := range []string{"image", "text", "image_unit", "text_unit", "logit_scale"} {
				gradient = name + ".grad_" + gradient
				near(t, gradient, got[i+1], floats(t, file, gradient), gradAbsolute, gradRelative)
			}
		}
	})
}

// The loss of unit embeddings that are inputs themselves, and not the result of Normalize, has the same gradients.
func TestInfoNCEOfFreeUnitEmbeddings(t *testing.T) {
	file := golden(t, "clip/loss/infonce.safetensors")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := compiled(t, b, func(in []*graph.Node) []*graph.Node {
			loss := InfoNCE(Logits(in[0], in[1], in[2]))
			return append([]*graph.Node{loss}, graph.Gradient(loss, in...)...)
		})
		const size = "n5_d8"
		image, text := unitRows(floats(t, file, size+".image"), 8), unitRows(floats(t, file, size+".text"), 8)
		for _, tau := range []string{"0.01", "0.07", "0.5", "1"} {
			name := size + ".tau" + tau
			got := run(t, exec, tensors.FromFlatDataAndDimensions(image, 5, 8), tensors.FromFlatDataAndDimensions(text, 5, 8), tensorOf(t, file, name+".logit_scale"))
			near(t, name+".loss", got[0], floats(t, file, name+".loss"), lossTolerance, lossTolerance)
			for i, gradient := range []string{"image_unit", "text_unit", "logit_scale"} {
				gradient = name + ".grad_" + gradient
				near(t, gradient, got[i+1], floats(t, file, gradient), gradAbsolute, gradRelative)
			}
		}
	})
}

// unitRows scales rows of d numbers to unit length.
func unitRows(values []float32, d int) []float32 {
	out := slices.Clone(values)
	for row := range slices.Chunk(out, d) {
		norm := 0.0
		for _, v := range row {
			norm += float64(v) * float64(v)
		}
		for i := range row {
			row[i] = float32(float64(row[i]) / math.Sqrt(norm))
		}
	}
	return out
}

func TestInfoNCEOfExtremeLogits(t *testing.T) {
	file := golden(t, "clip/loss/extreme_logits.safetensors")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := compiled(t, b, func(in []*graph.Node) []*graph.Node {
			loss := InfoNCE(in[0])
			return append([]*graph.Node{loss}, graph.Gradient(loss, in[0])...)
		})
		for _, name := range casesOf(t, file, ".logits") {
			got := run(t, exec, tensorOf(t, file, name+".logits"))
			near(t, name+".loss", got[0], floats(t, file, name+".loss"), lossTolerance, lossTolerance)
			near(t, name+".grad_logits", got[1], floats(t, file, name+".grad_logits"), gradAbsolute, gradRelative)
		}
	})
}

// sigLIPWithGradients returns loss and gradients: raw embeddings, log t, b.
func sigLIPWithGradients(in []*graph.Node) []*graph.Node {
	loss := SigLIP(Normalize(in[0]), Normalize(in[1]), in[2], in[3])
	return append([]*graph.Node{loss}, graph.Gradient(loss, in...)...)
}

func TestSigLIP(t *testing.T) {
	file := golden(t, "clip/loss/siglip.safetensors")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := compiled(t, b, sigLIPWithGradients)
		for _, name := range casesOf(t, file, ".loss") {
			size, _, _ := strings.Cut(name, ".")
			got := run(t, exec, tensorOf(t, file, size+".image"), tensorOf(t, file, size+".text"),
				tensorOf(t, file, name+".log_t"), tensorOf(t, file, name+".b"))
			near(t, name+".loss", got[0], floats(t, file, name+".loss"), lossTolerance, lossTolerance)
			for i, gradient := range []string{"image", "text", "log_t", "b"} {
				gradient = name + ".grad_" + gradient
				near(t, gradient, got[i+1], floats(t, file, gradient), gradAbsolute, gradRelative)
			}
		}
		// Far from 0 the logarithm of the sigmoid must not overflow; at 0 its slope is 1/2, which the kinks of max and
		// abs in a stable formula can lose. Pairs of equal or orthogonal vectors give logits b + t and b.
		for _, c := range []struct{ t, b float64 }{{1, 0}, {1e3, 0}, {1e3, -500}, {1, 1e4}, {1e4, -5e3}} {
			eye := tensors.FromFlatDataAndDimensions([]float32{1, 0, 0, 1}, 2, 2)
			got := run(t, exec, eye, eye, tensors.FromScalar(float32(math.Log(c.t))), tensors.FromScalar(float32(c.b)))
			loss, gradB := softplusOf(-c.t-c.b)+softplusOf(c.b), sigmoidOf(c.b)-sigmoidOf(-c.t-c.b)
			what := fmt.Sprintf("t=%g b=%g", c.t, c.b)
			near(t, what+" loss", got[0], []float32{float32(loss)}, 1e-5, 1e-5)
			near(t, what+" grad_b", got[4], []float32{float32(gradB)}, 1e-6, 1e-3)
			for i, g := range slices.Concat(got...) {
				if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) {
					t.Errorf("%s: number %d is %g", what, i, g)
				}
			}
		}
	})
}

func softplusOf(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
func sigmoidOf(x float64) float64  { return 1 / (1 + math.Exp(-x)) }

// Normalize of rows of very different lengths, and of zeros, whose gradient must not be NaN.
func TestNormalize(t *testing.T) {
	rows := []float32{3, 4, 3e-9, 4e-9, 3e9, 4e9, 0, 0}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := compiled(t, b, func(in []*graph.Node) []*graph.Node {
			unit := Normalize(in[0])
			weight := graph.Const(unit.Graph(), [][]float32{{1, 2}, {1, 2}, {1, 2}, {0, 0}})
			return []*graph.Node{unit, graph.Gradient(graph.ReduceAllSum(graph.Mul(unit, weight)), in[0])[0]}
		})
		got := run(t, exec, tensors.FromFlatDataAndDimensions(rows, 4, 2))
		near(t, "unit", got[0], []float32{0.6, 0.8, 0.6, 0.8, 0.6, 0.8, 0, 0}, 1e-6, 0)
		// (I - u u^T) w / |x| with u = (0.6, 0.8) and w = (1, 2) is (-0.32, 0.24) / |x|.
		near(t, "gradient", got[1][:2], []float32{-0.32 / 5, 0.24 / 5}, 1e-6, 0)
		near(t, "gradient of a short row", got[1][2:4], []float32{-0.32 / 5e-9, 0.24 / 5e-9}, 0, 1e-4)
		near(t, "gradient of a row of zeros", got[1][6:], []float32{0, 0}, 0, 0)
	})
}

func TestClampLogitScale(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := compiled(t, b, func(in []*graph.Node) []*graph.Node { return []*graph.Node{ClampLogitScale(in[0])} })
		for in, want := range map[float32]float32{-1: 0, 0: 0, 2.5: 2.5, 4.605: 4.605, 4.7: float32(math.Log(100)), 1e30: float32(math.Log(100))} {
			if got := run(t, exec, tensors.FromScalar(in))[0][0]; got != want {
				t.Errorf("expected %g for %g, found %g", want, in, got)
			}
		}
	})
}

// What does not fit together is refused while the graph is built.
func TestLossRefusesOtherShapes(t *testing.T) {
	b := backendtest.Go(t)
	exec := compiled(t, b, func(in []*graph.Node) []*graph.Node { return []*graph.Node{InfoNCE(in[0])} })
	if _, err := exec.Call(tensors.FromFlatDataAndDimensions(make([]float32, 6), 2, 3)); err == nil {
		t.Error("a matrix of logits that is not square was accepted")
	}
	exec = compiled(t, b, sigLIPWithGradients)
	if _, err := exec.Call(tensors.FromFlatDataAndDimensions(make([]float32, 6), 2, 3), tensors.FromFlatDataAndDimensions(make([]float32, 9), 3, 3),
		tensors.FromScalar(float32(0)), tensors.FromScalar(float32(0))); err == nil {
		t.Error("2 images and 3 texts were accepted")
	}
}
