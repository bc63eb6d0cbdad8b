package guided

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// ClimbConfig says how pixels climb the similarity without a diffusion model.
type ClimbConfig struct {
	Steps   int     `json:"steps"`
	Rate    float64 `json:"rate"`    // what a step adds to each pixel, along the sign of the slope; pixels are -1..1
	Cutouts []int   `json:"cutouts"` // numbers of random parts of the picture whose similarities are averaged at each step; 0 is the whole picture
}

// Climbed is what came of pixels that climbed.
type Climbed struct {
	Cutouts int              `json:"cutouts"`
	Cosine  float64          `json:"cosine"` // of the whole pictures and their prompts at the end, the mean
	True    stats.Proportion `json:"true"`   // pictures that are what the prompt says, all 48 pairs once
	Sure    float64          `json:"sure"`
	First   judge.Strip      `json:"first"`
}

// climb moves the pixels of grey pictures up the slope of what CLIP says of them and the 48 prompts.
func (r *Report) climb(ctx context.Context, env *experiments.Env, m *learner, j *judge.Judge) error {
	labels, side, cfg := judge.Labels(), m.Config.Noise.Side, m.cfg.Climb
	texts, err := m.Embed(env.Backend.Backend, judge.Prompts(labels))
	if err != nil {
		return err
	}
	defer texts.FinalizeAll()
	bar := progress.New(env.Messages, "pixels climb", int64(len(cfg.Cutouts)*cfg.Steps), progress.Options{})
	defer bar.Done()
	for _, cutouts := range cfg.Cutouts {
		rng := rand.New(rand.NewPCG(uint64(env.Seed), 11))
		x := make([]float32, len(labels)*3*side*side)
		for i := range x {
			x[i] = float32(0.1 * rng.NormFloat64())
		}
		cosine, err := m.climbAll(ctx, env, x, texts, cutouts, rng, bar)
		if err != nil {
			return err
		}
		verdicts, err := j.Look(x)
		if err != nil {
			return err
		}
		var count judge.Count
		count.Add(labels, verdicts)
		c := Climbed{Cutouts: cutouts, Cosine: cosine, True: count.All(), Sure: count.Sure()}
		if c.First, err = judge.NewStrip(x, side, judge.Shown, labels, verdicts); err != nil {
			return err
		}
		r.Climbed = append(r.Climbed, c)
	}
	return nil
}

// climbAll takes all steps with x, and returns the mean cosine of what has become of it.
func (m *learner) climbAll(ctx context.Context, env *experiments.Env, x []float32, texts *tensors.Tensor, cutouts int, rng *rand.Rand, bar *progress.Bar) (cosine float64, err error) {
	exec, err := m.slope(env, cutouts)
	if err != nil {
		return 0, err
	}
	defer exec.Finalize()
	side, cfg := m.Config.Noise.Side, m.cfg.Climb
	for range cfg.Steps {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, err := climbOnce(exec, x, texts, cutoutsOf(rng, max(cutouts, 1), side), cfg.Rate, side); err != nil {
			return 0, err
		}
		bar.Add(1)
	}
	return climbOnce(exec, x, texts, cutoutsOf(rng, max(cutouts, 1), side), 0, side)
}

// slope prepares pictures x [N, S, S, 3], texts [N, D] and cutouts [K, 2, S, S] to the slope of the mean similarity, and the mean cosine of the whole pictures. With no
// cutouts the whole pictures are what climbs.
func (m *learner) slope(env *experiments.Env, cutouts int) (*model.Exec, error) {
	c := m.Config.CLIP
	return model.NewExec(env.Backend.Backend, m.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		x, texts, cuts := inputs[0], inputs[1], inputs[2]
		scope = scope.At(diffusion.CLIPScope)
		cosines := func(x *graph.Node) *graph.Node {
			clean := graph.Zeros(x.Graph(), shapes.Make(x.DType(), x.Shape().Dim(0))) // step 0 of the noise
			image := c.EncodeImage(scope, x, clean)
			return graph.ReduceSum(graph.Mul(image, texts), 1)
		}
		whole := cosines(x)
		climbs := graph.ReduceAllSum(whole)
		if cutouts > 0 {
			climbs = graph.ScalarZero(x.Graph(), x.DType())
		}
		for k := range cutouts {
			climbs = graph.Add(climbs, graph.ReduceAllSum(cosines(cutout(x, cuts, k))))
		}
		return []*graph.Node{graph.Gradient(climbs, x)[0], graph.ReduceAllMean(whole)}
	})
}

// cutout is part k of pictures x [N, S, S, 3], enlarged to the whole: products with the matrices of its rows and columns in cuts [K, 2, S, S].
func cutout(x, cuts *graph.Node, k int) *graph.Node {
	side := x.Shape().Dim(1)
	matrix := func(axis int) *graph.Node {
		return graph.Reshape(graph.Slice(cuts, graph.AxisElem(k), graph.AxisElem(axis)), side, side)
	}
	x = graph.Einsum("ph,nhwc->npwc", matrix(0), x)
	return graph.Einsum("qw,npwc->npqc", matrix(1), x)
}

// cutoutsOf are k random parts of a picture, 60% to 100% of its side, as matrices [k, 2, side, side] that enlarge rows and columns linearly.
func cutoutsOf(rng *rand.Rand, k, side int) []float32 {
	all := make([]float32, k*2*side*side)
	for i := range k {
		size := float64(side) * (0.6 + 0.4*rng.Float64())
		for axis := range 2 {
			from := rng.Float64() * (float64(side) - size)
			for row := range side {
				at := min(max(from+(float64(row)+0.5)*size/float64(side)-0.5, 0), float64(side-1))
				low := min(int(at), side-2)
				line := all[((i*2+axis)*side+row)*side:]
				line[low], line[low+1] = float32(1-(at-float64(low))), float32(at-float64(low))
			}
		}
	}
	return all
}

// climbOnce moves x along the sign of the slope, and returns the mean cosine before that.
func climbOnce(exec *model.Exec, x []float32, texts *tensors.Tensor, cuts []float32, rate float64, side int) (cosine float64, err error) {
	n := len(x) / (3 * side * side)
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(append([]float32(nil), x...), n, side, side, 3), texts,
		tensors.FromFlatDataAndDimensions(cuts, len(cuts)/(2*side*side), 2, side, side))
	if err != nil {
		return 0, fmt.Errorf("cannot find the slope of the similarity: %w", err)
	}
	err = tensors.ConstFlatData(out[0], func(slope []float32) {
		for i, s := range slope {
			switch {
			case s > 0:
				x[i] = min(x[i]+float32(rate), 1)
			case s < 0:
				x[i] = max(x[i]-float32(rate), -1)
			}
		}
	})
	cosine = float64(tensors.ToScalar[float32](out[1]))
	for _, t := range out {
		t.FinalizeAll()
	}
	return cosine, err
}
