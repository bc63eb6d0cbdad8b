package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Trial is one training: a setting of the sweep with one seed.
type Trial struct {
	Number   int               `json:"trial"`
	Setting  int               `json:"setting"` // number of the setting; its trials differ by seed alone
	Rung     int               `json:"rung"`    // of successive halving, from 0
	Settings map[string]string `json:"settings"`
	Seed     int64             `json:"seed"`
	Seen     []int             `json:"seen,omitempty"` // settings whose results the method looked at
}

// Status is how a trial ended.
type Status string

const (
	Done   Status = "done"   // with metrics
	Failed Status = "failed" // with a sentence, twice or beyond hope
	Killed Status = "killed" // it killed its workers, MaxKills times
)

// Result is what a trial ends with: exactly one, for good.
type Result struct {
	Trial    int                `json:"trial"`
	Status   Status             `json:"status"`
	Error    string             `json:"error,omitempty"`
	Metrics  map[string]float64 `json:"metrics,omitempty"`
	Seconds  float64            `json:"seconds"`       // that the run took, those before it was gone on with included
	Run      string             `json:"run,omitempty"` // run folder, in the trial's folder
	Attempt  int                `json:"attempt"`
	Worker   string             `json:"worker"`
	Finished time.Time          `json:"finished"` // by the worker's clock
	Remarks  []string           `json:"remarks,omitempty"`
}

// begun is attempt-K.json.
type begun struct {
	Worker string    `json:"worker"`
	Begun  time.Time `json:"begun"`
	Before why       `json:"before,omitempty"` // why the attempt before it is over
}

// why an attempt is over without a result.
type why string

const (
	released why = "released" // its worker was told to stop
	failed   why = "failed"   // the experiment returned an error
	refused  why = "refused"  // the settings are to blame, which the experiment does not take or diverges with: there is no second attempt
	died     why = "died"     // whoever started the worker saw it die
	silent   why = "silent"   // its beats stopped
)

// ended is ended-K.json. Attempts that went silent have none.
type ended struct {
	Why   why       `json:"why"`
	Error string    `json:"error,omitempty"`
	Ended time.Time `json:"ended"`
}

// state is what a trial's folder says at a moment.
type state struct {
	attempts int    // number of the last attempt; 0 for none
	over     []why  // of all attempts but the last
	last     *ended // of the last attempt; nil while it has said nothing
	result   bool
}

// MaxFailures is how many attempts at a trial may fail before that is its result.
const MaxFailures = 2

// MaxKills is how many workers may die with a trial before that is its result.
const MaxKills = 3

func (s *Sweep) trialDir(n int) string { return filepath.Join(s.Dir, "trials", fmt.Sprintf("%04d", n)) }

func (s *Sweep) trialPath(n int, format string, args ...any) string {
	return filepath.Join(s.trialDir(n), fmt.Sprintf(format, args...))
}

// trial reads trial.json. ok is false where the trial was not proposed yet.
func (s *Sweep) trial(n int) (t Trial, ok bool, err error) {
	ok, err = readJSON(s.trialPath(n, "trial.json"), &t)
	return t, ok, err
}

// result reads a trial's final result, if there is one.
func (s *Sweep) result(n int) (r Result, ok bool, err error) {
	ok, err = readJSON(s.trialPath(n, "result.json"), &r)
	return r, ok, err
}

// publish makes r the final result of its trial, unless there is one.
func (s *Sweep) publish(r Result) (mine bool, err error) {
	return createOnce(s.trialPath(r.Trial, "result.json"), r)
}

