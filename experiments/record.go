package experiments

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Record is a run as docs/results keeps it. R is what the run found out, in a file of its own in the run's folder.
type Record[R any] struct {
	Experiment string          `json:"experiment"`
	Seed       int64           `json:"seed"`
	Config     json.RawMessage `json:"config"`
	Backend    string          `json:"backend"`
	Machine    string          `json:"machine"`
	Started    string          `json:"started"`
	Commit     string          `json:"commit"`
	Seconds    float64         `json:"seconds"` // all of the run
	Used
	Report R                    `json:"report"`
	Curve  []map[string]float64 `json:"curve,omitempty"` // step and figures on dev pictures
}

// ReadRecord takes from a full run's folder what is recorded: what reportFile says, and of the steps that were evaluated, which
// are those that have the first of the figures, all of the figures; without figures, no steps. The run has to be one of the experiments named.
func ReadRecord[R any](dir, reportFile string, named, figures []string) (Record[R], error) {
	var r Record[R]
	run, err := OpenRun(dir)
	if err != nil {
		return r, err
	}
	m := run.Manifest
	if !slices.Contains(named, m.Experiment) {
		return r, fmt.Errorf("expected a run of %s in %s, found one of %s", strings.Join(named, " or "), dir, m.Experiment)
	}
	if m.Form != Full {
		return r, fmt.Errorf("expected a full run in %s, found a quick one", dir)
	}
	var result Result
	if err := run.Results(&result); err != nil {
		return r, err
	}
	r = Record[R]{Experiment: m.Experiment, Seed: m.Seed, Config: m.Config, Machine: m.Machine, Commit: m.Commit,
		Started: m.Started.Format("2006-01-02 15:04 MST"), Seconds: result.Seconds, Used: result.Used}
	r.Backend, _, _ = strings.Cut(m.Backend, ",") // without the path of a library
	data, err := os.ReadFile(run.Path(reportFile))
	if err != nil {
		return r, fmt.Errorf("cannot read what a run found out: %w", err)
	}
	if err := json.Unmarshal(data, &r.Report); err != nil {
		return r, fmt.Errorf("%s is damaged: %w", run.Path(reportFile), err)
	}
	if len(figures) == 0 {
		return r, nil
	}
	steps, err := run.Metrics()
	if err != nil {
		return r, err
	}
	for _, step := range steps {
		if _, ok := step[figures[0]]; ok {
			point := map[string]float64{}
			for _, column := range append([]string{"step", "seconds", "loss"}, figures...) {
				if v, ok := step[column]; ok {
					point[column] = v
				}
			}
			r.Curve = append(r.Curve, point)
		}
	}
	return r, nil
}

// CheckCheckout is an error where root is no checkout of the lab, whose docs a recording command writes.
func CheckCheckout(root string) error {
	for _, name := range []string{"go.mod", "docs"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return fmt.Errorf("expected a checkout of the lab at %s, found none with %s in it; say where it is with --root", root, name)
		}
	}
	return nil
}

// ReadRecorded reads a file of recorded results; one that is not there holds none.
func ReadRecorded[T any](root, name string) (recorded T, err error) {
	data, err := os.ReadFile(filepath.Join(root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return recorded, nil
	}
	if err != nil {
		return recorded, fmt.Errorf("cannot read the recorded results: %w", err)
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		return recorded, fmt.Errorf("%s is damaged: %w", name, err)
	}
	return recorded, nil
}

// WriteRecorded writes a file of recorded results, its folder too, and reads it back, as tests of pages do.
func WriteRecorded[T any](root, name string, recorded T) (T, error) {
	data, err := json.MarshalIndent(recorded, "", " ")
	if err != nil {
		return recorded, err
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
		return recorded, fmt.Errorf("cannot record the results: %w", err)
	}
	if err := atomicfile.WriteFile(filepath.Join(root, name), append(data, '\n')); err != nil {
		return recorded, err
	}
	return ReadRecorded[T](root, name)
}

// Difference lists the settings of a that differ from b's, as key=value, in code quotes, without those that are named in
// but, a name with a dot at its end standing for all settings below it; "nothing" where there are none. A setting that only one of them has makes no
// difference while it is off (0, false or empty): it is newer than the other's experiment.
func Difference(a, b json.RawMessage, but ...string) string {
	x, y := Flat(a), Flat(b)
	keys := maps.Clone(x)
	maps.Copy(keys, y)
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if newer := x[key] == "" && off(y[key]) || y[key] == "" && off(x[key]); newer {
			continue
		}
		if x[key] != y[key] && !slices.ContainsFunc(but, func(b string) bool { return key == b || strings.HasSuffix(b, ".") && strings.HasPrefix(key, b) }) {
			value := x[key]
			if value == "" {
				value = "none"
			}
			parts = append(parts, fmt.Sprintf("%s=%s", key, value))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return "`" + strings.Join(parts, " ") + "`"
}

func off(value string) bool {
	return slices.Contains([]string{"0", "false", `""`, "null", "[]"}, value)
}

// Flat is a configuration as one map from paths with dots, such as train.optimizer.lr, to values as JSON. An object without
// parts has none.
func Flat(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	var walk func(path string, raw json.RawMessage)
	walk = func(path string, raw json.RawMessage) {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil || object == nil {
			var compact any
			_ = json.Unmarshal(raw, &compact)
			text, _ := json.Marshal(compact)
			out[path] = string(text)
			return
		}
		for key, value := range object {
			walk(strings.TrimPrefix(path+"."+key, "."), value)
		}
	}
	walk("", raw)
	delete(out, "") // no object at all
	return out
}
