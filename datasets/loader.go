package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// LoaderConfig says how a [Loader] makes batches. Only BatchSize must be set.
type LoaderConfig struct {
	BatchSize int    // examples in a batch, at least 1
	Workers   int    // examples loaded at once; 0 means one for each core
	Prefetch  int    // batches prepared ahead of Next; 0 means 2
	Seed      uint64 // decides the order and every example's random numbers
	Shuffle   bool   // a new order each epoch; otherwise 0, 1, 2, ... every time
	DropLast  bool   // leave out the last batch of an epoch when it is smaller than BatchSize
	Epochs    int    // io.EOF after so many epochs; 0 means endless
}

// Batch is what one call of Next yields.
type Batch[T any] struct {
	Items   []T
	Indices []int // of the items in the data set
	Epoch   int   // from 0
}

// Position is a place in the endless sequence of batches. It is saved with a checkpoint (as JSON) and given to
// Restore, after which the loader yields exactly the batches it would have yielded.
type Position struct {
	Seed     uint64 `json:"seed"`
	Examples int    `json:"examples"` // size of the data set; another size would mean another order
	Epoch    int    `json:"epoch"`
	Offset   int    `json:"offset"` // examples of the epoch's order that lie behind, bad ones included
}

// BadExample is an example that could not be loaded.
type BadExample struct {
	Index int
	Err   error
}

// LoaderStats says how well the loader keeps up with its reader.
type LoaderStats struct {
	Batches  int
	Examples int           // in those batches
	Bad      int           // distinct examples that could not be loaded
	Waited   time.Duration // time that Next spent waiting for examples
	Loading  time.Duration // time spent loading, summed over the workers
}

// Loader loads examples in parallel and yields them in batches, in an order that depends on seed and epoch alone:
// not on the number of workers, the prefetch, or who finished first.
//
// Bad examples: one that fails to load is left out and the batch is filled with the examples that follow in
// the epoch's order, so every batch but an epoch's last is full; Bad names each such example once. It is tried
// again in every epoch, so that a restored loader goes on as an unbroken one would.
//
// Next is for one goroutine; the other methods may be called from any.
type Loader[T any] struct {
	n    int
	cfg  LoaderConfig
	load func(ctx context.Context, index int, rng *rand.Rand) (T, error)

	mu       sync.Mutex // guards what follows
	pos      Position   // after the last batch that was yielded
	pipeline *pipeline[T]
	partial  partial[T]
	bad      []BadExample
	isBad    map[int]bool
	stats    LoaderStats
	failed   error // a state that no further Next can mend
	loading  atomic.Int64

	open   context.Context // ends with Close, so that a Next that waits returns
	closed context.CancelFunc
}

// partial is the batch in the making, kept when Next is interrupted.
type partial[T any] struct {
	items   []T
	indices []int
	whole   bool // this epoch was read from its first example on
	yielded int  // batches of this epoch so far
	lastErr error
}

// NewLoader makes a loader over the examples 0..n-1. load prepares one example; it is called from several
// goroutines, with random numbers that depend only on seed, epoch and index, so that augmentation can be
// repeated. An error or a panic of load makes the example bad; it does not stop the loader.
func NewLoader[T any](n int, cfg LoaderConfig, load func(ctx context.Context, index int, rng *rand.Rand) (T, error)) (*Loader[T], error) {
	switch {
	case n < 1:
		return nil, fmt.Errorf("expected a data set of at least one example to load from, found %d", n)
	case cfg.BatchSize < 1:
		return nil, fmt.Errorf("expected a batch size of at least 1, found %d", cfg.BatchSize)
	case cfg.Workers < 0 || cfg.Prefetch < 0 || cfg.Epochs < 0:
		return nil, fmt.Errorf("expected workers, prefetch and epochs of 0 or more, found %d, %d and %d", cfg.Workers, cfg.Prefetch, cfg.Epochs)
	case cfg.DropLast && cfg.BatchSize > n:
		return nil, fmt.Errorf("expected a batch size of at most %d, the number of examples, when the last small batch is dropped, found %d", n, cfg.BatchSize)
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Prefetch == 0 {
		cfg.Prefetch = 2
	}
	l := &Loader[T]{n: n, cfg: cfg, load: load, isBad: map[int]bool{}}
	l.pos = Position{Seed: cfg.Seed, Examples: n}
	l.open, l.closed = context.WithCancel(context.Background())
	return l, nil
}

// Next yields the next batch, io.EOF after the last of cfg.Epochs, or an error when a whole epoch gave no batch
// because its examples are bad. When ctx ends it returns ctx's error, and a later Next goes on without a gap.
func (l *Loader[T]) Next(ctx context.Context) (Batch[T], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return Batch[T]{}, l.failed
	}
	if l.pipeline == nil {
		l.pipeline = l.start(l.pos)
		l.partial = partial[T]{whole: l.pos.Offset == 0}
	}
	for {
		slot, err := l.wait(ctx)
		if err != nil {
			return Batch[T]{}, err
		}
		if slot == nil {
			return Batch[T]{}, io.EOF
		}
		p := &l.partial
		if slot.end {
			batch, ok, err := l.endEpoch(slot)
			if ok || err != nil {
				return batch, err
			}
			continue
		}
		if slot.err != nil {
			p.lastErr = slot.err
			if !l.isBad[slot.index] {
				l.isBad[slot.index] = true
				l.bad = append(l.bad, BadExample{slot.index, slot.err})
			}
			continue
		}
		p.items, p.indices = append(p.items, slot.item), append(p.indices, slot.index)
		if len(p.items) == l.cfg.BatchSize {
			return l.yield(slot.epoch, slot.offset+1), nil
		}
	}
}

