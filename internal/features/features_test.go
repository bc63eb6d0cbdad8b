package features_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/features"
)

var key = features.Key{Data: "pictures", Encoder: "network", Preparation: "as they are"}

type emit = func(i int, values []float32) error

// rows computes n rows of width numbers that float16 holds exactly, row by row, and counts how often it is asked to.
func rows(calls *atomic.Int32, n, width int) func(ctx context.Context, e emit) error {
	return func(_ context.Context, e emit) error {
		calls.Add(1)
		for i := range n {
			if err := e(i, row(i, width)); err != nil {
				return err
			}
		}
		return nil
	}
}

func row(i, width int) []float32 {
	values := make([]float32, width)
	for j := range values {
		values[j] = float32(i) - float32(j)/4
	}
	return values
}

func check(t *testing.T, m *features.Matrix, n, width int) {
	t.Helper()
	if m.Rows() != n || m.Width() != width {
		t.Fatalf("expected %d rows of %d numbers, found %d of %d", n, width, m.Rows(), m.Width())
	}
	for i := range n {
		if got := m.Row(i); !slices.Equal(got, row(i, width)) {
			t.Fatalf("row %d: expected %v, found %v", i, row(i, width), got)
		}
	}
}

// visible lists what is in the folder but for locks.
func visible(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestComputedOnce(t *testing.T) {
	var calls atomic.Int32
	c := features.Cache{Dir: filepath.Join(t.TempDir(), "made", "when needed")}
	for range 3 {
		m, err := c.Get(t.Context(), key, 5, []int{2, 3}, rows(&calls, 5, 6))
		if err != nil {
			t.Fatal(err)
		}
		check(t, m, 5, 6)
		if !slices.Equal(m.Shape(), []int{2, 3}) {
			t.Errorf("expected the shape [2 3], found %v", m.Shape())
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("expected one computation, found %d", calls.Load())
	}
	if names := visible(t, c.Dir); len(names) != 1 {
		t.Errorf("expected one file, found %q", names)
	}
}

// TestKeys checks that whatever changes the numbers changes the file.
func TestKeys(t *testing.T) {
	c := features.Cache{Dir: t.TempDir()}
	paths := map[string]string{}
	get := func(what string, k features.Key, n int, shape ...int) {
		var calls atomic.Int32
		width := 1
		for _, d := range shape {
			width *= d
		}
		m, err := c.Get(t.Context(), k, n, shape, rows(&calls, n, width))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if other, ok := paths[m.Path()]; ok || calls.Load() != 1 {
			t.Errorf("expected a file of its own for %s, found that of %s", what, other)
		}
		paths[m.Path()] = what
	}
	get("the first", key, 4, 6)
	get("other data", features.Key{Data: "others", Encoder: key.Encoder, Preparation: key.Preparation}, 4, 6)
	get("another encoder", features.Key{Data: key.Data, Encoder: "another", Preparation: key.Preparation}, 4, 6)
	get("another preparation", features.Key{Data: key.Data, Encoder: key.Encoder, Preparation: "cropped"}, 4, 6)
	get("text that moved", features.Key{Data: "picture", Encoder: "snetwork", Preparation: key.Preparation}, 4, 6)
	get("more rows", key, 5, 6)
	get("another shape", key, 4, 3, 2)
	get("no rows", key, 0, 6)
}

// TestDamage flips and cuts: every byte of the file matters, and damage is said and mended.
func TestDamage(t *testing.T) {
	const n, width = 3, 50
	var calls atomic.Int32
	var said []string
	c := features.Cache{Dir: t.TempDir(), Message: func(s string) { said = append(said, s) }}
	m, err := c.Get(t.Context(), key, n, []int{width}, rows(&calls, n, width))
	if err != nil {
		t.Fatal(err)
	}
	path := m.Path()
	m.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		damaged := bytes.Clone(whole)
		switch rapid.SampledFrom([]string{"flip", "cut", "lengthen", "zero"}).Draw(r, "damage") {
		case "flip":
			damaged[rapid.IntRange(0, len(whole)-1).Draw(r, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		case "cut":
			damaged = damaged[:rapid.IntRange(0, len(whole)-1).Draw(r, "length")]
		case "lengthen":
			damaged = append(damaged, 0)
		case "zero":
			clear(damaged[rapid.IntRange(0, len(whole)-64).Draw(r, "from"):])
		}
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			r.Fatal(err)
		}
		said, before := said[:0], calls.Load()
		c.Message = func(s string) { said = append(said, s) }
		m, err := c.Get(t.Context(), key, n, []int{width}, rows(&calls, n, width))
		if err != nil {
			r.Fatal(err)
		}
		check(t, m, n, width)
		m.Close()
		if calls.Load() != before+1 || len(said) != 1 || !strings.Contains(said[0], path) || !strings.Contains(said[0], "expected") {
			r.Fatalf("expected a new computation and one sentence that names %s, found %d and %q", path, calls.Load()-before, said)
		}
	})
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("expected the same bytes again, found others (%v)", err)
	}
}

