package datasets

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync"
	"time"
)

// pipeline is the running half of a loader: one goroutine that lists what to load, and the workers.
type pipeline[T any] struct {
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	order   chan *slot[T] // in the order of the batches; its capacity bounds what is prepared ahead
	current *slot[T]      // taken from order, not yet awaited to its end
}

// slot is the place of one example in the order. done is closed when item or err is set.
type slot[T any] struct {
	epoch, offset, index int
	end                  bool // no example but the end of the epoch
	item                 T
	err                  error
	done                 chan struct{}
}

func (l *Loader[T]) start(from Position) *pipeline[T] {
	ctx, cancel := context.WithCancel(l.open)
	p := &pipeline[T]{cancel: cancel, order: make(chan *slot[T], l.cfg.BatchSize*l.cfg.Prefetch)}
	work := make(chan *slot[T])
	p.wg.Go(func() {
		defer close(p.order)
		defer close(work)
		l.list(ctx, from, p.order, work)
	})
	for range l.cfg.Workers {
		p.wg.Go(func() {
			for s := range work {
				began := time.Now()
				s.item, s.err = l.loadOne(ctx, s)
				l.loading.Add(int64(time.Since(began)))
				close(s.done)
			}
		})
	}
	return p
}

// list sends every place of the order to the reader and to the workers.
func (l *Loader[T]) list(ctx context.Context, from Position, order, work chan<- *slot[T]) {
	send := func(to chan<- *slot[T], s *slot[T]) bool {
		select {
		case to <- s:
			return true
		case <-ctx.Done():
			return false
		}
	}
	offset := from.Offset
	for epoch := from.Epoch; l.cfg.Epochs == 0 || epoch < l.cfg.Epochs; epoch++ {
		indices := l.epochOrder(epoch)
		for ; offset < l.n; offset++ {
			s := &slot[T]{epoch: epoch, offset: offset, index: indices[offset], done: make(chan struct{})}
			if !send(order, s) || !send(work, s) {
				return
			}
		}
		end := &slot[T]{epoch: epoch, end: true, done: make(chan struct{})}
		close(end.done)
		if !send(order, end) {
			return
		}
		offset = 0
	}
}

func (l *Loader[T]) loadOne(ctx context.Context, s *slot[T]) (item T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("loading example %d panicked: %v", s.index, p)
		}
	}()
	const stream = 2
	return l.load(ctx, s.index, newRand(l.cfg.Seed, stream, uint64(s.epoch), uint64(s.index)))
}

// epochOrder is a Fisher-Yates shuffle, written out because the standard library promises the numbers of PCG but
// not what its Shuffle makes of them.
func (l *Loader[T]) epochOrder(epoch int) []int {
	order := make([]int, l.n)
	for i := range order {
		order[i] = i
	}
	if !l.cfg.Shuffle {
		return order
	}
	const stream = 1
	source := newPCG(l.cfg.Seed, stream, uint64(epoch), 0)
	for i := l.n - 1; i > 0; i-- {
		j, _ := bits.Mul64(source.Uint64(), uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

func newRand(seed, stream, epoch, index uint64) *rand.Rand {
	return rand.New(newPCG(seed, stream, epoch, index))
}

// newPCG mixes its four numbers well, because PCGs with neighbouring seeds begin alike.
func newPCG(seed, stream, epoch, index uint64) *rand.PCG {
	h := mix(mix(mix(mix(seed)^stream)^epoch) ^ index)
	return rand.NewPCG(h, mix(h^0x9e3779b97f4a7c15))
}

// mix is the output function of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
