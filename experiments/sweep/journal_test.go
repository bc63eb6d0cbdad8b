package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Of many that write the same file at once, one does, and the file is always whole.
func TestCreateOnce(t *testing.T) {
	for round := range 20 {
		path := filepath.Join(t.TempDir(), "file.json")
		var winners atomic.Int32
		var winner atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				mine, err := createOnce(path, map[string]int{"who": i})
				if err != nil {
					t.Error(err)
				}
				if mine {
					winners.Add(1)
					winner.Store(int64(i))
				}
				var v map[string]int
				if ok, err := readJSON(path, &v); !ok || err != nil || len(v) != 1 {
					t.Errorf("found %v, %v (%v)", v, ok, err)
				}
			})
		}
		wg.Wait()
		var v map[string]int
		if _, err := readJSON(path, &v); err != nil || winners.Load() != 1 || v["who"] != int(winner.Load()) {
			t.Fatalf("round %d: %d winners; the file is of %d, the winner %d (%v)", round, winners.Load(), v["who"], winner.Load(), err)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
			t.Errorf("expected one file, found %v", left)
		}
	}
	_, err := createOnce(filepath.Join(t.TempDir(), "none", "file.json"), 1)
	sentence(t, err, "cannot write", "file.json")
}

// Only change counts, and only looks that were made: not how long ago the last one was.
func TestWatch(t *testing.T) {
	const lease = 40 * time.Second
	w := newWatch(lease)
	at := time.Now()
	id := attemptID{3, 1}
	look := func(after time.Duration, beat string) bool {
		at = at.Add(after)
		return w.dead(id, beat, at)
	}
	for i := range 20 { // it lives, with a beat of its own each time
		if look(30*time.Second, fmt.Sprint(i)) {
			t.Fatal("an attempt whose beats change was taken for dead")
		}
	}
	if look(0, "x") || look(10*time.Second, "x") || look(10*time.Second, "x") || look(10*time.Second, "x") || look(9*time.Second, "x") {
		t.Error("taken for dead before its lease was over")
	}
	if !look(time.Second, "x") {
		t.Error("not taken for dead after its lease was over")
	}
	// The one that looks was suspended for an hour, and so may have been the other.
	if look(0, "y") || look(time.Hour, "y") || look(time.Second, "y") || look(time.Second, "y") {
		t.Error("taken for dead because of the looker's own sleep")
	}
	if look(0, "z") || look(time.Hour, "a") || look(time.Hour, "b") {
		t.Error("taken for dead although its beats change")
	}
	w.forget(3)
	if len(w.seen) != 0 {
		t.Error("a trial that has ended is still watched")
	}
}