// TestNothingHalfWritten lets computations fail in every way and looks at what is left.
func TestNothingHalfWritten(t *testing.T) {
	failure := errors.New("the encoder is on fire")
	for want, compute := range map[string]func(ctx context.Context, e emit) error{
		"the encoder is on fire": func(_ context.Context, e emit) error { return errors.Join(e(0, row(0, 4)), failure) },
		"none for number 1":      func(_ context.Context, e emit) error { return e(0, row(0, 4)) },
		"found row 0 again":      func(_ context.Context, e emit) error { return errors.Join(e(0, row(0, 4)), e(0, row(0, 4))) },
		"found row 2 of 4":       func(_ context.Context, e emit) error { return e(2, row(0, 4)) },
		"found row 1 of 3":       func(_ context.Context, e emit) error { return e(1, row(0, 3)) },
		"found 65520 at":         func(_ context.Context, e emit) error { return e(1, []float32{0, 65520, 0, 0}) },
		"found NaN at":           func(_ context.Context, e emit) error { return e(1, []float32{0, 0, nan(), 0}) },
	} {
		c := features.Cache{Dir: t.TempDir()}
		_, err := c.Get(t.Context(), key, 2, []int{4}, compute)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found: %v", want, err)
		}
		if names := visible(t, c.Dir); len(names) > 0 {
			t.Errorf("%s: expected an empty folder, found %q", want, names)
		}
	}
}

func nan() float32 {
	zero := float32(0)
	return zero / zero
}

func TestInterrupted(t *testing.T) {
	c := features.Cache{Dir: t.TempDir()}
	ctx, stop := context.WithCancel(t.Context())
	_, err := c.Get(ctx, key, 1000, []int{4}, func(_ context.Context, e emit) error {
		for i := range 1000 {
			if i == 10 {
				stop()
			}
			if err := e(i, row(i, 4)); err != nil {
				if i != 10 {
					t.Errorf("expected emit to refuse right after the end, found so at row %d", i)
				}
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("expected context.Canceled, found: %v", err)
	}
	// A computation that does not look at the errors of emit is not believed either.
	_, err = c.Get(ctx, key, 1, []int{4}, func(_ context.Context, e emit) error { _ = e(0, row(0, 4)); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("expected context.Canceled, found: %v", err)
	}
	if names := visible(t, c.Dir); len(names) > 0 {
		t.Errorf("expected an empty folder, found %q", names)
	}
}

// TestLeftovers checks that what a killed process left is cleared away.
func TestLeftovers(t *testing.T) {
	var calls atomic.Int32
	c := features.Cache{Dir: t.TempDir()}
	m, err := c.Get(t.Context(), key, 1, []int{4}, rows(&calls, 1, 4))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	leftover := filepath.Join(c.Dir, "."+filepath.Base(m.Path())+".123.part")
	for _, err := range []error{os.Remove(m.Path()), os.WriteFile(leftover, []byte("half"), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	again, err := c.Get(t.Context(), key, 1, []int{4}, rows(&calls, 1, 4))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if names := visible(t, c.Dir); len(names) != 1 || names[0] != filepath.Base(m.Path()) {
		t.Errorf("expected the features alone, found %q", names)
	}
	check(t, m, 1, 4) // a file that is open stays readable when its name is gone
}

// TestTogether has many ask for the same at once: one computes, the others wait and read.
func TestTogether(t *testing.T) {
	var calls atomic.Int32
	c := features.Cache{Dir: t.TempDir()}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			m, err := c.Get(t.Context(), key, 20, []int{8}, func(ctx context.Context, e emit) error {
				time.Sleep(20 * time.Millisecond)
				return rows(&calls, 20, 8)(ctx, e)
			})
			if err != nil {
				t.Error(err)
				return
			}
			defer m.Close()
			check(t, m, 20, 8)
		})
	}
	wg.Wait()
	if calls.Load() != 1 {
		t.Errorf("expected one computation, found %d", calls.Load())
	}
}

// TestWaitingCanBeStopped has one computation hold the lock while another waits for it.
func TestWaitingCanBeStopped(t *testing.T) {
	var calls atomic.Int32
	c := features.Cache{Dir: t.TempDir()}
	_, err := c.Get(t.Context(), key, 1, []int{4}, func(ctx context.Context, e emit) error {
		short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		defer stop()
		if _, err := c.Get(short, key, 1, []int{4}, rows(&calls, 1, 4)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("expected context.DeadlineExceeded, found: %v", err)
		}
		return rows(&calls, 1, 4)(ctx, e)
	})
	if err != nil || calls.Load() != 1 {
		t.Errorf("expected one computation, found %d (%v)", calls.Load(), err)
	}
}

// TestManyWriters emits from several goroutines in an order of their own.
func TestManyWriters(t *testing.T) {
	const n = 200
	c := features.Cache{Dir: t.TempDir()}
	m, err := c.Get(t.Context(), key, n, []int{7}, func(_ context.Context, e emit) error {
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for i := n - 1 - worker; i >= 0; i -= 4 {
					if err := e(i, row(i, 7)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	check(t, m, n, 7)
}

func TestRefusals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	none := func(context.Context, emit) error { return errors.New("must not be called") }
	for want, get := range map[string]func() error{
		"expected a folder for features": func() error { return discard(features.Cache{Dir: file}.Get(t.Context(), key, 1, nil, none)) },
		"expected a key with": func() error {
			return discard(features.Cache{Dir: t.TempDir()}.Get(t.Context(), features.Key{Data: "d"}, 1, nil, none))
		},
		"found the shape [3 0]": func() error {
			return discard(features.Cache{Dir: t.TempDir()}.Get(t.Context(), key, 1, []int{3, 0}, none))
		},
		"found -1 rows": func() error { return discard(features.Cache{Dir: t.TempDir()}.Get(t.Context(), key, -1, nil, none)) },
	} {
		if err := get(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found: %v", want, err)
		}
	}
}

func discard(m *features.Matrix, err error) error {
	if m != nil {
		return fmt.Errorf("found %d rows", m.Rows())
	}
	return err
}
