package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Run is a run's folder: plain files that say what was run and what came out.
//
//	manifest.json   what was run: experiment, configuration, seed, backend, versions
//	metrics.jsonl   one JSON object a recorded step
//	changes.diff    how the checkout differed from its commit, if it did
//	log.txt         what was said meanwhile, and when
//	results.json    what came out, once the run is complete
//	checkpoints/    states of the training
//	model/          the trained model
//	plots/          pictures
type Run struct {
	Dir      string
	Manifest Manifest
	metrics  *metricsWriter
	log      *os.File
	lock     *flock.Flock // held while the run is worked on
	owned    bool         // whether nothing was in the folder before
}

// Manifest says what was run.
type Manifest struct {
	Format     int               `json:"format"`
	Experiment string            `json:"experiment"`
	Form       Form              `json:"form"`
	Config     json.RawMessage   `json:"config"`
	Seed       int64             `json:"seed"`
	Started    time.Time         `json:"started"`
	Backend    string            `json:"backend"`
	Devices    int               `json:"devices,omitempty"` // of the backend that the trainings were spread over, where there were several
	Command    []string          `json:"command"`
	Commit     string            `json:"commit,omitempty"`
	Versions   map[string]string `json:"versions"`
	Machine    string            `json:"machine"`
	DataDir    string            `json:"data_dir,omitempty"`  // given in the place of the main data set's folder
	Data       map[string]string `json:"data,omitempty"`      // fingerprints of the data sets that were read, by name and split
	Untracked  map[string]string `json:"untracked,omitempty"` // sha256, or size and time, of the checkout's files that git does not know; changes.diff has the others' changes
	Parent     string            `json:"parent,omitempty"`    // folder of the run whose weights this one started from
	Attempts   []Attempt         `json:"attempts,omitempty"`  // each time the run was resumed
}

// Attempt is a process that went on with a run.
type Attempt struct {
	Started time.Time `json:"started"`
	Commit  string    `json:"commit,omitempty"`
	Machine string    `json:"machine"`
}

// format is the version of the folder's layout; a later one is refused with a sentence.
const format = 1

// The files of a run folder.
const (
	manifestFile = "manifest.json"
	metricsFile  = "metrics.jsonl"
	resultsFile  = "results.json"
	logFile      = "log.txt"
	changesFile  = "changes.diff"
	lockFile     = ".lock"
)

// NewRun makes the folder dir, or a fresh one under runs/ when dir is empty, and writes its manifest.
func NewRun(dir, experiment string, form Form, config any, seed int64, b *backend.Backend) (*Run, error) {
	if dir == "" {
		fresh, err := freshDir(experiment, seed)
		if err != nil {
			return nil, err
		}
		dir = fresh
	}
	if err := noRunIn(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	owned := len(entries) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist))
	for _, sub := range []string{"", "checkpoints", "plots"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("cannot make the run folder %s: %w; choose another with --out", dir, err)
		}
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	r := &Run{Dir: dir, owned: owned, Manifest: Manifest{
		Format: format, Experiment: experiment, Form: form, Config: raw, Seed: seed, Started: now(),
		Backend: withoutLibrary(b.Config), Devices: several(b.Devices), Command: os.Args, Commit: Commit(), Versions: versions(b), Machine: machine(),
	}}
	if err := r.open(); err != nil {
		return nil, err
	}
	err = noRunIn(dir) // which another process may have made until the lock was free
	if err == nil {
		err = r.keepChanges()
	}
	if err == nil {
		err = r.WriteJSON(manifestFile, r.Manifest)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	r.note("begun: %s", strings.Join(os.Args, " "))
	return r, nil
}

// several is a number of devices as the manifest has it: nothing for one.
func several(devices int) int {
	if devices < 2 {
		return 0
	}
	return devices
}

// noRunIn is an error where dir holds a run.
func noRunIn(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, manifestFile)); err == nil {
		return fmt.Errorf("the folder %s already holds a run; choose another with --out or move it away", dir)
	}
	return nil
}

// glance is longer than [Run.Running] holds the lock that it looks at.
const glance = time.Second

// open locks the run and opens what is written while it goes on.
func (r *Run) open() (err error) {
	r.lock = flock.New(r.Path(lockFile), flock.SetPermissions(0o644)) // others may see that the run is worked on
	ctx, cancel := context.WithTimeout(context.Background(), glance)
	defer cancel()
	if free, err := r.lock.TryLockContext(ctx, glance/50); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot lock the run %s: %w", r.Dir, err)
	} else if !free {
		return fmt.Errorf("another process is working on the run %s; wait for it or stop it first", r.Dir)
	}
	var metrics *os.File
	for name, file := range map[string]**os.File{metricsFile: &metrics, logFile: &r.log} {
		if *file, err = os.OpenFile(r.Path(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
			r.close()
			return fmt.Errorf("cannot write %s: %w", r.Path(name), err)
		}
	}
	r.metrics = &metricsWriter{file: metrics}
	return nil
}

