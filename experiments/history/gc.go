package history

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Waste is a file or folder that nobody needs.
type Waste struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Why   string `json:"why"`

	run *experiments.Run // whose it is; nil for what is left of one that was removed
	all bool             // whether it is the whole run
}

var (
	leftover = regexp.MustCompile(`^\..+\.[0-9a-f]{16}\.part$`)    // of a file that was being written (internal/atomicfile)
	removed  = regexp.MustCompile(`^\..+\.[0-9a-f]{16}\.removed$`) // of a run that was being removed
	// What a run may hold that has not recorded a step.
	early = regexp.MustCompile(`^(\.lock|manifest\.json|changes\.diff|log\.txt|metrics\.jsonl|report\.html)$`)
)

// FindWaste lists what may go from the runs directly below dir: all checkpoints of complete runs but the last and those that were
// kept as the best ([experiments.Best]); runs that
// stopped before their first recorded step; what writing or removing left behind when it was cut short. A run that a process
// works on is left out, and so are runs in which something has changed within the time quiet, and every folder model/.
func FindWaste(dir string, quiet time.Duration) (waste []Waste, problems []error, err error) {
	folders, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot list the runs: %w", err)
	}
	for _, folder := range folders {
		path := filepath.Join(dir, folder.Name())
		if folder.IsDir() && removed.MatchString(folder.Name()) {
			files, err := Files(&experiments.Run{Dir: path})
			if err != nil {
				problems = append(problems, err)
				continue
			}
			waste = append(waste, Waste{Path: path, Bytes: Bytes(files), Why: "left of a run that was removed"})
			continue
		}
		run, err := experiments.OpenRun(path)
		if err != nil || !folder.IsDir() { // a link to a run elsewhere is left alone
			continue
		}
		found, err := wasteOf(run, quiet)
		if err != nil {
			problems = append(problems, err)
		}
		waste = append(waste, found...)
	}
	return waste, problems, nil
}

func wasteOf(run *experiments.Run, quiet time.Duration) ([]Waste, error) {
	entry, problems := Read(run)
	if entry.State == Running || len(problems) > 0 {
		return nil, nil
	}
	files, err := Files(run)
	if err != nil {
		return nil, err
	}
	recorded, kept := int64(0), false // kept: what a run does not make before its first step, or what somebody else has put there
	for _, f := range files {
		info, err := os.Stat(run.Path(f.Path))
		if err != nil || time.Since(info.ModTime()) < quiet {
			return nil, nil
		}
		folder, _, _ := strings.Cut(f.Path, "/")
		kept = kept || !early.MatchString(f.Path) && folder != "plots" && !leftover.MatchString(filepath.Base(f.Path))
		if f.Path == "metrics.jsonl" {
			recorded = f.Bytes
		}
	}
	if entry.State == Stopped && recorded == 0 && !kept {
		return []Waste{{Path: run.Dir, Bytes: Bytes(files), Why: "stopped before its first recorded step", run: run, all: true}}, nil
	}
	last := lastCheckpoint(files)
	var waste []Waste
	for _, f := range files {
		_, name := filepath.Split(f.Path)
		named, isCheckpoint := checkpoint(f)
		why := ""
		switch {
		case strings.HasPrefix(f.Path, "model/"):
		case leftover.MatchString(name):
			why = "left of a file that was being written"
		case entry.Complete && isCheckpoint && f.Path != last && !named.Best:
			why = "a checkpoint of a complete run, and not its last"
		}
		if why != "" {
			waste = append(waste, Waste{Path: run.Path(f.Path), Bytes: f.Bytes, Why: why, run: run})
		}
	}
	return waste, nil
}

// lastCheckpoint is the checkpoint of the last training with the most steps; "" where there is none.
func lastCheckpoint(files []File) (last string) {
	var latest experiments.CheckpointName
	for _, f := range files {
		if name, ok := checkpoint(f); ok && (last == "" || name.Compare(latest) >= 0) {
			last, latest = f.Path, name
		}
	}
	return last
}

// checkpoint is what the name of a checkpoint among a run's files says.
func checkpoint(f File) (experiments.CheckpointName, bool) {
	name, in := strings.CutPrefix(f.Path, "checkpoints/")
	parsed, ok := experiments.ParseCheckpointName(name)
	return parsed, in && ok
}

// Remove deletes what was found, unless a process works on the run by now.
func (w Waste) Remove() error {
	switch {
	case w.run == nil:
		return os.RemoveAll(w.Path)
	case w.all:
		if last, err := lastStep(w.run); last != nil || err != nil { // somebody may have gone on with it since it was found
			return fmt.Errorf("the run %s has recorded steps since it was looked at; it stays", w.run.Dir)
		}
		return Remove(w.run)
	}
	return alone(w.run, func() error {
		if err := os.Remove(w.Path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("cannot remove %s: %w", w.Path, err)
		}
		return nil
	})
}
