package sweep

import (
	"cmp"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Summary is what is known of a sweep now.
type Summary struct {
	Sweep      string           `json:"sweep"` // its folder
	Experiment string           `json:"experiment"`
	Method     string           `json:"method"`
	Metric     string           `json:"metric"`
	Minimize   bool             `json:"minimize"`
	Total      int              `json:"total"`    // trials in all
	Done       int              `json:"done"`     // trials with metrics
	Failed     int              `json:"failed"`   // trials that failed or killed their workers
	Running    int              `json:"running"`  // trials that were begun and are not over, as far as the folder tells
	Settings   []SettingSummary `json:"settings"` // the best first
	Best       *SettingSummary  `json:"best"`     // nil while no setting has all its seeds
	Seconds    float64          `json:"seconds"`  // of all trials together
}

// SettingSummary is a setting with all of its seeds.
type SettingSummary struct {
	Setting  int               `json:"setting"`
	Rung     int               `json:"rung"`
	Settings map[string]string `json:"settings"`
	Mean     *stats.Mean       `json:"mean"` // of the metric, with Student's t interval at 95%; nil while there is no value
	Values   []float64         `json:"values"`
	Trials   []TrialSummary    `json:"trials"`
	Complete bool              `json:"complete"` // every seed is done
	Errors   int               `json:"errors"`   // seeds that failed
}

// TrialSummary is a trial and what came out.
type TrialSummary struct {
	Trial   int     `json:"trial"`
	Seed    int64   `json:"seed"`
	State   string  `json:"state"` // done, failed, killed, running, waiting
	Error   string  `json:"error,omitempty"`
	Run     string  `json:"run,omitempty"` // run folder
	Seconds float64 `json:"seconds"`
	// Value is the metric; nil where there is none.
	Value *float64 `json:"value"`
}

// Summarise reads the folder.
func (s *Sweep) Summarise() (*Summary, error) { return newLedger(s).summarise() }

func (l *ledger) summarise() (*Summary, error) {
	if _, err := l.read(); err != nil {
		return nil, err
	}
	s := l.Sweep
	sum := &Summary{Sweep: s.Dir, Experiment: s.Spec.Experiment, Method: s.Spec.Method, Metric: s.Spec.Metric, Minimize: s.Spec.Minimize,
		Total: s.Spec.Total(), Settings: []SettingSummary{}}
	for _, t := range l.trials {
		if t.Setting == len(sum.Settings) {
			sum.Settings = append(sum.Settings, SettingSummary{Setting: t.Setting, Rung: t.Rung, Settings: t.Settings, Values: []float64{}})
		}
		at := &sum.Settings[len(sum.Settings)-1]
		trial, err := l.summariseTrial(t, sum)
		if err != nil {
			return nil, err
		}
		at.Trials = append(at.Trials, trial)
		if trial.Value != nil {
			at.Values = append(at.Values, *trial.Value)
		}
		if trial.State == string(Failed) || trial.State == string(Killed) {
			at.Errors++
		}
	}
	for i := range sum.Settings {
		at := &sum.Settings[i]
		at.Complete = len(at.Values) == s.Spec.Seeds
		if len(at.Values) > 0 {
			mean := stats.Repeated(at.Values)
			at.Mean = &mean
		}
	}
	slices.SortStableFunc(sum.Settings, s.Spec.better)
	for i, at := range sum.Settings {
		if at.Complete {
			sum.Best = &sum.Settings[i]
			break
		}
	}
	return sum, nil
}

// summariseTrial reads what came out of a trial and counts it.
func (l *ledger) summariseTrial(t Trial, sum *Summary) (TrialSummary, error) {
	out := TrialSummary{Trial: t.Number, Seed: t.Seed, State: "waiting"}
	r, ok := l.results[t.Number]
	if !ok {
		st, err := l.state(t.Number)
		if err == nil && st.attempts > 0 && st.last == nil {
			out.State = "running"
			sum.Running++
		}
		return out, err
	}
	sum.Seconds += r.Seconds
	out.State, out.Error, out.Seconds = string(r.Status), r.Error, r.Seconds
	if r.Run != "" {
		out.Run = l.trialPath(t.Number, "%s", r.Run)
	}
	if r.Status != Done {
		sum.Failed++
		return out, nil
	}
	sum.Done++
	if v, ok := r.Metrics[l.Spec.Metric]; ok {
		out.Value = &v
	}
	return out, nil
}

// better orders settings: later rungs first, then those without a failed seed, then by the mean of the metric.
func (s *Spec) better(a, b SettingSummary) int {
	loss := func(x SettingSummary) float64 {
		if x.Mean == nil {
			return math.Inf(1)
		}
		return s.loss(x.Mean.Value)
	}
	valued := func(x SettingSummary) bool { return x.Mean != nil }
	return cmp.Or(
		-boolCompare(valued(a), valued(b)),
		-cmp.Compare(a.Rung, b.Rung),
		cmp.Compare(min(a.Errors, 1), min(b.Errors, 1)),
		cmp.Compare(loss(a), loss(b)),
	)
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
