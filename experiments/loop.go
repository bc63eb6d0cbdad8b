package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// ErrDiverged is part of the error of a training whose loss, or another of its numbers, is none any more.
var ErrDiverged = errors.New("training diverged")

// loop is a training under way. What a checkpoint holds of it, beside the store and the keeper, is its standing.
type loop struct {
	store  *model.Store
	task   Task
	source Source
	cfg    TrainConfig
	each   func(Step) error
	save   func() error // after a step whose state may be kept; nil for never

	trainer trainer
	keeper  *keeper // early stopping; nil without
	standing

	began  time.Time // of this process's training
	begun  time.Time // the end of its first step, which compiles
	waited time.Duration
}

// standing is how far a training is.
type standing struct {
	result Trained // its Last.Step is how many steps are done

	// unseen is whether the evaluation that belongs to the last step is still to be done: it was interrupted.
	unseen bool
	// place is where the source stood before the batch of the next step; nil where the source cannot say.
	place json.RawMessage

	earlier Trained // of the processes before this one
	counted int     // steps whose time counts: all but the first of every process
}

func newLoop(b *backend.Backend, store *model.Store, task Task, source Source, cfg TrainConfig, each func(Step) error) (*loop, error) {
	trainer, err := newTrainer(b, store, task, cfg)
	if err != nil {
		return nil, err
	}
	keeper, err := newKeeper(task, cfg)
	if err != nil {
		trainer.close()
		return nil, err
	}
	return &loop{store: store, task: task, source: source, cfg: cfg, each: each, trainer: trainer, keeper: keeper}, nil
}

func (l *loop) close() { l.trainer.close() }

// run takes the steps that are left. After an error the loop is as it was behind its last whole step, the source aside, whose place
// is known; a checkpoint of it can be written.
func (l *loop) run(ctx context.Context) error {
	l.began = time.Now()
	if l.unseen {
		if err := l.see(ctx); err != nil {
			return err
		}
	}
	if err := l.remember(); err != nil {
		return err
	}
	if err := l.saved(); err != nil { // what was seen just now may be the best so far
		return err
	}
	for first := true; l.result.Last.Step < l.cfg.Steps && !l.givenUp(); first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.step(ctx, first); err != nil {
			return err
		}
		if err := l.remember(); err != nil {
			return err
		}
		if err := l.see(ctx); err != nil {
			return err
		}
		if err := l.saved(); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) saved() error {
	if l.save == nil {
		return nil
	}
	return l.save()
}

// end leaves what training was for in the store: with early stopping, the weights that did best.
func (l *loop) end() error {
	if l.keeper == nil {
		return nil
	}
	l.result.Kept = l.keeper.step
	return l.keeper.restore(l.store)
}

func (l *loop) givenUp() bool { return l.keeper != nil && l.keeper.givesUp() }

// remember notes where the source is.
func (l *loop) remember() (err error) {
	if r, ok := l.source.(Resumable); ok {
		l.place, err = r.SavePosition()
	}
	return err
}

// step takes one step, and sums up the time so far.
func (l *loop) step(ctx context.Context, first bool) error {
	batch, err := l.source.Next(ctx)
	if err != nil {
		return err
	}
	step := l.result.Last.Step + 1
	loss, scalars, err := runStep(l.trainer, batch, step, l.cfg)
	if err != nil {
		return err
	}
	addMeasures(l.source, scalars)
	if name, v := firstBroken(loss, scalars); name != "" {
		return fmt.Errorf("the %s is %v at step %d: %w; a lower optimizer.lr or a smaller "+
			"optimizer.clip_norm usually helps", name, v, step, ErrDiverged)
	}
	l.count(first)
	l.result.Last = Step{Step: step, Epoch: l.source.Epoch(), Loss: loss, Scalars: scalars,
		Seconds: l.earlier.Last.Seconds + time.Since(l.began).Seconds(), Waiting: l.result.Waiting}
	l.unseen = true
	return nil
}

// count adds a step's time to the sums. The first step of a process compiles: counting begins at its end.
func (l *loop) count(first bool) {
	if first {
		l.begun, l.waited = time.Now(), l.source.Waited()
		l.result.Compile = l.earlier.Compile + time.Since(l.began).Seconds()
		return
	}
	l.counted++
	evaluated := l.result.Evaluating - l.earlier.Evaluating
	l.result.Seconds = l.earlier.Seconds + time.Since(l.begun).Seconds() - evaluated
	l.result.StepSeconds = l.result.Seconds / float64(l.counted)
	waiting := l.earlier.Waiting*l.earlier.Seconds + (l.source.Waited() - l.waited).Seconds()
	l.result.Waiting = waiting / max(l.result.Seconds, 1e-9)
}

// see evaluates the model if it is time to, and hands the step on.
func (l *loop) see(ctx context.Context) error {
	s := &l.result.Last
	if l.task.Evaluate != nil && l.cfg.evaluates(s.Step) {
		evaluating := time.Now()
		if err := l.evaluate(ctx, s); err != nil {
			return err
		}
		l.result.Evaluating += time.Since(evaluating).Seconds()
	}
	l.unseen = false
	return l.each(*s)
}

// evaluate measures the model, or the average of it, and adds what it finds to the step.
func (l *loop) evaluate(ctx context.Context, s *Step) error {
	if err := swapAverage(l.store); err != nil {
		return err
	}
	found, err := l.task.Evaluate(ctx)
	if err == nil && l.keeper != nil {
		err = l.keeper.see(l.store, s.Step, found)
	} else if err != nil {
		err = fmt.Errorf("cannot evaluate after step %d: %w", s.Step, err)
	}
	if back := swapAverage(l.store); err == nil {
		err = back
	}
	if err != nil {
		return err
	}
	maps.Copy(s.Scalars, found)
	s.Evaluated = true
	return nil
}

// firstBroken is the first of a step's numbers that is none.
func firstBroken(loss float64, scalars map[string]float64) (string, float64) {
	broken := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
	if broken(loss) {
		return "loss", loss
	}
	for _, name := range slices.Sorted(maps.Keys(scalars)) {
		if broken(scalars[name]) {
			return name, scalars[name]
		}
	}
	return "", 0
}
