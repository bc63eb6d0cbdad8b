package experiments

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Variables that make the test binary a process that works on a run until it is killed, and say how often processes are killed.
const (
	victimDir = "GLIMPSE_TEST_VICTIM"
	kills     = "GLIMPSE_TEST_KILLS" // `make torture` sets 1000
)

const victimInterval = 4 // steps between checkpoints

// victim begins the run in the folder, or goes on with it.
func victim(t *testing.T, dir string) {
	e, b, options := classifier(nil), wrap(backendtest.Go(t)), Options{Seed: 3, Out: dir, Saving: Saving{Steps: victimInterval}}
	o, err := ParseOverride("pause=3000000")
	if err != nil {
		t.Fatal(err)
	}
	options.Overrides = []Override{o}
	if _, none := OpenRun(dir); none != nil {
		os.RemoveAll(dir) // killed before there was a manifest
		_, _, err = e.Start(context.Background(), b, options)
	} else {
		_, _, err = e.Resume(context.Background(), b, dir, options)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Processes are killed at random moments, whatever they are doing, and others go on: no run is lost, at most the steps between two checkpoints
// are done twice, and what comes out is, to the bit, what comes out undisturbed.
func TestKilledAtRandom(t *testing.T) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(t, dir)
		return
	}
	wanted, err := strconv.Atoi(os.Getenv(kills))
	if err != nil {
		wanted = 100
	}
	want := undisturbed(t, classifier(nil), wrap(backendtest.Go(t)), Options{Seed: 3})
	rng := rand.New(rand.NewPCG(uint64(wanted), 1))
	killed, runs := 0, 0
	for ; killed < wanted; runs++ {
		dir := filepath.Join(t.TempDir(), fmt.Sprint(runs))
		for !workOn(t, dir, time.Duration(rng.IntN(400))*time.Millisecond) {
			killed++
			redone(t, dir)
		}
		r, err := OpenRun(dir)
		if err != nil {
			t.Fatal(err)
		}
		outcomeOf(t, r).same(t, want)
	}
	t.Logf("killed %d processes in %d runs", killed, runs)
}

// workOn starts a process on the run and kills it after a time from its first sign of life. It says whether the run is complete.
func workOn(t *testing.T, dir string, after time.Duration) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledAtRandom$")
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true
	case errors.As(err, &exit) && exit.ExitCode() == -1:
		return false
	}
	t.Fatalf("a process ended by itself: %v\n%s", err, said)
	return false
}

// tail keeps what a process says.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	return len(p), nil
}

// redone holds how much of a killed run is lost against the interval between checkpoints.
func redone(t *testing.T, dir string) {
	t.Helper()
	r, err := OpenRun(dir)
	if err != nil {
		return // killed before there was a manifest
	}
	metrics, err := r.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	var saved int64 // bytes of the metrics that come with the newest checkpoint
	for _, path := range r.checkpoints() {
		c, err := readCheckpoint(path)
		if err != nil {
			t.Fatalf("after a kill: %v", err)
		}
		saved = max(saved, c.state.Metrics)
	}
	data, err := os.ReadFile(r.Path(metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, b := range data[saved:] {
		if b == '\n' {
			lost++
		}
	}
	if lost > victimInterval {
		t.Errorf("of %d steps %d would be done again, expected at most %d", len(metrics), lost, victimInterval)
	}
}