// state reads which attempts there were. What it does not see yet, over NFS, makes it an older state, never a wrong one: each
// attempt says itself why the one before it was over.
func (s *Sweep) state(n int) (state, error) {
	var st state
	entries, err := os.ReadDir(s.trialDir(n))
	if err != nil {
		return st, fmt.Errorf("cannot look into a trial's folder: %w", err)
	}
	for _, entry := range entries {
		if k, ok := numbered(entry.Name(), "attempt-"); ok {
			st.attempts = max(st.attempts, k)
		}
		st.result = st.result || entry.Name() == "result.json"
	}
	for k := 2; k <= st.attempts; k++ {
		var b begun
		if ok, err := readJSON(s.trialPath(n, "attempt-%d.json", k), &b); err != nil {
			return st, err
		} else if !ok {
			return st, fmt.Errorf("%s has gone; nothing in a sweep's folder may be removed while it runs", s.trialPath(n, "attempt-%d.json", k))
		}
		st.over = append(st.over, b.Before)
	}
	var e ended
	ok, err := readJSON(s.trialPath(n, "ended-%d.json", st.attempts), &e)
	if ok {
		st.last = &e
	}
	return st, err
}

// numbered reads the K of PREFIX-K.json.
func numbered(name, prefix string) (int, bool) {
	text, found := strings.CutPrefix(name, prefix)
	text, json := strings.CutSuffix(text, ".json")
	k, err := strconv.Atoi(text)
	return k, found && json && err == nil && k > 0
}

// verdict is the result that a trial whose last attempt is over deserves, if it deserves no other attempt. ok is false if it does.
func (st state) verdict(last why) (status Status, sentence string, ok bool) {
	failures, kills := 0, 0
	for _, w := range append(st.over[:len(st.over):len(st.over)], last) {
		switch w {
		case died, silent:
			kills++
		case failed, refused:
			failures++
		}
	}
	switch {
	case last == refused, last == failed && failures >= MaxFailures:
		return Failed, st.last.Error, true
	case kills >= MaxKills:
		return Killed, fmt.Sprintf("%d workers died while they worked on it, perhaps for want of memory; the folder workers has what they said", kills), true
	}
	return "", "", false
}

// finite drops metrics that JSON cannot hold, and says which.
func finite(r experiments.Result) (metrics map[string]float64, remarks []string) {
	metrics = map[string]float64{}
	remarks = r.Remarks
	for name, v := range r.Metrics {
		if _, err := json.Marshal(v); err != nil {
			remarks = append(remarks, fmt.Sprintf("the metric %s is %v and was left out", name, v))
			continue
		}
		metrics[name] = v
	}
	return metrics, remarks
}

// trials reads the trials that were proposed, which have no gaps.
func (s *Sweep) trials(from int) ([]Trial, error) {
	var all []Trial
	for n := from; ; n++ {
		t, ok, err := s.trial(n)
		if err != nil || !ok {
			return all, err
		}
		all = append(all, t)
	}
}

// removeRuns removes the run folders of a trial's attempts up to a number, but for the one that is kept, "" for none.
func (s *Sweep) removeRuns(n, attempts int, keep string) {
	for k := 1; k <= attempts; k++ {
		if name := runName(k); name != keep {
			_ = os.RemoveAll(s.trialPath(n, "%s", name))
			_ = os.RemoveAll(s.trialPath(n, "%s", name) + copying)
		}
	}
}

// copying is the end of the name of a run folder that is not whole yet.
const copying = ".copy"

func runName(attempt int) string { return fmt.Sprintf("run-%d", attempt) }

func isRunName(name string) bool {
	k, err := strconv.Atoi(strings.TrimPrefix(name, "run-"))
	return err == nil && name == runName(k)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// ledger is what was read of a sweep so far: what is written once is read once.
type ledger struct {
	*Sweep
	trials  []Trial
	results map[int]Result
}

func newLedger(s *Sweep) *ledger { return &ledger{s, nil, map[int]Result{}} }

// read takes over what is new in the folder, and returns the trials that have ended since the last time.
func (l *ledger) read() (ended []Result, err error) {
	more, err := l.Sweep.trials(len(l.trials))
	if err != nil {
		return nil, err
	}
	l.trials = append(l.trials, more...)
	for _, t := range l.trials {
		if _, ok := l.results[t.Number]; ok {
			continue
		}
		r, ok, err := l.result(t.Number)
		if err != nil {
			return nil, err
		}
		if ok {
			l.results[t.Number] = r
			ended = append(ended, r)
		}
	}
	return ended, nil
}
