package unclip

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// PriorScope is that of the prior's weights.
const PriorScope = "prior"

// Prior describes the network that makes a picture's embedding out of a text's: a causal transformer (section 2.2).
type Prior struct {
	Schedule diffusion.ScheduleConfig `json:"schedule"`
	Width    int                      `json:"width"`
	Layers   int                      `json:"layers"`
	Heads    int                      `json:"heads"`
	Sampling diffusion.Sampling       `json:"sampling"` // of embeddings times sqrt(D)
	Scale    float64                  `json:"scale"`    // of guidance without a classifier; 1 is none
	Tries    int                      `json:"tries"`    // embeddings sampled for each text, of which the nearest to it is kept; 2 in the paper
}

// DefaultPrior is one for embeddings of about 64 numbers.
func DefaultPrior() Prior {
	return Prior{Schedule: diffusion.ScheduleConfig{Name: diffusion.Cosine, Steps: 1000}, Width: 128, Layers: 3, Heads: 4,
		Sampling: diffusion.Sampling{Steps: 25, Eta: 1}, Scale: 1, Tries: 2}
}

// Check says what is wrong with the settings, if anything is.
func (p Prior) Check() error {
	if _, err := diffusion.NewSchedule(p.Schedule.Name, p.Schedule.Steps); err != nil {
		return fmt.Errorf("prior: %w", err)
	}
	if err := p.Sampling.Check(p.Schedule.Steps); err != nil {
		return fmt.Errorf("prior: %w", err)
	}
	switch {
	case max(p.Width, p.Layers, p.Tries) > diffusion.MaxSize:
		return fmt.Errorf("prior: expected sizes of at most %d, found %+v", diffusion.MaxSize, p)
	case min(p.Width, p.Layers, p.Heads, p.Tries) < 1 || p.Width%2 != 0 || p.Width%p.Heads != 0:
		return fmt.Errorf("prior: expected sizes of at least 1, and an even width that the heads divide, found %+v", p)
	case !(p.Scale >= 0) || math.IsInf(p.Scale, 1):
		return fmt.Errorf("prior.scale: expected 0 or more, found %g", p.Scale)
	}
	return nil
}

// Clean predicts the clean embeddings themselves, [N, D], from noised ones z [N, D] at steps t [N] (float32) and the embeddings [N, D] of the texts, 0 where
// the text is not told. The sequence is text, step, noised embedding, and a last token whose output is the prediction.
func (p Prior) Clean(scope *model.Scope, z, t, text *graph.Node) *graph.Node {
	n, d := z.Shape().Dim(0), z.Shape().Dim(1)
	text.AssertDims(n, d)
	token := func(x *graph.Node) *graph.Node { return graph.ExpandAxes(x, 1) }
	query := nn.Param(scope, z, "query", nn.Normal(0.02), 1, p.Width)
	x := graph.Concatenate([]*graph.Node{
		token(nn.Linear(scope.At("text"), text, p.Width, true)),
		token(nn.Linear(scope.At("time"), diffusion.Timestep(t, p.Width), p.Width, true)),
		token(nn.Linear(scope.At("noised"), z, p.Width, true)),
		token(graph.BroadcastToDims(query, n, p.Width)),
	}, 1) // [N, 4, W]
	x = clip.Causal(scope, clip.TextConfig{Width: p.Width, Layers: p.Layers, Heads: p.Heads}, x)
	last := graph.Reshape(graph.Slice(x, graph.AxisRange(), graph.AxisElem(3)), n, p.Width)
	clean := nn.Linear(scope.At("out"), last, d, true)
	clean.AssertDims(n, d)
	return clean
}

// Loss is equation 2: the mean square of what the prior is off the clean embeddings, a scalar. z and text are unit embeddings [N, D], e is noise of the same
// shape, t [N] (int32) its steps; where keep [N, 1] is 0 the text is not told.
func (p Prior) Loss(scope *model.Scope, schedule diffusion.Schedule, z, text, e, t, keep *graph.Node) *graph.Node {
	z, text = spread(z), graph.Mul(spread(text), keep)
	clean := p.Clean(scope.At(PriorScope), vectors(schedule.Noised(pictures(z), pictures(e), t)), diffusion.AsFloat(t), text)
	return graph.ReduceAllMean(graph.Square(graph.Sub(clean, z)))
}

// Tell is what the prior says of the noise in embeddings, which are pictures [N, 1, 1, D] of one place to the sampler; its input are the texts' unit embeddings.
func (p Prior) Tell(scope *model.Scope, at diffusion.Noisy, inputs []*graph.Node) *graph.Node {
	return at.FromClean(pictures(p.Clean(scope.At(PriorScope), vectors(at.X), at.T, spread(inputs[0]))))
}

// spread are embeddings [N, D] times sqrt(D).
func spread(z *graph.Node) *graph.Node {
	return graph.MulScalar(z, math.Sqrt(float64(z.Shape().Dim(1))))
}

// pictures are vectors [N, D] as pictures of one place, [N, 1, 1, D], which schedules and samplers work on.
func pictures(x *graph.Node) *graph.Node { return graph.ExpandAxes(x, 1, 2) }

// vectors is the inverse of pictures.
func vectors(x *graph.Node) *graph.Node {
	return graph.Reshape(x, x.Shape().Dim(0), x.Shape().Dim(3))
}
