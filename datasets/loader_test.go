package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// drawn is an example with the first random number it was given, so that tests see the augmentation's seed too.
type drawn struct {
	Index int
	Draw  uint64
}

func drawUnless(bad func(index int) bool) func(context.Context, int, *rand.Rand) (drawn, error) {
	return func(_ context.Context, index int, rng *rand.Rand) (drawn, error) {
		if bad(index) {
			return drawn{}, fmt.Errorf("example %d is bad", index)
		}
		if index%3 == 0 {
			runtime.Gosched() // workers finish out of order
		}
		return drawn{index, rng.Uint64()}, nil
	}
}

func take(t interface{ Fatal(...any) }, l *Loader[drawn], count int) []Batch[drawn] {
	var batches []Batch[drawn]
	for range count {
		b, err := l.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return batches
		}
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	return batches
}

// TestBatchesDependOnSeedAlone is the loader's promise: any number of workers, any prefetch, bad examples or not,
// unbroken or restored at any place, the batches are the same.
func TestBatchesDependOnSeedAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		badOnes := rapid.SliceOfDistinct(rapid.IntRange(0, n-1), rapid.ID).Draw(t, "bad")
		good := n - len(badOnes)
		if good == 0 {
			t.Skip("every example bad: see TestAllBad")
		}
		cfg := LoaderConfig{
			BatchSize: rapid.IntRange(1, good).Draw(t, "batch"),
			Seed:      rapid.Uint64().Draw(t, "seed"),
			Shuffle:   rapid.Bool().Draw(t, "shuffle"),
			DropLast:  rapid.Bool().Draw(t, "dropLast"),
			Epochs:    rapid.IntRange(0, 3).Draw(t, "epochs"),
		}
		load := drawUnless(func(i int) bool { return slices.Contains(badOnes, i) })
		const count = 12
		open := func(workers, prefetch int) *Loader[drawn] {
			c := cfg
			c.Workers, c.Prefetch = workers, prefetch
			l, err := NewLoader(n, c, load)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}

		reference := open(1, 1)
		defer reference.Close()
		want := take(t, reference, count)
		checkEpochs(t, want, cfg, n, good)

		for _, workers := range []int{2, 7} {
			l := open(workers, rapid.IntRange(1, 5).Draw(t, "prefetch"))
			if diff := cmp.Diff(want, take(t, l, count)); diff != "" {
				t.Errorf("%d workers give other batches than 1 (-1 +%d):\n%s", workers, workers, diff)
			}
			l.Close()
		}

		stop := rapid.IntRange(0, len(want)).Draw(t, "stop")
		before := open(3, 2)
		take(t, before, stop)
		saved, err := json.Marshal(before.Position())
		if err != nil {
			t.Fatal(err)
		}
		before.Close()
		var pos Position
		if err := json.Unmarshal(saved, &pos); err != nil {
			t.Fatal(err)
		}
		after := open(2, 3)
		defer after.Close()
		take(t, after, rapid.IntRange(0, 3).Draw(t, "wasted")) // a loader that has run already is restored too
		if err := after.Restore(pos); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[stop:], take(t, after, count-stop), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("restored after %d batches at %s, the batches differ (-unbroken +restored):\n%s", stop, saved, diff)
		}
	})
}

// checkEpochs holds what every sequence of batches obeys: full batches but for an epoch's last, and each good
// example exactly once an epoch.
func checkEpochs(t *rapid.T, batches []Batch[drawn], cfg LoaderConfig, n, good int) {
	perEpoch := good / cfg.BatchSize
	if !cfg.DropLast && good%cfg.BatchSize > 0 {
		perEpoch++
	}
	if cfg.Epochs > 0 && len(batches) != min(12, cfg.Epochs*perEpoch) {
		t.Errorf("%d batches, want %d", len(batches), min(12, cfg.Epochs*perEpoch))
	}
	seen := map[[2]int]bool{}
	for i, b := range batches {
		if b.Epoch != i/perEpoch {
			t.Errorf("batch %d is of epoch %d, want %d", i, b.Epoch, i/perEpoch)
		}
		wantSize := cfg.BatchSize
		if i%perEpoch == perEpoch-1 && !cfg.DropLast && good%cfg.BatchSize > 0 {
			wantSize = good % cfg.BatchSize
		}
		if len(b.Items) != wantSize || len(b.Indices) != wantSize {
			t.Errorf("batch %d has %d items and %d indices, want %d", i, len(b.Items), len(b.Indices), wantSize)
		}
		for j, item := range b.Items {
			key := [2]int{b.Epoch, item.Index}
			if seen[key] || item.Index != b.Indices[j] || item.Index >= n {
				t.Errorf("batch %d: index %d twice in epoch %d, or %d beside it", i, item.Index, b.Epoch, b.Indices[j])
			}
			seen[key] = true
		}
	}
}

