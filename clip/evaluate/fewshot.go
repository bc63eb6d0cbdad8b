package evaluate

import (
	"math"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// fewShot fits a probe to a few pictures of every class, as often as cfg.Draws with other ones. The penalty is chosen
// by two-fold cross-validation among the drawn pictures alone: none is held out that would not count as a shot.
func (p *prober) fewShot(shots int, cfg ProbeConfig) (*FewShot, error) {
	few := &FewShot{Shots: shots}
	for draw := range cfg.Draws {
		rng := rand.New(rand.NewPCG(cfg.Seed, uint64(shots)<<32|uint64(draw)))
		var drawn examples
		var halves [2]examples
		short := 0
		for _, of := range p.train.ofClass(len(p.classes), rng) {
			if len(of) < shots {
				short++
			}
			of = of[:min(shots, len(of))]
			drawn.add(p.train, of...)
			halves[0].add(p.train, of[:len(of)/2]...)
			halves[1].add(p.train, of[len(of)/2:]...)
		}
		few.Short = short
		lambda := float64(shotLambda)
		if shots > 1 {
			var err error
			if lambda, err = p.crossValidate(halves); err != nil {
				return nil, err
			}
		}
		model, err := p.fit(drawn, lambda, nil)
		if err != nil {
			return nil, err
		}
		few.Draws, few.Lambda = append(few.Draws, model.accuracy(p.test)), append(few.Lambda, lambda)
	}
	few.Top1 = stats.Repeated(few.Draws)
	return few, nil
}

// crossValidate chooses the penalty that does best when each half is held out in turn.
func (p *prober) crossValidate(halves [2]examples) (lambda float64, err error) {
	sweep := make([]Swept, len(sweepStart()))
	for side, fit := range halves {
		var last *logistic
		for i, exponent := range sweepStart() {
			sweep[i].Lambda = math.Pow(10, exponent)
			if last, err = p.fit(fit, sweep[i].Lambda, last); err != nil {
				return 0, err
			}
			sweep[i].Accuracy += last.accuracy(halves[1-side]) / 2
		}
	}
	return bestOf(sweep), nil
}
