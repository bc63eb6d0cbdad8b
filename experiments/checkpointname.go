package experiments

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// CheckpointName is what the name of a checkpoint's file says: which training of its run it is of, counted from 1, and after which step it was
// written, or that the training was over.
type CheckpointName struct {
	Training int
	Slug     string // of the training's name
	Step     int    // 0 when it is done
	Done     bool
	Best     bool // no evaluation before it did as well (Saving.Best)
}

func nameCheckpoint(training int, name string, step int, done bool) CheckpointName {
	slug := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	if done {
		step = 0
	}
	return CheckpointName{Training: training, Slug: slug, Step: step, Done: done}
}

// String is the file's name.
func (n CheckpointName) String() string {
	end := fmt.Sprintf("step-%09d", n.Step)
	if n.Best {
		end += "-best"
	}
	if n.Done {
		end = "done"
	}
	return fmt.Sprintf("%02d-%s-%s.safetensors", n.Training, n.Slug, end)
}

// Runs of earlier versions have one checkpoint, step-N.safetensors: it is of training 0.
var checkpointNames = regexp.MustCompile(`^(?:(\d+)-([a-z0-9-]*)-)?(?:(done)|step-(\d+)(-best)?)\.safetensors$`)

// ParseCheckpointName reads the name of a file; ok is false where it is not a checkpoint's.
func ParseCheckpointName(file string) (n CheckpointName, ok bool) {
	match := checkpointNames.FindStringSubmatch(file)
	if match == nil {
		return n, false
	}
	n.Slug, n.Done, n.Best = match[2], match[3] != "", match[5] != ""
	var err1, err2 error
	n.Training, err1 = strconv.Atoi(cmp.Or(match[1], "0"))
	n.Step, err2 = strconv.Atoi(cmp.Or(match[4], "0"))
	return n, err1 == nil && err2 == nil
}

// Compare is negative where n was written before other, and positive where it was written after.
func (n CheckpointName) Compare(other CheckpointName) int {
	if c := cmp.Compare(n.Training, other.Training); c != 0 {
		return c
	}
	if n.Done != other.Done {
		return later(n.Done)
	}
	if c := cmp.Compare(n.Step, other.Step); c != 0 || n.Best == other.Best {
		return c
	}
	return later(n.Best) // the other one was stopped before its evaluation
}

func later(yes bool) int {
	if yes {
		return 1
	}
	return -1
}
