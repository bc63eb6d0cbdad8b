package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// State says how far a run has come.
type State string

// The states of a run.
const (
	Complete State = "complete" // results.json is there and can be read
	Running  State = "running"  // a process works on it
	Stopped  State = "stopped"  // neither
)

// Entry is a run as lists show it.
type Entry struct {
	Run        string           `json:"run"` // its folder
	Experiment string           `json:"experiment"`
	Form       experiments.Form `json:"form"`
	Seed       int64            `json:"seed"`
	Started    time.Time        `json:"started"`
	Backend    string           `json:"backend"`
	Commit     string           `json:"commit"`
	State      State            `json:"state"`
	Complete   bool             `json:"complete"`
	Devices    int              `json:"devices,omitempty"` // that the trainings were spread over, where there were several
	Seconds    float64          `json:"seconds"`           // 0 while it is not complete
	experiments.Used
	Step    int                `json:"step"`    // the last that was recorded; 0 for none
	Steps   int                `json:"steps"`   // of the training that step belongs to, where the configuration says it; else 0
	Over    int                `json:"over"`    // whole trainings before that one, while the run is not complete
	Last    map[string]float64 `json:"last"`    // the line of metrics.jsonl of that step
	Metrics map[string]float64 `json:"metrics"` // null while it is not complete
	Remarks []string           `json:"remarks"`
}

// Read says what the files of a run say. The problems are sentences on files that are damaged and were left out.
func Read(run *experiments.Run) (Entry, []error) {
	e, problems := read(run)
	e.look(run)
	return e, problems
}

// read is Read without what may change while all files stay as they are.
func read(run *experiments.Run) (e Entry, problems []error) {
	m := run.Manifest
	e = Entry{Run: run.Dir, Experiment: m.Experiment, Form: m.Form, Seed: m.Seed, Started: m.Started, Backend: m.Backend, Devices: m.Devices, Commit: m.Commit}
	var config struct {
		Train struct{ Steps int }
	}
	if json.Unmarshal(m.Config, &config) == nil { // not all experiments train
		e.Steps = config.Train.Steps
	}
	var result experiments.Result
	if err := run.Results(&result); err == nil {
		e.Complete, e.Seconds, e.Used, e.Metrics, e.Remarks = true, result.Seconds, result.Used, result.Metrics, result.Remarks
	} else if _, missing := os.Stat(run.Path("results.json")); missing == nil {
		problems = append(problems, err)
	}
	last, err := lastStep(run)
	if err != nil {
		problems = append(problems, err)
	}
	if last != nil {
		e.Last, e.Step = last, int(last["step"])
	}
	return e, problems
}

// trainingsOver counts the trainings of a run that left a checkpoint at their end.
func trainingsOver(run *experiments.Run) (n int) {
	files, err := os.ReadDir(run.Path("checkpoints"))
	if err != nil {
		return 0
	}
	for _, f := range files {
		if name, ok := experiments.ParseCheckpointName(f.Name()); ok && name.Done {
			n++
		}
	}
	return n
}

// look sets the state, and what goes with it: what lists do not remember.
func (e *Entry) look(run *experiments.Run) {
	if !e.Complete {
		if e.Over = trainingsOver(run); e.Over > 0 {
			e.Steps = 0
		}
	}
	switch {
	case e.Complete:
		e.State = Complete
	case run.Running():
		e.State = Running
	default:
		e.State = Stopped
	}
}

// Value is the run's figure of that name: a result or, while there is none of that name, what the last recorded step says.
func (e Entry) Value(name string) (float64, bool) {
	if v, ok := e.Metrics[name]; ok {
		return v, true
	}
	v, ok := e.Last[name]
	return v, ok
}

// How says in a few words how far the run has come.
func (e Entry) How() string {
	at := "before its first recorded step"
	if e.Step > 0 {
		at = fmt.Sprintf("at step %d", e.Step)
		if e.Steps > 0 {
			at += fmt.Sprintf(" of %d", e.Steps)
		}
	}
	if e.Over > 0 {
		at += fmt.Sprintf(", trainings that are over: %d", e.Over)
	}
	switch e.State {
	case Complete:
		return "complete, took " + time.Duration(e.Seconds*float64(time.Second)).Round(time.Second).String()
	case Running:
		return "running, " + at
	}
	return "stopped " + at
}

// tail is how much of the end of metrics.jsonl is read for its last line.
const tail = 16 << 10

// lastStep is the last whole line of metrics.jsonl; nil where there is none. A last line that was cut short is left out.
func lastStep(run *experiments.Run) (map[string]float64, error) {
	f, err := os.Open(run.Path("metrics.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the run's metrics: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read the run's metrics: %w", err)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-tail), tail))
	if err != nil {
		return nil, fmt.Errorf("cannot read the run's metrics: %w", err)
	}
	for len(data) > 0 {
		start := bytes.LastIndexByte(bytes.TrimSuffix(data, []byte("\n")), '\n') + 1
		var step map[string]float64
		if err := json.Unmarshal(data[start:], &step); err == nil {
			return step, nil
		} else if bytes.HasSuffix(data, []byte("\n")) && (start > 0 || info.Size() <= tail) {
			return nil, fmt.Errorf("the last line of %s is damaged: %w", run.Path("metrics.jsonl"), err)
		}
		data = data[:start]
	}
	return nil, nil
}
