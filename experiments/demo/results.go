package demo

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
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Recorded results: docs/results/demo.json holds one record a backend, docs/results/demo.md and a part of README.md are
// written from it. Nothing in them is typed by hand, and a test compares them.
const (
	recordedFile  = "docs/results/demo.json"
	resultsPage   = "docs/results/demo.md"
	readmePage    = "README.md"
	readmePicture = "docs/images/demo-map.png"
	beginMark     = "<!-- results: written by `glimpse demo --record`, do not edit -->"
	endMark       = "<!-- end of results -->"
)

// RecordResults adds the demo in dir, a full one on real pictures, to the recorded results of the checkout root and writes the
// pages anew.
func RecordResults(dir, root string) error {
	if err := recordable(dir); err != nil {
		return err
	}
	var record Record
	if err := readJSON(filepath.Join(dir, RecordFile), &record); err != nil {
		return err
	}
	recorded, err := readRecorded(root)
	if err != nil {
		return err
	}
	kind, _, _ := strings.Cut(record.Backend, ":")
	recorded[kind] = record
	data, err := json.MarshalIndent(recorded, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(recordedFile)), 0o755); err != nil {
		return fmt.Errorf("cannot record the results: %w", err)
	}
	if err := atomicfile.WriteFile(filepath.Join(root, recordedFile), append(data, '\n')); err != nil {
		return err
	}
	readme, err := os.ReadFile(filepath.Join(root, readmePage))
	if err != nil {
		return fmt.Errorf("expected the checkout's README.md in %s: %w", root, err)
	}
	changed, err := withResults(string(readme), recorded)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(root, readmePage), []byte(changed)); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(root, resultsPage), []byte(resultsText(recorded))); err != nil {
		return err
	}
	picture, err := os.ReadFile(filepath.Join(dir, "clip", "plots", "map.png"))
	if err != nil {
		return fmt.Errorf("expected the demo's map of embeddings: %w", err)
	}
	return atomicfile.WriteFile(filepath.Join(root, readmePicture), picture)
}

// recordable refuses the demo in dir unless both of its runs are full ones on real pictures.
func recordable(dir string) error {
	for _, e := range All() {
		run, err := experiments.OpenRun(filepath.Join(dir, e.Name))
		if err != nil {
			return err
		}
		var report struct {
			Data string `json:"data"`
		}
		if err := readJSON(run.Path(ReportFile), &report); err != nil {
			return err
		}
		if run.Manifest.Form != experiments.Full || report.Data == "scenes" {
			return fmt.Errorf("expected full runs on real pictures to record, found in %s a %s run of %s on %s; `glimpse data list` says which pictures are missing",
				dir, run.Manifest.Form, e.Name, report.Data)
		}
	}
	return nil
}

func readRecorded(root string) (map[string]Record, error) {
	recorded := map[string]Record{}
	err := readJSON(filepath.Join(root, recordedFile), &recorded)
	if errors.Is(err, fs.ErrNotExist) {
		return recorded, nil
	}
	return recorded, err
}

// resultsText is docs/results/demo.md.
func resultsText(recorded map[string]Record) string {
	var b strings.Builder
	b.WriteString("# What `make demo` measured\n\n" + beginMark + "\n\n" +
		"Everything is measured on held-out pictures. Intervals are 95%: Wilson's for shares, bootstrapped over pictures for\n" +
		"means. The configurations are those of `glimpse train clip --show` and `glimpse train captioner --show` at the commit\n" +
		"given; the slower backend gets fewer training steps and pictures.\n")
	for _, kind := range slices.Sorted(maps.Keys(recorded)) {
		r := recorded[kind]
		fmt.Fprintf(&b, "\n## Backend %s\n\n%s, %s. All of it took %s. Commit `%s`.\n\n", r.Backend, r.Machine, r.Started, seconds(r.Seconds), experiments.ShortCommit(r.Commit))
		b.WriteString("| measured | value | 95% interval | examples | against |\n| --- | ---: | ---: | ---: | --- |\n")
		for _, row := range r.Rows() {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.What, row.Value, row.Interval, row.N, row.Against)
		}
		for _, remark := range r.Remarks {
			fmt.Fprintf(&b, "\n> %s\n", remark)
		}
	}
	b.WriteString("\n" + endMark + "\n")
	return b.String()
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// withResults is the README with the part between the marks written anew.
func withResults(readme string, recorded map[string]Record) (string, error) {
	before, rest, found := strings.Cut(readme, beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return "", fmt.Errorf("expected the marks %q and %q in README.md, found none", beginMark, endMark)
	}
	return before + beginMark + "\n" + readmeTable(recorded) + endMark + after, nil
}

// readmeTable is the table paper -> package -> command -> measured result.
func readmeTable(recorded map[string]Record) string {
	kinds := slices.Sorted(maps.Keys(recorded))
	cell := func(rows func(Record) []Row, wanted ...string) string {
		var parts []string
		for _, kind := range kinds {
			for _, row := range rows(recorded[kind]) {
				if slices.ContainsFunc(wanted, func(w string) bool { return strings.HasPrefix(row.What, w) }) {
					parts = append(parts, fmt.Sprintf("%s: %s %s (%s, n %s)", kind, row.What, row.Value, row.Interval, row.N))
				}
			}
		}
		return strings.Join(parts, "<br>")
	}
	var b strings.Builder
	b.WriteString("| paper | package | command | measured on held-out pictures (95% interval) |\n| --- | --- | --- | --- |\n")
	fmt.Fprintf(&b, "| [CLIP](https://arxiv.org/abs/2103.00020), Radford et al. 2021 | `clip` | `glimpse train clip` | %s |\n",
		cell(func(r Record) []Row { return r.CLIPRows }, "zero-shot accuracy", "recall@10, picture to text, fashion"))
	fmt.Fprintf(&b, "| [Show, Attend and Tell](https://arxiv.org/abs/1502.03044), Xu et al. 2015 | `captioning`, `attention` | `glimpse train captioner` | %s |\n",
		cell(func(r Record) []Row { return r.CaptionerRows }, "captioner, held-out loss", "difference, paired"))
	return b.String()
}