func TestOrderChangesWithEpochAndSeed(t *testing.T) {
	orders := map[string]string{}
	for _, seed := range []uint64{0, 1, 1 << 63} {
		l, err := NewLoader(50, LoaderConfig{BatchSize: 50, Seed: seed, Shuffle: true, Epochs: 2}, drawUnless(func(int) bool { return false }))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for _, b := range take(t, l, 2) {
			key, name := fmt.Sprint(b.Indices), fmt.Sprintf("seed %d, epoch %d", seed, b.Epoch)
			if other, twice := orders[key]; twice {
				t.Errorf("%s has the order of %s", name, other)
			}
			orders[key] = name
		}
	}
	// Recorded from this implementation: a saved position must mean the same order in every later version of Glimpse.
	l, err := NewLoader(10, LoaderConfig{BatchSize: 10, Seed: 42, Shuffle: true}, drawUnless(func(int) bool { return false }))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := fmt.Sprint(take(t, l, 1)[0].Indices)
	if want := "[6 0 4 8 2 3 9 1 7 5]"; got != want {
		t.Errorf("order of ten examples with seed 42 is %s, want %s", got, want)
	}
}

func TestBadAreNamedOnce(t *testing.T) {
	l, err := NewLoader(10, LoaderConfig{BatchSize: 4, Epochs: 3, Workers: 3}, func(_ context.Context, i int, _ *rand.Rand) (int, error) {
		switch i {
		case 2:
			return 0, errors.New("corrupt")
		case 7:
			panic("decoder out of its depth")
		}
		return i, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got [][]int
	for {
		b, err := l.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Epoch == 0 {
			got = append(got, b.Items)
		}
	}
	if diff := cmp.Diff([][]int{{0, 1, 3, 4}, {5, 6, 8, 9}}, got); diff != "" {
		t.Errorf("a batch is filled from the examples that follow (-want +got):\n%s", diff)
	}
	bad := l.Bad()
	if len(bad) != 2 || bad[0].Index != 2 || bad[1].Index != 7 || !strings.Contains(bad[1].Err.Error(), "out of its depth") {
		t.Errorf("bad examples are %v, want 2 and 7, once each", bad)
	}
	if s := l.Stats(); s.Bad != 2 || s.Batches != 6 || s.Examples != 24 {
		t.Errorf("stats are %+v, want 2 bad, 6 batches, 24 examples", s)
	}
}

func TestAllBad(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  LoaderConfig
		good int
		want string
	}{
		{"every one", LoaderConfig{BatchSize: 2}, 0, "none of the 5 examples could be loaded"},
		{"too few for a batch", LoaderConfig{BatchSize: 3, DropLast: true}, 2, "found 2 that could be loaded"},
	} {
		l, err := NewLoader(5, tc.cfg, drawUnless(func(i int) bool { return i >= tc.good }))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for range 2 { // the error stays
			if _, err := l.Next(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
			}
		}
	}
}

func TestInterruptedNextLosesNothing(t *testing.T) {
	release := make(chan struct{})
	l, err := NewLoader(6, LoaderConfig{BatchSize: 3, Workers: 1}, func(ctx context.Context, i int, _ *rand.Rand) (int, error) {
		if i == 1 {
			<-release
		}
		return i, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Next with an ended context gives %v, want its error", err)
	}
	close(release)
	b, err := l.Next(t.Context())
	if err != nil || !slices.Equal(b.Items, []int{0, 1, 2}) {
		t.Errorf("the next batch is %v (%v), want 0 1 2", b.Items, err)
	}
	if w := l.Waited(); w < 15*time.Millisecond {
		t.Errorf("waited %v, want at least the 20 ms of the first call", w)
	}
}

func TestPrefetchIsBounded(t *testing.T) {
	var started atomic.Int64
	cfg := LoaderConfig{BatchSize: 4, Workers: 2, Prefetch: 3}
	l, err := NewLoader(1000, cfg, func(context.Context, int, *rand.Rand) (int, error) {
		started.Add(1)
		return 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	// One batch was taken, three wait, and each goroutine may hold one more.
	if got, most := started.Load(), int64(4*cfg.BatchSize+cfg.Workers+1); got < int64(4*cfg.BatchSize) || got > most {
		t.Errorf("%d examples were loaded ahead, want %d to %d", got, 4*cfg.BatchSize, most)
	}
}

func TestCloseStopsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		l, err := NewLoader(100, LoaderConfig{BatchSize: 8, Workers: 4}, func(ctx context.Context, i int, _ *rand.Rand) (int, error) {
			if i == 20 {
				<-ctx.Done() // hangs until the loader is closed
			}
			return i, ctx.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		hanging := make(chan error)
		go func() {
			for {
				if _, err := l.Next(context.Background()); err != nil {
					hanging <- err
					return
				}
			}
		}()
		time.Sleep(time.Millisecond)
		l.Close()
		l.Close()
		if err := <-hanging; !errors.Is(err, errLoaderClosed) {
			t.Fatalf("a Next that waited ends with %v, want that the loader was closed", err)
		}
		if len(l.Bad()) > 0 {
			t.Fatalf("closing made examples bad: %v", l.Bad())
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines are left, %d were there before", runtime.NumGoroutine(), before)
}

func TestLoaderRefusals(t *testing.T) {
	load := drawUnless(func(int) bool { return false })
	for _, tc := range []struct {
		n    int
		cfg  LoaderConfig
		want string
	}{
		{0, LoaderConfig{BatchSize: 1}, "at least one example"},
		{3, LoaderConfig{}, "batch size of at least 1, found 0"},
		{3, LoaderConfig{BatchSize: 1, Workers: -1}, "found -1, 0 and 0"},
		{3, LoaderConfig{BatchSize: 4, DropLast: true}, "at most 3"},
	} {
		if _, err := NewLoader(tc.n, tc.cfg, load); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d examples, %+v: error %v, want %q", tc.n, tc.cfg, err, tc.want)
		}
	}
	l, err := NewLoader(3, LoaderConfig{BatchSize: 1, Seed: 5}, load)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, pos := range []Position{{Seed: 5, Examples: 4}, {Seed: 6, Examples: 3}, {Seed: 5, Examples: 3, Offset: 4}, {Seed: 5, Examples: 3, Epoch: -1}} {
		if err := l.Restore(pos); err == nil {
			t.Errorf("position %+v was accepted for 3 examples and seed 5", pos)
		}
	}
}

// A loader that goes on where another one was names the bad examples that the other has met, once.
func TestBadAreSavedWithThePosition(t *testing.T) {
	bad := func(index int) bool { return index%3 == 0 }
	fresh := func() *Loader[drawn] {
		l, err := NewLoader(12, LoaderConfig{BatchSize: 2, Seed: 5, Shuffle: true}, drawUnless(bad))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		return l
	}
	whole, first, second := fresh(), fresh(), fresh()
	take(t, whole, 8)
	take(t, first, 2)
	if n := len(first.Bad()); n == 0 || n == 4 {
		t.Fatalf("expected to stop between the bad examples, found %d of 4 met", n)
	}
	place, err := first.SavePosition()
	if err != nil {
		t.Fatal(err)
	}
	take(t, second, 1)
	if err := second.RestorePosition(place); err != nil {
		t.Fatal(err)
	}
	take(t, second, 6)
	if got, want := fmt.Sprint(second.Bad()), fmt.Sprint(whole.Bad()); got != want {
		t.Errorf("expected %s, found %s", want, got)
	}
}
