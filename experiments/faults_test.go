package experiments

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// At every operation on a file the disk is full, or broken, for that operation or from then on. The run ends with an error that says so, its last
// checkpoint loads, and resumed on a good disk it comes to what it would have come to undisturbed.
func TestFullAndBrokenDisks(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e := classifier(nil)
	options := Options{Seed: 3, Saving: Saving{Steps: 3}}
	var operations atomic.Int64
	undo := atomicfile.InjectFaults(func(atomicfile.Op, string) error { operations.Add(1); return nil })
	want := undisturbed(t, e, b, options)
	undo()
	all := int(operations.Load())
	if all < 100 {
		t.Fatalf("only %d operations were seen", all)
	}
	rng := rand.New(rand.NewPCG(1, 4))
	errs, spared := map[syscall.Errno]int{}, 0
	for at := range all {
		errno := []syscall.Errno{syscall.ENOSPC, syscall.EIO}[rng.IntN(2)]
		lasting := rng.IntN(2) == 0
		options.Out = filepath.Join(t.TempDir(), fmt.Sprint(at))
		seen := 0
		undo := atomicfile.InjectFaults(func(atomicfile.Op, string) error {
			if seen++; seen == at+1 || lasting && seen > at {
				return errno
			}
			return nil
		})
		_, _, err := e.Start(t.Context(), b, options)
		undo()
		if err == nil && seen <= at { // metrics are written by the clock: this run had fewer writes
			spared++
			continue
		}
		if !errors.Is(err, errno) {
			t.Fatalf("operation %d of %d failed with %v; the run said: %v", at, all, errno, err)
		}
		sentence(t, err, "cannot", errno.Error())
		errs[errno]++
		if _, opened := OpenRun(options.Out); opened != nil { // it failed before there was anything
			continue
		}
		r, _, err := e.Resume(t.Context(), b, options.Out, options)
		if err != nil {
			t.Fatalf("operation %d failed with %v; resumed: %v", at, errno, err)
		}
		outcomeOf(t, r).same(t, want)
	}
	if t.Logf("%d operations, failed: %v", all, errs); spared > all/10 {
		t.Errorf("expected a fault in nearly every run, found none in %d of %d", spared, all)
	}
}
