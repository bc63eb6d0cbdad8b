package experiments

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/spelling"
)

// Best names one of the figures that [Task.Evaluate] finds: the checkpoint of the evaluation that did best by it stays. The zero value names
// none.
type Best struct {
	Metric   string `json:"metric"`
	Smallest bool   `json:"smallest,omitempty"` // smaller is better
}

// bestSoFar is the best evaluation of a training so far.
type bestSoFar struct {
	Best
	Value float64 `json:"value"`
	Step  int     `json:"step"` // after which it was found; 0 while nothing was
}

// see looks at a step, and says whether it was evaluated and did better than all before. It may be shown a step twice.
func (b *bestSoFar) see(s Step) (better bool, err error) {
	if b.Metric == "" || !s.Evaluated || s.Step <= b.Step {
		return false, nil
	}
	value, ok := s.Scalars[b.Metric]
	if !ok {
		names := slices.Sorted(maps.Keys(s.Scalars))
		return false, fmt.Errorf("keep best: expected one of the figures of an evaluation, %s, found %q; did you mean %q?",
			strings.Join(names, ", "), b.Metric, spelling.Nearest(b.Metric, names))
	}
	if b.Step > 0 && !(b.Smallest && value < b.Value || !b.Smallest && value > b.Value) {
		return false, nil
	}
	b.Value, b.Step = value, s.Step
	return true, nil
}

// rememberBest goes on keeping what the checkpoint says that the run kept, unless the run is asked for something else now.
func (p *phase) rememberBest(at *checkpoint) {
	saving := &p.env.Saving
	if at != nil && at.state.KeepBest != nil {
		if saving.Best.Metric == "" {
			saving.Best = at.state.KeepBest.Best
		}
		if saving.Best == at.state.KeepBest.Best {
			p.best = *at.state.KeepBest
		}
	}
	p.best.Best = saving.Best
}

// warnOfBest says so where there will be nothing to keep.
func (p *phase) warnOfBest(l *loop) {
	if _, ok := l.source.(Resumable); p.best.Metric != "" && (l.task.Evaluate == nil || l.cfg.EvalEvery == 0 || !ok) {
		p.env.Say("%s: is not measured on the way (eval_every), so no checkpoint of it is kept for its %s", p.name, p.best.Metric)
	}
}
