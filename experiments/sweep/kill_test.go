//go:build unix

package sweep

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// command is a worker in a process of its own.
func command(dir, name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GLIMPSE_TEST_SWEEP="+dir, "GLIMPSE_TEST_WORKER="+name, "GOMAXPROCS=1")
	return cmd
}

// Eight workers do 200 trials and are killed, or suspended for longer than a lease, at random until all is done: every trial has
// exactly one final result, which is right and has its run folder.
func TestKilledWorkers(t *testing.T) {
	s := newSweep(t, func(s *Spec) { s.Seeds = 4 }, "x="+numbers(50))
	type exit struct{ slot, code int }
	exits := make(chan exit)
	running := map[int]*exec.Cmd{}
	count := 0
	start := func(slot int) {
		count++
		cmd := command(s.Dir, fmt.Sprintf("w%d", count))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running[slot] = cmd
		go func() {
			_ = cmd.Wait()
			exits <- exit{slot, cmd.ProcessState.ExitCode()}
		}()
	}
	for slot := range 8 {
		start(slot)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	kills, suspended, finished := 0, 0, 0
	deadline := time.After(time.Minute)
	for finished < 8 {
		select {
		case e := <-exits:
			switch e.code {
			case 0:
				finished++
				delete(running, e.slot)
			case -1: // killed
				start(e.slot)
			default:
				t.Fatalf("a worker ended with exit code %d", e.code)
			}
		case <-time.After(time.Duration(rng.IntN(80)) * time.Millisecond):
			cmd := running[rng.IntN(8)]
			switch {
			case cmd == nil || kills+suspended >= 120:
			case rng.IntN(4) == 0:
				_ = cmd.Process.Signal(syscall.SIGSTOP)
				time.AfterFunc(3*s.lease()/2, func() { _ = cmd.Process.Signal(syscall.SIGCONT) })
				suspended++
			default:
				_ = cmd.Process.Kill()
				kills++
			}
		case <-deadline:
			t.Fatalf("not done after a minute, with %d kills", kills)
		}
	}
	again := checkFolder(t, s)
	t.Logf("%d kills, %d suspensions, %d processes, %d trials were begun more than once", kills, suspended, count, again)
	if kills < 20 || again < 5 {
		t.Errorf("only %d kills and %d trials begun again: the test has become too easy", kills, again)
	}
}

// checkFolder holds the folder of a sweep that is done against what was promised, and counts the trials with several attempts.
func checkFolder(t *testing.T, s *Sweep) (again int) {
	t.Helper()
	trials, err := s.trials(0)
	if err != nil || len(trials) != s.Spec.Total() {
		t.Fatalf("found %d trials, expected %d (%v)", len(trials), s.Spec.Total(), err)
	}
	for _, trial := range trials {
		r, ok, err := s.result(trial.Number)
		if !ok || err != nil {
			t.Errorf("trial %d has no result (%v)", trial.Number, err)
			continue
		}
		st, err := s.state(trial.Number)
		if err != nil {
			t.Fatal(err)
		}
		if st.attempts > 1 {
			again++
		}
		if r.Status == Killed && st.attempts == MaxKills {
			continue
		}
		if r.Status != Done || r.Trial != trial.Number || r.Metrics["score"] != figure(trial) {
			t.Errorf("trial %d: found the result %+v, expected the score %g", trial.Number, r, figure(trial))
		}
		data, err := os.ReadFile(s.trialPath(trial.Number, "%s/metrics.jsonl", r.Run))
		if err != nil || strings.Count(string(data), "\n") != 3 {
			t.Errorf("trial %d: its run folder is not that of one run: %q (%v)", trial.Number, data, err)
		}
		var b begun
		if _, err := readJSON(s.trialPath(trial.Number, "attempt-%d.json", r.Attempt), &b); err != nil || b.Worker != r.Worker {
			t.Errorf("trial %d: attempt %d is %s's and the result %s's (%v)", trial.Number, r.Attempt, b.Worker, r.Worker, err)
		}
		if runs, _ := filepath.Glob(s.trialPath(trial.Number, "run-*")); len(runs) != 1 {
			t.Errorf("trial %d: expected one run folder, found %q", trial.Number, runs)
		}
	}
	return again
}

// A trial that kills its workers is given up, and so is one that fails; the others are done. The pool replaces its dead.
func TestDeadlyAndBrokenTrials(t *testing.T) {
	s := newSweep(t, func(s *Spec) { s.Lease = 3600 }, "x=1,deadly,2,broken,3") // the lease is of no use here
	pool := Pool{Workers: 2, Every: 20 * time.Millisecond, Command: func(name string) *exec.Cmd { return command(s.Dir, name) }}
	var said strings.Builder
	pool.Messages = &said
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	if err := pool.Run(ctx, s); err != nil {
		t.Fatal(err)
	}
	for n, want := range []struct {
		status   Status
		error    string
		attempts int
	}{{Done, "", 1}, {Killed, "3 workers died", MaxKills}, {Done, "", 1}, {Failed, "training diverged", MaxFailures}, {Done, "", 1}} {
		r, _, err := s.result(n)
		if err != nil || r.Status != want.status || !strings.Contains(r.Error, want.error) || r.Attempt != want.attempts {
			t.Errorf("trial %d: found %+v (%v), expected %+v", n, r, err, want)
		}
	}
	if !strings.Contains(said.String(), "sweep: 5/5 in ") || !strings.Contains(said.String(), "2 failed, best score") {
		t.Errorf("the pool said %q", said.String())
	}
	sum, err := s.Summarise()
	if err != nil || sum.Done != 3 || sum.Failed != 2 || sum.Running != 0 || sum.Best == nil {
		t.Errorf("found %+v (%v)", sum, err)
	}
}

// A pool that is told to stop leaves nothing that another one would have to wait for.
func TestStoppedPool(t *testing.T) {
	s := newSweep(t, func(s *Spec) { s.Lease = 3600 }, "x="+numbers(60))
	pool := Pool{Workers: 3, Every: 10 * time.Millisecond, Command: func(name string) *exec.Cmd { return command(s.Dir, name) }}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // with the first result
		for ctx.Err() == nil {
			if sum, err := s.Summarise(); err == nil && sum.Done > 0 {
				cancel()
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	if err := pool.Run(ctx, s); err == nil {
		t.Fatal("60 trials were done before the pool was stopped")
	}
	sum, err := s.Summarise()
	if err != nil || sum.Running != 0 || sum.Done == 60 {
		data, _ := json.Marshal(sum)
		t.Fatalf("found %s (%v)", data, err)
	}
	if err := pool.Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	checkFolder(t, s)
}

// What a worker that died after a result has left behind is cleared up by the next one that finds everything done; what others have put there is not.
func TestLeftFoldersAreRemoved(t *testing.T) {
	s := newSweep(t, nil, "x=1,2")
	worker := Worker{Name: "first", Run: toy}
	if err := s.Work(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run-2", "run-3.copy", "run-notes", "run-1.txt"} {
		if err := os.MkdirAll(s.trialPath(1, "%s", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	worker.Name = "second"
	if err := s.Work(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	var found []string
	entries, err := os.ReadDir(s.trialDir(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "run-") {
			found = append(found, e.Name())
		}
	}
	if want := []string{"run-1", "run-1.txt", "run-notes"}; !slices.Equal(found, want) {
		t.Errorf("expected %q, found %q", want, found)
	}
}