// close ends the work on the run. It may be called twice.
func (r *Run) close() {
	if r.metrics != nil {
		r.metrics.close()
	}
	if r.log != nil {
		r.log.Close()
	}
	if r.lock != nil {
		r.lock.Unlock()
	}
}

// Running says whether a process is working on the run now, on this machine or, where the file system knows of locks elsewhere, on
// another.
func (r *Run) Running() bool {
	if _, err := os.Stat(r.Path(lockFile)); err != nil {
		return false
	}
	lock := flock.New(r.Path(lockFile))
	free, err := lock.TryRLock()
	if free {
		lock.Unlock()
	}
	return err == nil && !free
}

// note writes a line with the time into the run's log. A log that cannot be written is no reason to stop a run.
func (r *Run) note(format string, args ...any) {
	if r != nil && r.log != nil {
		fmt.Fprintf(r.log, "%s %s\n", now().Format(time.RFC3339), fmt.Sprintf(format, args...))
	}
}

// freshDir makes a folder under runs/ that no other run has, not even one that starts in the same second.
func freshDir(experiment string, seed int64) (string, error) {
	if err := os.MkdirAll("runs", 0o755); err != nil {
		return "", fmt.Errorf("cannot make the folder runs here: %w; choose a run folder with --out", err)
	}
	stamp := time.Now().Format("20060102-150405")
	name := filepath.Join("runs", fmt.Sprintf("%s-%s-seed%d", strings.ReplaceAll(experiment, "/", "-"), stamp, seed))
	for dir, n := name, 2; ; dir, n = fmt.Sprintf("%s-%d", name, n), n+1 {
		if err := os.Mkdir(dir, 0o755); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("cannot make the run folder %s: %w; choose another with --out", dir, err)
		}
	}
}

// OpenRun reads the manifest of a run folder.
func OpenRun(dir string) (*Run, error) {
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, fmt.Errorf("expected a run folder with %s at %s, found none; `glimpse runs list` shows the runs there are", manifestFile, dir)
	}
	r := &Run{Dir: dir}
	if err := json.Unmarshal(data, &r.Manifest); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", filepath.Join(dir, manifestFile), err)
	}
	if r.Manifest.Format < 1 {
		return nil, fmt.Errorf("%s is damaged: expected a run's format and configuration, found none", filepath.Join(dir, manifestFile))
	}
	if r.Manifest.Format > format {
		return nil, fmt.Errorf("the run %s was written by a newer glimpse (format %d, this one reads %d); update glimpse to open it", dir, r.Manifest.Format, format)
	}
	return r, nil
}

// ListRuns opens the runs directly below dir, the earliest first. What is no run is left out.
func ListRuns(dir string) ([]*Run, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the runs: %w", err)
	}
	var runs []*Run
	for _, entry := range entries {
		if r, err := OpenRun(filepath.Join(dir, entry.Name())); err == nil {
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(a, b *Run) int { return a.Manifest.Started.Compare(b.Manifest.Started) })
	return runs, nil
}

// Path is the path of a file in the run's folder.
func (r *Run) Path(name ...string) string { return filepath.Join(append([]string{r.Dir}, name...)...) }

// discard removes the folder of a run that failed, unless it recorded a step or the folder held other things before.
func (r *Run) discard() (removed bool) {
	if r.metrics.flush() != nil {
		return false
	}
	info, err := os.Stat(r.Path(metricsFile))
	return r.owned && err == nil && info.Size() == 0 && os.RemoveAll(r.Dir) == nil
}

// Finish writes results.json, which makes the run complete, and closes the metrics.
func (r *Run) Finish(results any) error {
	if _, err := r.flushMetrics(); err != nil {
		return err
	}
	if err := r.metrics.close(); err != nil {
		return fmt.Errorf("cannot write the run's metrics: %w", err)
	}
	return r.WriteJSON(resultsFile, results)
}

// Results reads results.json into out. The error of a run that is not complete says so.
func (r *Run) Results(out any) error {
	data, err := os.ReadFile(r.Path(resultsFile))
	if err != nil {
		return fmt.Errorf("the run %s has no results: it is still running or was stopped", r.Dir)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s is damaged: %w", r.Path(resultsFile), err)
	}
	return nil
}

// WriteJSON writes v as indented JSON into a file of the run, whole or not at all.
func (r *Run) WriteJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", r.Path(name), err)
	}
	return atomicfile.WriteFile(r.Path(name), append(data, '\n'))
}