// yield hands over the batch in the making; pos is where the next one begins.
func (l *Loader[T]) yield(epoch, offset int) Batch[T] {
	batch := Batch[T]{Items: l.partial.items, Indices: l.partial.indices, Epoch: epoch}
	l.partial.items, l.partial.indices = nil, nil
	l.partial.yielded++
	l.pos.Epoch, l.pos.Offset = epoch, offset
	l.stats.Batches++
	l.stats.Examples += len(batch.Items)
	return batch
}

// endEpoch closes an epoch: with its last small batch, with nothing, or with an error when a whole epoch gave no
// batch at all, which would otherwise go on for ever.
func (l *Loader[T]) endEpoch(slot *slot[T]) (batch Batch[T], ok bool, err error) {
	p := &l.partial
	good := len(p.items)
	if good > 0 && !l.cfg.DropLast {
		batch, ok = l.yield(slot.epoch, l.n), true
	}
	switch {
	case p.whole && p.yielded == 0 && good == 0:
		err = fmt.Errorf("none of the %d examples could be loaded; the last failed with: %w", l.n, p.lastErr)
	case p.whole && p.yielded == 0:
		err = fmt.Errorf("expected at least one batch of %d from %d examples, found %d that could be loaded; the last bad one failed with: %w",
			l.cfg.BatchSize, l.n, good, p.lastErr)
	}
	l.failed = err
	l.partial = partial[T]{whole: true}
	return batch, ok, err
}

// wait is the next example in order, nil after the last.
func (l *Loader[T]) wait(ctx context.Context) (*slot[T], error) {
	began := time.Now()
	defer func() { l.stats.Waited += time.Since(began) }()
	p := l.pipeline
	if p.current == nil {
		select {
		case s, more := <-p.order:
			if !more {
				return nil, nil
			}
			p.current = s
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.open.Done():
			return nil, errLoaderClosed
		}
	}
	select {
	case <-p.current.done:
	case <-ctx.Done():
		return nil, ctx.Err() // current stays, for the Next that goes on
	case <-l.open.Done():
		return nil, errLoaderClosed
	}
	s := p.current
	p.current = nil
	return s, nil
}

// Position is where the next batch begins.
func (l *Loader[T]) Position() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pos
}

// Restore moves to a position that Position gave, in this process or in another, for the same data set and
// seed. Bad examples counted so far stay counted.
func (l *Loader[T]) Restore(pos Position) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.failed, errLoaderClosed) {
		return l.failed
	}
	if pos.Seed != l.cfg.Seed || pos.Examples != l.n {
		return fmt.Errorf("expected a position for %d examples and seed %d, found one for %d examples and seed %d; go on with the data and the seed it was saved with",
			l.n, l.cfg.Seed, pos.Examples, pos.Seed)
	}
	if pos.Epoch < 0 || pos.Offset < 0 || pos.Offset > l.n {
		return fmt.Errorf("expected a position within %d examples, found epoch %d, offset %d", l.n, pos.Epoch, pos.Offset)
	}
	l.stop()
	l.pos, l.failed = pos, nil
	return nil
}

// savedPosition is a position and the bad examples that were met on the way to it.
type savedPosition struct {
	Position
	Bad []savedBad `json:"bad,omitempty"`
}

type savedBad struct {
	Index int    `json:"index"`
	Error string `json:"error"`
}

// SavePosition is [Loader.Position] as JSON, with the bad examples so far; RestorePosition goes back there.
func (l *Loader[T]) SavePosition() (json.RawMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := savedPosition{Position: l.pos}
	for _, b := range l.bad {
		at.Bad = append(at.Bad, savedBad{b.Index, b.Err.Error()})
	}
	return json.Marshal(at)
}

// RestorePosition is [Loader.Restore] of what SavePosition gave. The bad examples are those of then.
func (l *Loader[T]) RestorePosition(position json.RawMessage) error {
	var at savedPosition
	if err := json.Unmarshal(position, &at); err != nil {
		return fmt.Errorf("expected a loader's position as JSON, found %q", position)
	}
	if err := l.Restore(at.Position); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad, l.isBad = nil, map[int]bool{}
	for _, b := range at.Bad {
		l.bad, l.isBad[b.Index] = append(l.bad, BadExample{b.Index, errors.New(b.Error)}), true
	}
	return nil
}

// Bad lists the examples that could not be loaded so far, each once, in the order in which they were met.
func (l *Loader[T]) Bad() []BadExample {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]BadExample(nil), l.bad...)
}

// Waited is the time that Next has spent waiting for examples: what the loader costs a training step.
func (l *Loader[T]) Waited() time.Duration { return l.Stats().Waited }

// Stats counts since the loader was made.
func (l *Loader[T]) Stats() LoaderStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Bad = len(l.bad)
	s.Loading = time.Duration(l.loading.Load())
	return s
}

var errLoaderClosed = errors.New("the loader was closed; make a new one to read on")

// Close stops the workers and waits for them: for the example that each is loading, unless load heeds its
// context. It may be called twice.
func (l *Loader[T]) Close() {
	l.closed()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
	l.failed = errLoaderClosed
}

func (l *Loader[T]) stop() {
	if l.pipeline != nil {
		l.pipeline.cancel()
		l.pipeline.wg.Wait()
		l.pipeline = nil
	}
}
