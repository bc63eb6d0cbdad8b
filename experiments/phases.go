package experiments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gomlx/gomlx/ml/model"
)

// A run is resumed by running its experiment again: what an experiment does between its trainings follows from its configuration, its
// seed and the weights, so it is done again. A training that was over leaves its weights at once, one that was stopped goes on where
// its newest checkpoint is, and what comes later starts as it would have.

// Saving says how often checkpoints are written, and how many of a training are kept while it goes on.
type Saving struct {
	Steps int           // between checkpoints; 0 for Every
	Every time.Duration // between checkpoints; 0 for a minute. Where writing is slow it is done less often: 2% of the time at most
	Keep  int           // newest checkpoints that are kept; 0 for 2
	Best  Best          // whose checkpoint is kept besides, also when the training is over; zero for none
}

// ErrStopped is the error of a run that was stopped and can be resumed.
var ErrStopped = errors.New("the run was stopped and can be resumed")

// stopped is [ErrStopped] with what stopped the run behind it.
type stopped struct{ cause error }

func (s *stopped) Error() string {
	if unsaved := (*unsavedError)(nil); errors.As(s.cause, &unsaved) {
		return fmt.Sprintf("%v, but what came after its last checkpoint is lost and comes again: %v", ErrStopped, unsaved)
	}
	return ErrStopped.Error()
}
func (s *stopped) Unwrap() []error { return []error{ErrStopped, s.cause} }

// unsavedError is why a training that was stopped could not write its checkpoint.
type unsavedError struct{ error }

func (u *unsavedError) Unwrap() error { return u.error }

// Train is [Train] as a part of a run: it writes checkpoints meanwhile and one at its end, and goes on from them when the run is resumed. Every
// training of an experiment has a name, and they come in the same order each time.
func (env *Env) Train(ctx context.Context, name string, store *model.Store, task Task, source Source, cfg TrainConfig, each func(Step) error) (Trained, error) {
	env.phase++
	cfg.Seed = env.Seed
	if env.Rehearsing() {
		return Trained{}, env.rehearse(ctx, name, store, task, source, cfg)
	}
	p := &phase{env: env, number: env.phase, name: name, store: store, saved: time.Now()}
	at, err := p.newest()
	if err != nil {
		return Trained{}, err
	}
	p.rememberBest(at)
	if at != nil && at.state.Done {
		return at.state.Trained, over(at, store, source)
	}
	if at != nil { // before the loop, which would draw a state for the random numbers
		if err := at.restore(store, nil); err != nil {
			return Trained{}, err
		}
	}
	l, err := newLoop(env.Backend, store, task, source, cfg, each)
	if err != nil {
		return Trained{}, err
	}
	defer l.close()
	if at != nil {
		if err := p.goOn(l, at); err != nil {
			return Trained{}, err
		}
	}
	l.save = func() error { return p.saveIfDue(l) }
	p.warnOfBest(l)
	if err := l.run(ctx); err != nil {
		return l.result, p.stop(ctx, l, err)
	}
	if err := l.end(); err != nil {
		return l.result, err
	}
	l.keeper = nil // its weights are in the store
	return l.result, p.save(l, true)
}

// over leaves store and source, which may have counted something on its way, as they were when the training of the checkpoint was over.
func over(at *checkpoint, store *model.Store, source Source) error {
	if r, ok := source.(Resumable); ok && at.state.Place != nil {
		if err := r.RestorePosition(at.state.Place); err != nil {
			return fmt.Errorf("%s: %w", at.path, err)
		}
	}
	return at.restore(store, nil)
}

// phase is a training of a run.
type phase struct {
	env    *Env
	number int
	name   string
	store  *model.Store
	saved  time.Time     // when the last checkpoint was written
	took   time.Duration // to write it
	step   int           // that it was written after
	best   bestSoFar
}

// goOn puts the source, early stopping and the count of steps where they were at the checkpoint.
func (p *phase) goOn(l *loop, at *checkpoint) error {
	source, ok := l.source.(Resumable)
	if !ok || at.state.Place == nil {
		return fmt.Errorf("the training %q cannot be resumed: expected data whose place can be saved, found %T", p.name, l.source)
	}
	if err := source.RestorePosition(at.state.Place); err != nil {
		return fmt.Errorf("%s: %w", at.path, err)
	}
	if err := at.restore(p.store, l.keeper); err != nil {
		return err
	}
	l.standing = at.standing()
	p.step = l.result.Last.Step
	p.env.Say("%s: goes on after step %d of %d", p.name, p.step, l.cfg.Steps)
	return nil
}

// saveIfDue writes a checkpoint when it is time for one, and when an evaluation did better than all before.
func (p *phase) saveIfDue(l *loop) error {
	if _, ok := l.source.(Resumable); !ok {
		return nil
	}
	if better, err := p.best.see(l.result.Last); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	} else if better {
		return p.save(l, false)
	}
	s := p.env.Saving
	if s.Steps > 0 && l.result.Last.Step%s.Steps != 0 {
		return nil
	}
	const share = 50 // of the time goes into training, one into writing
	if s.Steps == 0 && time.Since(p.saved) < max(cmp.Or(s.Every, time.Minute), share*p.took) {
		return nil
	}
	return p.save(l, false)
}

