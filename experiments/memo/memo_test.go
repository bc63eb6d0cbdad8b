package memo_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/experiments/memo"
)

// Found is a result as a cell may have one.
type Found struct {
	Losses map[string][]float64
	Seed   int64
	Note   string
}

var found = Found{map[string][]float64{"0.07": {4.1, 0.1 + 0.2}, "0.5": nil}, math.MaxInt64, "ln 64 < \"4.16\"\n"}

// counted computes found and counts how often it has to.
func counted(calls *atomic.Int32) func() (Found, error) {
	return func() (Found, error) { calls.Add(1); return found, nil }
}

// files lists what is in the folder but for locks.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			names = append(names, e.Name())
		}
	}
	return names
}

func check(t *testing.T, got Found, err error) {
	t.Helper()
	if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", found) {
		t.Fatalf("expected %#v, found %#v (%v)", found, got, err)
	}
}

func TestComputedOnce(t *testing.T) {
	var calls atomic.Int32
	dir := filepath.Join(t.TempDir(), "made", "when needed [1]")
	for range 3 {
		got, err := memo.Do(dir, memo.Of("losses", "1", 64, "clip"), counted(&calls))
		check(t, got, err)
	}
	if names := files(t, dir); calls.Load() != 1 || len(names) != 1 {
		t.Errorf("expected one computation and one file, found %d and %q", calls.Load(), names)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	for range 2 {
		got, err := memo.Do("", memo.Of("losses", "1", 64, "clip"), counted(&calls))
		check(t, got, err)
	}
	if n, err := memo.Clear(""); calls.Load() != 2 || n != 1 || err != nil {
		t.Errorf("expected the user's cache folder to hold one result, found %d (%v)", n, err)
	}
}

// Whatever a result depends on makes a key of its own; the order of a map's or a struct's parts does not.
func TestKeys(t *testing.T) {
	dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	other := filepath.Join(filepath.Dir(data), "other")
	for path, text := range map[string]string{data: "pictures", other: "other pictures"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	type settings struct {
		Steps int     `json:"steps"`
		LR    float64 `json:"lr"`
	}
	keys := []memo.Key{
		memo.Of("a", "1"), memo.Of("b", "1"), memo.Of("a", "2"), memo.Of("a1", ""), memo.Of("a", "1", 1), memo.Of("a", "1", 1.0), memo.Of("a", "1", "1"),
		memo.Of("a", "1", 1, 2), memo.Of("a", "1", []int{1, 2}), memo.Of("a", "1", settings{1, 2}), memo.Of("a", "1", settings{2, 1}),
		memo.Of("a", "1", memo.File(data)), memo.Of("a", "1", memo.File(other)), {Name: "a", Version: "1", Code: "another"},
	}
	for i := range keys {
		if keys[i].Version == "" {
			keys[i].Version = "v"
		}
		for _, calls := range []int32{1, 1} {
			var n atomic.Int32
			if got, err := memo.Do(dir, keys[i], func() (int, error) { n.Add(1); return i, nil }); err != nil || got != i {
				t.Fatalf("key %d: expected its own result, found %d (%v)", i, got, err)
			}
			if calls == 1 && n.Load() > 1 {
				t.Errorf("key %d was computed %d times", i, n.Load())
			}
		}
	}
	if names := files(t, dir); len(names) != len(keys) {
		t.Errorf("expected %d files, found %d", len(keys), len(names))
	}
	var n atomic.Int32
	same := func(input map[string]float64) {
		if _, err := memo.Do(dir, memo.Of("map", "1", input), func() (int, error) { n.Add(1); return 1, nil }); err != nil {
			t.Fatal(err)
		}
	}
	same(map[string]float64{"a": 1, "b": 2})
	if same(map[string]float64{"b": 2, "a": 1}); n.Load() != 1 {
		t.Error("the order of a map's parts makes another key")
	}
}

// A damaged result is computed again, said to be damaged, and mended. That every single bit counts is in code_test.go.
func TestDamage(t *testing.T) {
	var calls atomic.Int32
	var said []string
	c := memo.Cache{Dir: t.TempDir(), Message: func(s string) { said = append(said, s) }}
	key := memo.Key{Name: "losses", Version: "1", Code: "this"}
	get := func() {
		t.Helper()
		got, err := memo.In(c, key, counted(&calls))
		check(t, got, err)
	}
	get()
	path := filepath.Join(c.Dir, files(t, c.Dir)[0])
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages := [][]byte{nil, whole[:len(whole)-1], append(bytes.Clone(whole), ' '), bytes.ToUpper(whole)}
	for i := 0; i < 8*len(whole); i += 37 {
		damaged := bytes.Clone(whole)
		damaged[i/8] ^= 1 << (i % 8)
		damages = append(damages, damaged)
	}
	for i, damaged := range damages {
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		leftover := filepath.Join(c.Dir, "."+filepath.Base(path)+".123.part")
		if err := os.WriteFile(leftover, damaged, 0o644); err != nil { // by a process that was killed
			t.Fatal(err)
		}
		calls.Store(0)
		said = nil
		get()
		if _, err := os.Stat(leftover); err == nil {
			t.Fatalf("damage %d: what a killed process left is still there", i)
		}
		if calls.Load() != 1 || len(said) != 1 || !strings.Contains(said[0], path) {
			t.Fatalf("damage %d of %d: expected a computation and a sentence, found %d and %q", i, len(damages), calls.Load(), said)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, whole) {
			t.Fatalf("damage %d: the file was not mended (%v)", i, err)
		}
	}
}

// What JSON does not keep is refused, what fails is not kept, and another type is computed again.
func TestWhatIsNotKept(t *testing.T) {
	dir := t.TempDir()
	for want, err := range map[string]error{
		"that JSON keeps whole":   failed(memo.Do(dir, memo.Of("a", "1"), func() (struct{ hidden int }, error) { return struct{ hidden int }{1}, nil })),
		"finite numbers":          failed(memo.Do(dir, memo.Of("a", "1"), func() (float64, error) { return math.NaN(), nil })),
		"on fire":                 failed(memo.Do(dir, memo.Of("a", "1"), func() (int, error) { return 1, errors.New("on fire") })),
		"a name and a version":    failed(memo.Do(dir, memo.Of("a", ""), func() (int, error) { return 1, nil })),
		"input 1 of":              failed(memo.Do(dir, memo.Of("a", "1", func() {}), func() (int, error) { return 1, nil })),
		"cannot read an input":    failed(memo.Do(dir, memo.Of("a", "1", memo.File(filepath.Join(dir, "none"))), func() (int, error) { return 1, nil })),
		"a folder for results":    failed(memo.Do(filepath.Join(dir, "\x00"), memo.Of("a", "1"), func() (int, error) { return 1, nil })),
		"cannot list the results": failed(memo.Clear(filepath.Join(dir, "\x00"))),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found: %v", want, err)
		}
	}
	if names := files(t, dir); len(names) > 0 {
		t.Errorf("expected an empty folder, found %q", names)
	}
	type before struct{ Loss, Steps float64 }
	type after struct{ Loss, Count float64 }
	if _, err := memo.Do(dir, memo.Of("a", "1"), func() (before, error) { return before{4, 5}, nil }); err != nil {
		t.Fatal(err)
	}
	if got, err := memo.Do(dir, memo.Of("a", "1"), func() (after, error) { return after{1, 2}, nil }); err != nil || got != (after{1, 2}) {
		t.Errorf("a result of another type: %v (%v)", got, err)
	}
}

func failed[T any](_ T, err error) error { return err }

// A folder that grows beyond its limit loses what was not used for longest; the new result stays even when it alone is too large.
func TestEviction(t *testing.T) {
	c := memo.Cache{Dir: t.TempDir(), Limit: 3000}
	old := time.Now().Add(-time.Hour)
	put := func(i int, size int) (computed bool) {
		t.Helper()
		got, err := memo.In(c, memo.Of("text", "1", i), func() (string, error) { computed = true; return strings.Repeat("x", size), nil })
		if err != nil || len(got) != size {
			t.Fatal(len(got), err)
		}
		return computed
	}
	for i := range 3 {
		put(i, 700)
		for _, name := range files(t, c.Dir) { // as if an hour had passed
			path := filepath.Join(c.Dir, name)
			if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) < time.Minute {
				if err := os.Chtimes(path, old, old.Add(time.Duration(i)*time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if put(0, 700) {
		t.Error("the first result was evicted below the limit")
	}
	put(3, 700) // the second is now the one that was not used for longest
	if names := files(t, c.Dir); len(names) != 3 || put(0, 700) || put(2, 700) || put(3, 700) || !put(1, 700) {
		t.Errorf("expected the second result to go, found %d files", len(names))
	}
	if put(4, 5000); put(4, 5000) {
		t.Error("a result larger than the limit was evicted right away")
	}
	if names := files(t, c.Dir); len(names) != 1 {
		t.Errorf("expected all others to go, found %d files", len(names))
	}
	if n, err := memo.Clear(c.Dir); n != 1 || err != nil {
		t.Errorf("expected one result to be removed, found %d (%v)", n, err)
	}
	if entries, err := os.ReadDir(c.Dir); len(entries) > 0 || err != nil {
		t.Errorf("expected an empty folder, found %v (%v)", entries, err)
	}
}

// Many goroutines that want the same compute it once.
func TestTogether(t *testing.T) {
	var calls atomic.Int32
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			got, err := memo.Do(dir, memo.Of("slow", "1"), func() (Found, error) {
				time.Sleep(20 * time.Millisecond)
				return counted(&calls)()
			})
			if err != nil || got.Seed != found.Seed {
				t.Error(got, err)
			}
		})
	}
	if wg.Wait(); calls.Load() != 1 {
		t.Errorf("expected one computation, found %d", calls.Load())
	}
}
