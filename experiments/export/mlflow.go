package export

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// MLflow writes a run into a file store of MLflow, the folder that its tools call mlruns: settings as params, curves and results
// as metrics, where it comes from as tags, small files as artifacts. The run goes to experiment 0, "Default", and has the same
// id each time, so that another export takes the place of the earlier one. It returns the run's folder.
//
// The layout is that of mlflow/store/tracking/file_store.py. Names are changed where MLflow allows fewer letters: recall@10
// becomes recall_at_10. The run is shown under the name given.
func MLflow(run *experiments.Run, dir, name string) (string, error) {
	lines, err := history.Recorded(run)
	if err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	experiment := filepath.Join(absolute, "0")
	if err := os.MkdirAll(experiment, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the folder of an export: %w", err)
	}
	if _, err := os.Stat(filepath.Join(experiment, "meta.yaml")); errors.Is(err, fs.ErrNotExist) {
		if err := atomicfile.WriteFile(filepath.Join(experiment, "meta.yaml"), experimentMeta(experiment, run.Manifest.Started)); err != nil {
			return "", err
		}
	}
	id := runID(run.Manifest)
	path := filepath.Join(experiment, id)
	entry, _ := history.Read(run)
	s := store{dir: path + ".part"}
	if err := os.RemoveAll(s.dir); err != nil {
		return "", fmt.Errorf("cannot remove what is left of an export: %w", err)
	}
	s.fill(run, name, entry, lines)
	s.write("meta.yaml", runMeta(path, id, name, run, entry))
	if s.err == nil {
		s.err = os.RemoveAll(path)
	}
	if s.err == nil {
		s.err = os.Rename(s.dir, path)
	}
	if s.err != nil {
		os.RemoveAll(s.dir)
		return "", fmt.Errorf("cannot write the export: %w", s.err)
	}
	return filepath.Join(dir, "0", id), nil
}

// runID is a run's id in MLflow: 32 hexadecimal digits, the same each time.
func runID(m experiments.Manifest) string {
	text, _ := json.Marshal([]any{m.Experiment, m.Started, m.Seed, m.Config, m.Machine, m.Command}) // JSON is in it already
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%x", sum[:16])
}

// store is a run's folder in the making. It keeps the first error.
type store struct {
	dir string
	err error
}

func (s *store) write(name string, data []byte) {
	if s.err != nil {
		return
	}
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if s.err = os.MkdirAll(filepath.Dir(path), 0o755); s.err == nil {
		s.err = os.WriteFile(path, data, 0o644)
	}
}

// artifacts are the files of a run that go with it.
var artifacts = []string{"manifest.json", "results.json", "report.json", "report.html"}

func (s *store) fill(run *experiments.Run, name string, entry history.Entry, lines []map[string]float64) {
	m := run.Manifest
	for _, folder := range []string{"params", "metrics", "tags", "artifacts"} {
		if s.err == nil {
			s.err = os.MkdirAll(filepath.Join(s.dir, folder), 0o755)
		}
	}
	for key, value := range history.Settings(run) {
		if key != "commit" && key != "backend" { // tags say these
			s.write("params/"+mlflowName(key), []byte(unquoted(value)))
		}
	}
	metrics := map[string]*strings.Builder{}
	add := func(name string, at time.Time, value, step float64) {
		name = mlflowName(name)
		if metrics[name] == nil {
			metrics[name] = &strings.Builder{}
		}
		fmt.Fprintf(metrics[name], "%d %s %.0f\n", at.UnixMilli(), strconv.FormatFloat(value, 'g', -1, 64), step)
	}
	for _, line := range lines {
		for name, value := range line {
			if name != "step" && name != "seconds" {
				add(name, timeOf(run, line), value, line["step"])
			}
		}
	}
	for name, value := range entry.Metrics {
		add("results/"+name, m.Started.Add(time.Duration(entry.Seconds*float64(time.Second))), value, float64(entry.Step))
	}
	for name, text := range metrics {
		s.write("metrics/"+name, []byte(text.String()))
	}
	tags := map[string]string{
		"mlflow.runName": name, "mlflow.source.name": strings.Join(m.Command, " "), "mlflow.source.type": "LOCAL",
		"mlflow.note.content": strings.Join(entry.Remarks, "\n\n"),
		"glimpse.backend":     m.Backend, "glimpse.machine": m.Machine,
	}
	tags["mlflow.source.git.commit"], _, _ = strings.Cut(m.Commit, "+")
	for name, version := range m.Versions {
		tags["glimpse.version."+name] = version
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if tags[name] != "" {
			s.write("tags/"+mlflowName(name), []byte(tags[name]))
		}
	}
	for _, name := range artifacts {
		if data, err := os.ReadFile(run.Path(name)); err == nil {
			s.write("artifacts/"+name, data)
		}
	}
}

// mlflowName is a name in the letters that MLflow allows: those of ASCII, digits, and _ - . : / and space.
func mlflowName(name string) string {
	name = strings.ReplaceAll(name, "@", "_at_")
	name = strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.:/ ", r)) {
			return r
		}
		return '_'
	}, name)
	// It becomes a path, which must not leave its folder.
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if part == "" || part == "." || part == ".." {
			parts[i] = "_"
		}
	}
	return strings.Join(parts, "/")
}

// unquoted is a setting without the quotes of a text.
func unquoted(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}

// Numbers of MLflow's states of a run and kinds of sources.
const (
	statusRunning, statusFinished, statusKilled = 1, 3, 5

	sourceLocal = 4
)

func runMeta(path, id, name string, run *experiments.Run, entry history.Entry) []byte {
	started, end, status := run.Manifest.Started, "null", statusFinished
	switch entry.State {
	case history.Complete:
		end = strconv.FormatInt(started.Add(time.Duration(entry.Seconds*float64(time.Second))).UnixMilli(), 10)
	case history.Running:
		status = statusRunning
	default:
		status = statusKilled
		end = strconv.FormatInt(timeOf(run, entry.Last).UnixMilli(), 10)
	}
	return yaml([][2]string{
		{"artifact_uri", quote(fileURI(filepath.Join(path, "artifacts")))}, {"end_time", end}, {"entry_point_name", "''"},
		{"experiment_id", "'0'"}, {"lifecycle_stage", "active"}, {"run_id", quote(id)}, {"run_name", quote(name)},
		{"run_uuid", quote(id)}, {"source_name", "''"}, {"source_type", strconv.Itoa(sourceLocal)}, {"source_version", "''"},
		{"start_time", strconv.FormatInt(started.UnixMilli(), 10)}, {"status", strconv.Itoa(status)}, {"tags", "[]"}, {"user_id", "''"},
	})
}

func experimentMeta(path string, at time.Time) []byte {
	millis := strconv.FormatInt(at.UnixMilli(), 10)
	return yaml([][2]string{
		{"artifact_location", quote(fileURI(path))}, {"creation_time", millis}, {"experiment_id", "'0'"}, {"last_update_time", millis},
		{"lifecycle_stage", "active"}, {"name", "Default"},
	})
}

// yaml writes a flat mapping.
func yaml(pairs [][2]string) []byte {
	var text strings.Builder
	for _, p := range pairs {
		text.WriteString(p[0] + ": " + p[1] + "\n")
	}
	return []byte(text.String())
}

// quote is a text in YAML's double quotes, whose escapes hold those of JSON.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // a text: nothing can fail
	return string(quoted)
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