// save writes a checkpoint, and removes those that are kept no longer.
func (p *phase) save(l *loop, done bool) error {
	began := time.Now()
	written, err := p.env.Run.flushMetrics()
	if err != nil {
		return err
	}
	state := checkpointState{Phase: p.number, Name: p.name, Done: done, Trained: l.result, Counted: l.counted, Unseen: l.unseen, Place: l.place,
		Metrics: written, Spent: p.env.seconds()}
	state.Processor, state.Peak = p.env.Usage()
	if k := l.keeper; k != nil && k.step > 0 {
		state.Best = &keptState{k.best, k.step, k.waited}
	}
	if p.best.Metric != "" {
		state.KeepBest = &p.best
	}
	path := p.path(l.result.Last.Step, done)
	if err := writeCheckpoint(path, p.store, l.keeper, state); err != nil {
		return fmt.Errorf("cannot save the training: %w", err)
	}
	p.saved, p.took, p.step = time.Now(), time.Since(began), l.result.Last.Step
	keep := cmp.Or(p.env.Saving.Keep, 2)
	if done {
		keep = 0
	}
	return p.removeAllBut(keep)
}

// stop writes a checkpoint of a training that was stopped by ctx's end.
func (p *phase) stop(ctx context.Context, l *loop, cause error) error {
	if _, ok := l.source.(Resumable); !ok || !endedBy(ctx, cause) || l.result.Last.Step <= p.step {
		return cause
	}
	if err := p.save(l, false); err != nil {
		return errors.Join(cause, &unsavedError{err})
	}
	return cause
}

// endedBy says whether an error comes of ctx's end.
func endedBy(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err())
}

// path is that of a checkpoint: they sort by phase and step.
func (p *phase) path(step int, done bool) string {
	file := nameCheckpoint(p.number, p.name, step, done)
	file.Best = !done && step > 0 && step == p.best.Step
	return p.env.Run.Path(checkpointsDir, file.String())
}

// checkpointsDir is where a run keeps its checkpoints.
const checkpointsDir = "checkpoints"

// checkpoints are the paths of a run's checkpoints, the earliest first.
func (r *Run) checkpoints() []string {
	paths := r.filesIn(checkpointsDir, func(name string) bool { _, ok := ParseCheckpointName(name); return ok })
	slices.SortFunc(paths, func(a, b string) int { return checkpointAt(a).Compare(checkpointAt(b)) })
	return paths
}

// checkpointAt is what the name of one of a run's checkpoints says.
func checkpointAt(path string) CheckpointName {
	name, _ := ParseCheckpointName(filepath.Base(path))
	return name
}

// filesIn are the paths of the files in a folder of the run whose names are wanted, in their order. A folder that cannot be read has none.
func (r *Run) filesIn(folder string, wanted func(name string) bool) (paths []string) {
	entries, _ := os.ReadDir(r.Path(folder))
	for _, entry := range entries {
		if wanted(entry.Name()) {
			paths = append(paths, r.Path(folder, entry.Name()))
		}
	}
	return paths
}

// steps are the paths of the checkpoints of the training under way, the newest first.
func (p *phase) steps() (paths []string) {
	for _, path := range slices.Backward(p.env.Run.checkpoints()) {
		if name := checkpointAt(path); name.Training == p.number && !name.Done {
			paths = append(paths, path)
		}
	}
	return paths
}

// removeAllBut removes the checkpoints of the training under way but the newest, and the newest of those that did best when they were written.
func (p *phase) removeAllBut(keep int) error {
	best := false
	for i, path := range p.steps() {
		if first := checkpointAt(path).Best && !best; first || i < keep {
			best = best || first
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("cannot remove an old checkpoint: %w", err)
		}
	}
	return nil
}

// newest is the checkpoint from which a resumed run's training goes on: the one at its end, or the newest that is whole; nil when there
// is none. One that is damaged is left out, and said. What was written after it, metrics and checkpoints, is forgotten: it comes again.
func (p *phase) newest() (*checkpoint, error) {
	if !p.env.resumed {
		return nil, nil
	}
	for _, path := range append([]string{p.path(0, true)}, p.steps()...) {
		c, err := readCheckpoint(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case errors.Is(err, errNewer):
			return nil, err
		case err != nil:
			p.env.Say("%v; an earlier one is taken", err)
			continue
		case c.state.Name != p.name:
			return nil, fmt.Errorf("%s: expected a checkpoint of the training %q, found one of %q; the experiment has changed since", path, p.name, c.state.Name)
		}
		p.env.measured, p.env.spent = c.state.Metrics, c.state.Spent
		p.env.used, p.env.peak = c.state.Processor, c.state.Peak
		if c.state.Done {
			return c, p.removeAllBut(0)
		}
		return c, p.forgetAfter(c)
	}
	return nil, p.forgetAfter(nil)
}

// forgetAfter makes the run what it was when c was written; without c, when the training before this one was over.
func (p *phase) forgetAfter(c *checkpoint) error {
	p.env.resumed = false // what comes from here on is new
	for _, path := range p.env.Run.checkpoints() {
		name := checkpointAt(path)
		if name.Training < p.number || c != nil && name.Compare(checkpointAt(c.path)) <= 0 {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("cannot remove a checkpoint that comes again: %w", err)
		}
	}
	return p.env.Run.cutMetrics(p.env.measured)
}
