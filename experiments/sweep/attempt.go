package sweep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Attempt is a worker's hold on a trial.
type Attempt struct {
	Number int
	Run    string // folder for the run, of this attempt alone; it does not exist yet
	// Left is the newest run folder of attempts before whose workers died or were told to stop; "" for none. A worker that was
	// taken for dead may in truth still live and write there, so a run is gone on with from a copy, never in place.
	Left string
}

// errLost is why a worker stops that another one has taken for dead.
var errLost = errors.New("another worker has taken the trial over")

// claim tries to begin an attempt at a trial. It returns nil where the trial is somebody's, or has its result, which it may just have
// been given here.
func (s *Sweep) claim(n int, worker string, w *watch) (*Attempt, error) {
	st, err := s.state(n)
	if err != nil || st.result {
		return nil, err
	}
	var last why
	if st.attempts > 0 {
		var isOver bool
		if last, isOver = s.over(n, st, w); !isOver {
			return nil, nil
		}
		if status, sentence, ok := st.verdict(last); ok {
			r := Result{Trial: n, Status: status, Error: sentence, Attempt: st.attempts, Worker: worker, Finished: now()}
			if exists(s.trialPath(n, "%s", runName(st.attempts))) {
				r.Run = runName(st.attempts)
			}
			mine, err := s.publish(r)
			if mine {
				s.removeRuns(n, st.attempts, r.Run)
			}
			return nil, err
		}
	}
	k := st.attempts + 1
	mine, err := createOnce(s.trialPath(n, "attempt-%d.json", k), begun{Worker: worker, Begun: now(), Before: last})
	if err != nil || !mine {
		return nil, err
	}
	if _, ok, err := s.result(n); ok || err != nil { // of the attempt that went silent
		return nil, err
	}
	a := &Attempt{Number: k, Run: s.trialPath(n, "%s", runName(k))}
	a.Left = s.left(n, append(st.over, last))
	return a, s.beat(n, k, 0)
}

// left is the newest run folder that can be gone on with, from why each of the attempts was over. What has failed would fail again.
func (s *Sweep) left(n int, over []why) string {
	for k := len(over); k > 0 && over[k-1] != failed && over[k-1] != ""; k-- {
		if path := s.trialPath(n, "%s", runName(k)); exists(path) {
			return path
		}
	}
	return ""
}

// over says whether the last attempt at a trial is over, and why.
func (s *Sweep) over(n int, st state, w *watch) (why, bool) {
	if st.last != nil {
		return st.last.Why, true
	}
	beat, err := os.ReadFile(s.trialPath(n, "beat-%d", st.attempts))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false // nothing is known of it now
	}
	return silent, w.dead(attemptID{n, st.attempts}, string(beat), time.Now())
}

// end says that an attempt is over without a result.
func (s *Sweep) end(n, k int, reason why, sentence string) error {
	_, err := createOnce(s.trialPath(n, "ended-%d.json", k), ended{Why: reason, Error: sentence, Ended: now()})
	return err
}

// beat writes a sign of life: in place, because NFS looks at a file anew when it is opened, but at a folder's names less often.
func (s *Sweep) beat(n, k, count int) error {
	f, err := os.OpenFile(s.trialPath(n, "beat-%d", k), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%012d\n", count)
	return errors.Join(err, f.Close())
}

// keep beats for an attempt until ctx ends, and calls lost once somebody else has begun the next attempt or published a result. A
// beat that cannot be written is not the end: at worst somebody else takes the trial over.
func (s *Sweep) keep(ctx context.Context, n, k int, lost func()) {
	tick := time.NewTicker(s.lease() / 8)
	defer tick.Stop()
	for count := 1; ; count++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if exists(s.trialPath(n, "attempt-%d.json", k+1)) || exists(s.trialPath(n, "result.json")) {
			lost()
			return
		}
		_ = s.beat(n, k, count)
	}
}

// now is a time for people to read.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
