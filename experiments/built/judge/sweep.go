package judge

import (
	"context"
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Scaled is how samples come out at a scale of guidance.
type Scaled struct {
	Scale  float64           `json:"scale"`
	Dev    *stats.Proportion `json:"dev,omitempty"` // as seen, of other noise, where the scale is chosen by that
	Seen   stats.Proportion  `json:"seen"`          // samples that are what the prompt says, colour and shape, of pairs that training had
	Unseen stats.Proportion  `json:"unseen"`        // likewise of pairs that it never had
	Colour stats.Proportion  `json:"colour"`        // samples whose colour is right, all prompts
	Shape  stats.Proportion  `json:"shape"`         // samples whose shape is right
	Sure   float64           `json:"sure"`          // mean of how sure the judge is of what it sees
	First  Strip             `json:"first"`         // the first samples
}

// Sweep is samples of labels at each of the scales, from the same noise.
type Sweep struct {
	Labels []Label
	Scales []float64
	Rounds int // how often each label is asked for
	Side   int // of the pictures

	Make Maker
}

// Maker makes a picture for each label; the noise of picture i depends on first+i alone. each is told of the steps on the way, as by a sampler.
type Maker func(ctx context.Context, first int, scale float64, each func(t int, noised, guess []float32)) ([]float32, error)

// CheckScales refuses scales that do not rise from 0.
func CheckScales(scales []float64) error {
	for i, s := range scales {
		if i == 0 && s != 0 || i > 0 && s <= scales[i-1] {
			return fmt.Errorf("scales: expected 0 and rising ones behind it, found %v", scales)
		}
	}
	if len(scales) < 2 {
		return fmt.Errorf("scales: expected 0 and at least one other, found %v", scales)
	}
	return nil
}

// Path is how the first picture of a scale came out of noise: what it was and what was guessed of the clean one, with the steps of noise that were left.
type Path struct {
	Noised, Guess [][]float32
	At            []int
}

// Sweep makes the samples and looks at them. There is a path for each scale.
func (j *Judge) Sweep(ctx context.Context, s Sweep) (all []Scaled, paths []Path, err error) {
	for _, scale := range s.Scales {
		at, path, count := Scaled{Scale: scale}, Path{}, Count{}
		for round := range s.Rounds {
			made, err := s.Make(ctx, round*len(s.Labels), scale, func(t int, noised, guess []float32) {
				if size := len(noised) / len(s.Labels); round == 0 {
					path.Noised, path.Guess, path.At = append(path.Noised, slices.Clone(noised[:size])), append(path.Guess, slices.Clone(guess[:size])), append(path.At, t)
				}
			})
			if err != nil {
				return nil, nil, err
			}
			verdicts, err := j.Look(made)
			if err != nil {
				return nil, nil, err
			}
			count.Add(s.Labels, verdicts)
			if round == 0 {
				if at.First, err = NewStrip(made, s.Side, Shown, s.Labels, verdicts); err != nil {
					return nil, nil, err
				}
			}
		}
		at.Seen, at.Unseen, at.Colour, at.Shape, at.Sure = count.Seen(), count.Unseen(), count.Colour(), count.Shape(), count.Sure()
		all, paths = append(all, at), append(paths, path)
	}
	return all, paths, nil
}