// work runs a worker in this process with a runner.
func workWith(t *testing.T, s *Sweep, name string, run Runner) (said string) {
	t.Helper()
	var b strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Work(ctx, Worker{Name: name, Run: run, Messages: &b}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A worker that vanished loses its trial after its lease. When it comes back after all, it throws away what it has.
func TestVanishedWorker(t *testing.T) {
	s := newSweep(t, func(s *Spec) { s.Lease = 0.2 }, "x=1")
	held := make(chan struct{})
	ghost := make(chan string)
	go func() { // it begins first, and is suspended: it does not beat
		var b strings.Builder
		w := &work{Worker{Name: "ghost", Messages: &b, Run: func(ctx context.Context, tr Trial, a Attempt) (experiments.Result, error) {
			_ = os.MkdirAll(a.Run, 0o755)
			close(held)
			for !exists(s.trialPath(0, "result.json")) {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond) // the other cleans up
			_ = os.MkdirAll(a.Run, 0o755)
			return experiments.Result{Metrics: map[string]float64{"score": 666}}, nil
		}}, newLedger(&Sweep{Dir: s.Dir, Spec: s.Spec, method: s.method}), newWatch(time.Hour)}
		w.Spec.Lease = 3600 // its next beat comes in an hour
		for range 2 {       // propose and do
			if _, err := w.next(t.Context()); err != nil {
				t.Error(err)
			}
		}
		ghost <- b.String()
	}()
	<-held
	start := time.Now()
	workWith(t, s, "heir", toy)
	if waited := time.Since(start); waited < 200*time.Millisecond {
		t.Errorf("the trial was taken over after %v, before its lease was over", waited)
	}
	if said := <-ghost; !strings.Contains(said, "another worker's result came first") {
		t.Errorf("the ghost said %q", said)
	}
	r, _, err := s.result(0)
	if err != nil || r.Worker != "heir" || r.Attempt != 2 || r.Metrics["score"] == 666 {
		t.Errorf("found %+v (%v)", r, err)
	}
	if exists(s.trialPath(0, "run-1")) || !exists(s.trialPath(0, "run-2")) {
		t.Error("the run folder of the attempt that came too late is there, or the other is not")
	}
}

// A worker whose trial got its result elsewhere stops in the middle.
func TestLostInTheMiddle(t *testing.T) {
	s := newSweep(t, func(s *Spec) { s.Lease = 0.2 }, "x=1")
	said := workWith(t, s, "slow", func(ctx context.Context, tr Trial, a Attempt) (experiments.Result, error) {
		_ = os.MkdirAll(a.Run, 0o755)
		if mine, err := s.publish(Result{Trial: 0, Status: Done, Metrics: map[string]float64{"score": 1}, Attempt: 7, Worker: "other"}); !mine || err != nil {
			t.Error("could not publish", err)
		}
		select {
		case <-ctx.Done():
			return experiments.Result{}, ctx.Err()
		case <-time.After(10 * time.Second):
			return experiments.Result{}, errors.New("not stopped")
		}
	})
	if !strings.Contains(said, errLost.Error()) || exists(s.trialPath(0, "run-1")) {
		t.Errorf("it said %q; its run folder is there: %v", said, exists(s.trialPath(0, "run-1")))
	}
}

// An attempt after one that died or was stopped is told where that left its run.
func TestWhatIsLeft(t *testing.T) {
	s := newSweep(t, nil, "x=1")
	if err := os.MkdirAll(s.trialDir(0), 0o755); err != nil {
		t.Fatal(err)
	}
	trial, _ := s.propose(0, nil, nil)
	if _, err := createOnce(s.trialPath(0, "trial.json"), trial); err != nil {
		t.Fatal(err)
	}
	w := newWatch(time.Hour)
	first, err := s.claim(0, "a", w)
	if err != nil || first == nil || first.Left != "" {
		t.Fatalf("found %+v (%v)", first, err)
	}
	if again, err := s.claim(0, "b", w); again != nil || err != nil {
		t.Fatalf("a trial that is being done was begun again: %+v (%v)", again, err)
	}
	if err := os.Mkdir(first.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	if began, err := s.giveBack("a"); !began || err != nil {
		t.Fatal("nothing was given back", err)
	}
	second, err := s.claim(0, "b", w)
	if err != nil || second == nil || second.Number != 2 || second.Left != first.Run || second.Run == first.Run {
		t.Fatalf("found %+v (%v)", second, err)
	}
	if err := os.Mkdir(second.Run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.end(0, 2, released, ""); err != nil {
		t.Fatal(err)
	}
	third, err := s.claim(0, "c", w)
	if err != nil || third == nil || third.Left != second.Run {
		t.Fatalf("found %+v (%v)", third, err)
	}
	// What has failed is no start for anything.
	if err := errors.Join(os.Mkdir(third.Run, 0o755), s.end(0, 3, failed, "diverged")); err != nil {
		t.Fatal(err)
	}
	if fourth, err := s.claim(0, "d", w); err != nil || fourth == nil || fourth.Left != "" {
		t.Fatalf("found %+v (%v)", fourth, err)
	}
}

// An attempt that died before it had a run folder of its own does not hide what the one before has left.
func TestLeft(t *testing.T) {
	s := newSweep(t, nil, "x=1")
	first := s.trialPath(0, "run-1")
	if err := os.MkdirAll(first, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		over []why
		want string
	}{{[]why{""}, ""}, {[]why{died}, first}, {[]why{silent, released}, first}, {[]why{failed}, ""}, {[]why{died, failed}, ""}, {[]why{failed, died}, ""}} {
		if got := s.left(0, test.over); got != test.want {
			t.Errorf("%v: found %q, expected %q", test.over, got, test.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		whys []why
		want Status
	}{
		{[]why{failed}, ""}, {[]why{failed, failed}, Failed}, {[]why{refused}, Failed}, {[]why{failed, released, failed}, Failed},
		{[]why{died, silent}, ""}, {[]why{died, silent, died}, Killed}, {[]why{released, released, released, released}, ""},
		{[]why{failed, died, died}, ""}, {[]why{died, failed, died, silent}, Killed},
	} {
		n := len(test.whys)
		st := state{attempts: n, over: test.whys[:n-1], last: &ended{Why: test.whys[n-1]}}
		if got, _, ok := st.verdict(test.whys[n-1]); got != test.want || ok != (test.want != "") {
			t.Errorf("%v: found %q, expected %q", test.whys, got, test.want)
		}
	}
}

func TestWorkerErrors(t *testing.T) {
	// A metric that there is none of ends the work after the first trial.
	s := newSweep(t, func(s *Spec) { s.Metric = "scor" }, "x=1,2,3")
	err := s.Work(t.Context(), Worker{Run: toy})
	sentence(t, err, "expected the experiment toy to measure scor, found score", `did you mean "score"?`)
	// A panic and a number that is none are failures of trials.
	s = newSweep(t, nil, "x=panic,nan,refused,diverged,3")
	runs := 0
	workWith(t, s, "w", func(ctx context.Context, tr Trial, a Attempt) (experiments.Result, error) {
		runs++
		switch tr.Settings["x"] {
		case "panic":
			panic("shapes differ")
		case "refused":
			return experiments.Result{}, Refuse(errors.New("x: expected a number"))
		case "diverged":
			return experiments.Result{}, fmt.Errorf("the loss is NaN at step 3: %w", experiments.ErrDiverged)
		case "nan":
			zero := 0.0
			return experiments.Result{Metrics: map[string]float64{"score": zero / zero, "other": 1}}, nil
		}
		return toy(ctx, tr, a)
	})
	var ends []string
	for n := range 5 {
		r, _, _ := s.result(n)
		ends = append(ends, fmt.Sprint(r.Status, " ", r.Attempt, " ", r.Error, len(r.Remarks)))
	}
	if want := "[failed 2 the experiment broke off: shapes differ0 done 1 1 failed 1 x: expected a number0 failed 1 the loss is NaN at step 3: training diverged0 done 1 0]"; fmt.Sprint(ends) != want || runs != 6 {
		t.Errorf("found %v after %d runs, expected %s", ends, runs, want)
	}
	// A damaged file is an error that names it.
	if err := os.WriteFile(s.trialPath(0, "result.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = s.Summarise()
	sentence(t, err, "result.json is damaged")
}
