package diffusion

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Sampling says how noise is made into pictures.
type Sampling struct {
	Steps int     `json:"steps"` // back, of the schedule's
	Eta   float64 `json:"eta"`   // new noise at each step: 0 none (DDIM), 1 the posterior's (DDPM)
	Bound float64 `json:"bound"` // what is guessed of the clean picture is kept within -bound..bound; 0 for no bound
}

// Check says what is wrong with the settings for a schedule of so many steps, if anything is.
func (s Sampling) Check(of int) error {
	switch {
	case s.Steps < 1 || s.Steps > of:
		return fmt.Errorf("sampling.steps: expected 1 to %d, found %d", of, s.Steps)
	case !(s.Eta >= 0 && s.Eta <= 1):
		return fmt.Errorf("sampling.eta: expected 0 to 1, found %g", s.Eta)
	case !(s.Bound >= 0):
		return fmt.Errorf("sampling.bound: expected 0 or more, found %g", s.Bound)
	}
	return nil
}

// Sampler makes pictures.
type Sampler struct {
	schedule Schedule
	cfg      Sampling
	side     int
	depth    int
	exec     *model.Exec
}

// NewSampler prepares sampling of pictures [side, side, depth] with the weights of store, in the scopes that tell takes.
func NewSampler(b compute.Backend, store *model.Store, schedule Schedule, cfg Sampling, side, depth int, tell Teller) (*Sampler, error) {
	if err := cfg.Check(schedule.Steps()); err != nil {
		return nil, err
	}
	exec, err := model.NewExec(b, store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		x, z, s := inputs[0], inputs[1], strideOf(inputs[2])
		at := Noisy{X: x, T: graph.BroadcastToDims(s.t, x.Shape().Dim(0)), Signal: s.signal, Spread: s.spread, Scale: graph.Reshape(inputs[3])}
		to, guess := s.back(x, tell(scope, at, inputs[4:]), z, cfg.Bound)
		return []*graph.Node{to, guess}
	})
	if err != nil {
		return nil, fmt.Errorf("cannot prepare sampling: %w", err)
	}
	return &Sampler{schedule, cfg, side, depth, exec}, nil
}

// Close gives the graph's memory back.
func (s *Sampler) Close() { s.exec.Finalize() }

// Sample makes n pictures [n*side*side*depth]. Picture i depends on seed, first+i and its own rows of inputs, whatever n is. inputs are tensors with n rows,
// which stay the caller's; scale is that of guidance. each, unless nil, is told after each step which step of the noise was
// reached, with the pictures as they are, noise and all, and the clean ones that are guessed; they are not to be kept.
func (s *Sampler) Sample(ctx context.Context, seed uint64, first, n int, scale float64, inputs []*tensors.Tensor, each func(t int, noised, guess []float32)) ([]float32, error) {
	size := s.side * s.side * s.depth
	rngs := make([]*rand.Rand, n)
	for i := range rngs {
		rngs[i] = rand.New(rand.NewPCG(seed, uint64(first+i)))
	}
	x := make([]float32, n*size)
	normal(rngs, x)
	way, err := s.schedule.Every(s.cfg.Steps)
	if err != nil {
		return nil, err
	}
	z := make([]float32, n*size)
	for k := 0; k+1 < len(way); k++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		stride := s.schedule.Stride(way[k], way[k+1], s.cfg.Eta)
		if stride.Fresh > 0 {
			normal(rngs, z)
		}
		guess, err := s.step(x, z, stride, scale, n, inputs)
		if err != nil {
			return nil, err
		}
		if each != nil {
			each(way[k+1], x, guess)
		}
	}
	return x, nil
}

// step takes x one stride back.
func (s *Sampler) step(x, z []float32, stride Stride, scale float64, n int, inputs []*tensors.Tensor) (guess []float32, err error) {
	args := []any{
		tensors.FromFlatDataAndDimensions(x, n, s.side, s.side, s.depth), tensors.FromFlatDataAndDimensions(z, n, s.side, s.side, s.depth),
		tensors.FromFlatDataAndDimensions(stride.numbers(), strideNumbers), tensors.FromValue(float32(scale)),
	}
	for _, t := range inputs {
		args = append(args, t)
	}
	out, err := s.exec.Call(args...)
	if err != nil {
		return nil, fmt.Errorf("cannot take step %d of the noise back: %w", stride.From, err)
	}
	if err := tensors.ConstFlatData(out[0], func(flat []float32) { copy(x, flat) }); err != nil {
		return nil, err
	}
	err = tensors.ConstFlatData(out[1], func(flat []float32) { guess = append(guess, flat...) })
	for _, t := range out {
		t.FinalizeAll()
	}
	return guess, err
}

// normal fills x with N(0, 1), each picture from its own generator.
func normal(rngs []*rand.Rand, x []float32) {
	size := len(x) / len(rngs)
	for i, rng := range rngs {
		for j := range size {
			x[i*size+j] = float32(rng.NormFloat64())
		}
	}
}
