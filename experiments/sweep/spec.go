package sweep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/shell"
)

// Spec is what was asked for. It is written to sweep.json once; whoever opens the folder works on this.
type Spec struct {
	Format     int              `json:"format"`
	Experiment string           `json:"experiment"`
	Form       experiments.Form `json:"form"`
	Set        []string         `json:"set"`            // key=value, the same for all trials
	Data       string           `json:"data,omitempty"` // folder of the main data set
	Over       []Dimension      `json:"over"`
	Method     string           `json:"method"`
	Trials     int              `json:"trials"` // settings that are tried; successive halving begins with as many
	Seeds      int              `json:"seeds"`  // trials of each setting
	FirstSeed  int64            `json:"first_seed"`
	Metric     string           `json:"metric"` // among what the experiment measures; larger is better unless Minimize is set
	Minimize   bool             `json:"minimize"`
	Rungs      []Rung           `json:"rungs,omitempty"`  // of successive halving
	Budget     string           `json:"budget,omitempty"` // the setting that rungs differ in
	Lease      float64          `json:"lease_seconds"`    // without a sign of life after which another worker takes a trial over
	Commit     string           `json:"commit,omitempty"` // of the checkout it was asked for in
	Created    time.Time        `json:"created"`
}

// Rung is a round of successive halving.
type Rung struct {
	Settings int `json:"settings"` // how many take part
	Budget   int `json:"budget"`   // value of Spec.Budget
}

// format is the version of the folder's layout; a later one is refused with a sentence.
const format = 1

// Sweep is a sweep's folder.
type Sweep struct {
	Dir    string
	Spec   Spec
	method Method
}

const specFile = "sweep.json"

// DefaultLease is long enough for NFS, which may show a file of another machine a minute late.
const DefaultLease = 90 * time.Second

// fixed are the settings that all trials share.
func (s *Spec) fixed() ([]experiments.Override, error) {
	var all []experiments.Override
	for _, text := range s.Set {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// overrides are the shared settings and then a trial's own, in the order of the dimensions.
func (s *Spec) overrides(settings map[string]string) []experiments.Override {
	all, _ := s.fixed() // checked when the spec was
	for _, d := range s.Over {
		if v, ok := settings[d.Key]; ok {
			all = append(all, experiments.Override{Key: d.Key, Value: v})
		}
	}
	if v, ok := settings[s.Budget]; ok && s.Budget != "" {
		all = append(all, experiments.Override{Key: s.Budget, Value: v})
	}
	return all
}

// Options are what a trial of the sweep is run with.
func (s *Spec) Options(t Trial, out string) experiments.Options {
	return experiments.Options{Form: s.Form, Seed: t.Seed, Overrides: s.overrides(t.Settings), DataDir: s.Data, Out: out}
}

// settings is how many settings are tried in all, those of later rungs included.
func (s *Spec) settings() int {
	if len(s.Rungs) == 0 {
		return s.Trials
	}
	n := 0
	for _, r := range s.Rungs {
		n += r.Settings
	}
	return n
}

// Total is the number of trials in all.
func (s *Spec) Total() int { return s.settings() * s.Seeds }

// Create makes the sweep's folder, or opens the one that is there if the same was asked for before. Check has been called on spec.
func Create(dir string, spec Spec) (*Sweep, error) {
	spec.Format, spec.Created, spec.Commit = format, time.Now().UTC().Truncate(time.Second), experiments.Commit()
	if _, err := os.Stat(filepath.Join(dir, specFile)); err != nil {
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			return nil, fmt.Errorf("expected an empty folder or a sweep's at %s, found other things; choose another with --out", dir)
		}
	}
	for _, sub := range []string{"trials", "workers"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("cannot make the sweep's folder: %w; choose another with --out", err)
		}
	}
	if _, err := createOnce(filepath.Join(dir, specFile), spec); err != nil {
		return nil, err
	}
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if what, asked, found := difference(spec, s.Spec); what != "" {
		return nil, fmt.Errorf("the folder %s holds another sweep: its %s is %s, and %s was asked for; `glimpse sweep resume %s` goes on with it, "+
			"--out chooses another folder", dir, what, found, asked, shell.Quote(dir))
	}
	return s, nil
}

// difference names the first thing in which two specs ask for something else.
func difference(a, b Spec) (name, inA, inB string) {
	a.Created, a.Commit = b.Created, b.Commit
	fields := func(s Spec) []byte {
		data, _ := json.Marshal(s)
		return data
	}
	var x, y map[string]json.RawMessage
	_, _ = json.Unmarshal(fields(a), &x), json.Unmarshal(fields(b), &y)
	for _, name := range []string{"experiment", "form", "set", "data", "over", "method", "trials", "seeds", "first_seed", "metric", "minimize",
		"rungs", "budget", "lease_seconds"} {
		if !bytes.Equal(x[name], y[name]) {
			return name, orNone(x[name]), orNone(y[name])
		}
	}
	return "", "", ""
}

func orNone(value json.RawMessage) string {
	if value == nil {
		return "nothing"
	}
	return string(value)
}

// Open opens the folder of a sweep.
func Open(dir string) (*Sweep, error) {
	s := &Sweep{Dir: dir}
	ok, err := readJSON(filepath.Join(dir, specFile), &s.Spec)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("expected the folder of a sweep, with %s, at %s, found none; `glimpse sweep NAME --over key=values` makes one", specFile, dir)
	case s.Spec.Format > format:
		return nil, fmt.Errorf("the sweep %s was written by a newer glimpse (format %d, this one reads %d); update glimpse to open it", dir, s.Spec.Format, format)
	case s.Spec.Format < 1 || s.Spec.Seeds < 1 || s.Spec.Trials < 1 || s.Spec.Lease <= 0:
		return nil, fmt.Errorf("%s is damaged: expected a format, seeds, trials and a lease, found none", filepath.Join(dir, specFile))
	}
	s.method, err = methodNamed(s.Spec.Method)
	return s, err
}

func (s *Sweep) lease() time.Duration { return time.Duration(s.Spec.Lease * float64(time.Second)) }
