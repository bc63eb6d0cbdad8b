package diffusion

import (
	"fmt"
	"math"
)

// Schedule says how much of a picture is left at each step of the forward process q(x_t | x_0) = N(sqrt(Left[t]) x_0,
// (1-Left[t]) I) (Ho et al. 2020, equation 4). Left[t] is the paper's alpha-bar, falling from Left[0] = 1; T = len(Left)-1.
type Schedule struct{ Left []float64 }

// ScheduleName is a way for the noise to grow.
type ScheduleName string

// The schedules.
const (
	Linear ScheduleName = "linear" // beta from 1e-4 to 0.02 in 1,000 steps (Ho et al. 2020, section 4)
	Cosine ScheduleName = "cosine" // Nichol and Dhariwal 2021, equation 17
)

// maxSteps is a bound, so that a damaged file asks for nothing absurd.
const maxSteps = 1 << 16

// NewSchedule makes a schedule of T steps.
func NewSchedule(name ScheduleName, steps int) (Schedule, error) {
	if steps < 2 || steps > maxSteps {
		return Schedule{}, fmt.Errorf("noise schedule: expected 2 to %d steps, found %d", maxSteps, steps)
	}
	s := Schedule{Left: make([]float64, steps+1)}
	s.Left[0] = 1
	for t := 1; t <= steps; t++ {
		var beta float64
		switch name {
		case Linear: // the ends are the paper's for 1,000 steps, and so many times larger for fewer
			many := 1000 / float64(steps)
			beta = min(many*(1e-4+(0.02-1e-4)*float64(t-1)/float64(steps-1)), 0.999)
		case Cosine:
			beta = min(1-cosine(t, steps)/cosine(t-1, steps), 0.999)
		default:
			return Schedule{}, fmt.Errorf("noise schedule: expected %s or %s, found %q", Linear, Cosine, name)
		}
		s.Left[t] = s.Left[t-1] * (1 - beta)
	}
	return s, nil
}

// cosine is f(t) of equation 17, with the paper's offset s = 0.008.
func cosine(t, steps int) float64 {
	const offset = 0.008
	c := math.Cos((float64(t)/float64(steps) + offset) / (1 + offset) * math.Pi / 2)
	return c * c
}

// Steps is T.
func (s Schedule) Steps() int { return len(s.Left) - 1 }

// Beta is the variance of the noise that step t adds, 1 <= t <= T: q(x_t | x_{t-1}) = N(sqrt(1-Beta) x_{t-1}, Beta I).
func (s Schedule) Beta(t int) float64 { return 1 - s.Left[t]/s.Left[t-1] }

// Posterior is what is known of x_{t-1} from x_t and x_0: q(x_{t-1} | x_t, x_0) = N(OfClean x_0 + OfNoised x_t, Variance I) (Ho et
// al. 2020, equations 6 and 7).
type Posterior struct{ OfClean, OfNoised, Variance float64 }

// Posterior is that of step t, 1 <= t <= T.
func (s Schedule) Posterior(t int) Posterior {
	beta, left, before := s.Beta(t), s.Left[t], s.Left[t-1]
	return Posterior{
		OfClean:  math.Sqrt(before) * beta / (1 - left),
		OfNoised: math.Sqrt(1-beta) * (1 - before) / (1 - left),
		Variance: (1 - before) / (1 - left) * beta,
	}
}

// Every are n of the steps T, ..., 1, evenly spread and falling, and 0 behind them: the way of a sampler that takes n steps (Song et al.
// 2021, section 4.2).
func (s Schedule) Every(n int) ([]int, error) {
	if n < 1 || n > s.Steps() {
		return nil, fmt.Errorf("expected 1 to %d sampling steps, found %d", s.Steps(), n)
	}
	way := make([]int, 0, n+1)
	for k := n; k >= 1; k-- {
		way = append(way, k*s.Steps()/n)
	}
	return append(way, 0), nil
}
