package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
)

func runsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "runs",
		Short: "The runs of experiments: list them, look at one, compare several",
		Long: `A run is a folder that ` + "`glimpse train`" + ` has made: what was run, what came out, the trained model. Where a
RUNDIR is asked for, the name of a folder below --dir will do.`,
		Example: examples("glimpse runs list", "glimpse runs show runs/longer", "glimpse runs compare runs/first runs/longer --json"),
	}, runsListCommand(), runsShowCommand(), runsCompareCommand(), runsLearningCommand())
}

// runFlags are those of every command on runs.
type runFlags struct {
	dir    string
	asJSON bool
}

func (f *runFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "dir", "runs", "`folder` that holds the runs")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON value")
}

// runSummary is a run as `glimpse runs` shows it.
type runSummary struct {
	Run        string             `json:"run"`
	Experiment string             `json:"experiment"`
	Form       experiments.Form   `json:"form"`
	Seed       int64              `json:"seed"`
	Started    time.Time          `json:"started"`
	Backend    string             `json:"backend"`
	Complete   bool               `json:"complete"`
	Seconds    float64            `json:"seconds"` // 0 while it is not complete
	Step       int                `json:"step"`    // the last that was recorded
	Metrics    map[string]float64 `json:"metrics"` // null while it is not complete
	Remarks    []string           `json:"remarks"`
}

// summarise reads what a run's files say. Damaged files are said on messages.
func summarise(run *experiments.Run, messages io.Writer) runSummary {
	m := run.Manifest
	s := runSummary{Run: run.Dir, Experiment: m.Experiment, Form: m.Form, Seed: m.Seed, Started: m.Started, Backend: m.Backend}
	var result experiments.Result
	if err := run.Results(&result); err == nil {
		s.Complete, s.Seconds, s.Metrics, s.Remarks = true, result.Seconds, result.Metrics, result.Remarks
	} else if _, missing := os.Stat(run.Path("results.json")); missing == nil {
		fmt.Fprintf(messages, "glimpse: %s\n", sentence(err))
	}
	steps, err := run.Metrics()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(messages, "glimpse: %s\n", sentence(err))
	}
	if len(steps) > 0 {
		s.Step = int(steps[len(steps)-1]["step"])
	}
	return s
}

func (s runSummary) state() string {
	switch {
	case s.Complete:
		return "took " + time.Duration(s.Seconds*float64(time.Second)).Round(time.Second).String()
	case s.Step > 0:
		return fmt.Sprintf("not complete, at step %d", s.Step)
	}
	return "not complete"
}

func runsListCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "The runs there are, the earliest first",
		Example: examples("glimpse runs list", "glimpse runs list --dir demo --json"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			summaries, err := listRuns(cmd, f.dir)
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), summaries)
			}
			if len(summaries) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: there is no run in %s; `glimpse train clip --quick` makes one\n", f.dir)
				return nil
			}
			return printTable(cmd.OutOrStdout(), func(table io.Writer) {
				fmt.Fprintln(table, "run\texperiment\tform\tseed\tstarted\tstate")
				for _, s := range summaries {
					fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", s.Run, s.Experiment, s.Form, s.Seed, s.Started.Format(time.DateTime), s.state())
				}
			})
		},
	}
	f.add(cmd)
	return cmd
}

// listRuns summarises the runs below dir. Folders that look like runs and cannot be read are said on standard error.
func listRuns(cmd *cobra.Command, dir string) ([]runSummary, error) {
	if _, err := os.Stat(dir); err != nil && cmd.Flags().Changed("dir") {
		return nil, fmt.Errorf("expected a folder of runs at %s, found: %w", dir, reason(err))
	}
	runs, err := experiments.ListRuns(dir)
	if err != nil {
		return nil, err
	}
	manifests, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "manifest.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range manifests {
		if _, err := experiments.OpenRun(filepath.Dir(path)); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s\n", sentence(err))
		}
	}
	summaries := []runSummary{}
	for _, run := range runs {
		summaries = append(summaries, summarise(run, cmd.ErrOrStderr()))
	}
	return summaries, nil
}

// escapeGlob makes a path mean itself in a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// openRun opens the run at path or, if there is none, the one of that name below dir.
func openRun(path, dir string) (*experiments.Run, error) {
	run, err := experiments.OpenRun(path)
	if err == nil {
		return run, nil
	}
	if _, missing := os.Stat(filepath.Join(path, "manifest.json")); missing != nil {
		if below, err := experiments.OpenRun(filepath.Join(dir, path)); err == nil {
			return below, nil
		}
	}
	return nil, err
}

func runsShowCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:     "show RUNDIR",
		Short:   "Everything about one run: settings, versions, what came out",
		Example: examples("glimpse runs show runs/longer", "glimpse runs show runs/longer --json | jq .metrics"),
		Args:    wantArgs("RUNDIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := openRun(args[0], f.dir)
			if err != nil {
				return err
			}
			summary := summarise(run, cmd.ErrOrStderr())
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					runSummary
					Config   json.RawMessage   `json:"config"`
					Command  []string          `json:"command"`
					Commit   string            `json:"commit"`
					Versions map[string]string `json:"versions"`
					Machine  string            `json:"machine"`
				}{summary, run.Manifest.Config, run.Manifest.Command, run.Manifest.Commit, run.Manifest.Versions, run.Manifest.Machine})
			}
			return printRun(cmd.OutOrStdout(), run, summary)
		},
	}
	f.add(cmd)
	return cmd
}

func printRun(w io.Writer, run *experiments.Run, s runSummary) error {
	if err := printTable(w, func(table io.Writer) { fillRun(table, run, s) }); err != nil || !s.Complete {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return printMetrics(w, s.Metrics)
}

func fillRun(table io.Writer, run *experiments.Run, s runSummary) {
	m := run.Manifest
	line := func(key, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", key, fmt.Sprintf(format, args...))
	}
	line("run", "%s", run.Dir)
	line("experiment", "%s, %s form, seed %d", m.Experiment, m.Form, m.Seed)
	line("started", "%s UTC, %s", m.Started.Format(time.DateTime), s.state())
	line("backend", "%s", m.Backend)
	line("machine", "%s", m.Machine)
	if m.Commit != "" {
		line("commit", "%s", m.Commit)
	}
	line("command", "%s", strings.Join(m.Command, " "))
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(m.Versions)) {
		versions = append(versions, name+" "+m.Versions[name])
	}
	line("versions", "%s", strings.Join(versions, ", "))
	settings := flatten(m.Config)
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		line("setting "+key, "%s", settings[key])
	}
	for _, remark := range s.Remarks {
		line("remark", "%s", remark)
	}
}

// flatten lists the settings of a configuration by their paths, such as train.optimizer.lr, with their values as JSON.
func flatten(config json.RawMessage) map[string]string {
	out := map[string]string{}
	var walk func(path string, value json.RawMessage)
	walk = func(path string, value json.RawMessage) {
		var parts map[string]json.RawMessage
		if json.Unmarshal(value, &parts) != nil || parts == nil {
			var v any
			_ = json.Unmarshal(value, &v)
			compact, _ := json.Marshal(v)
			out[path] = string(compact)
			return
		}
		for key, part := range parts {
			if path != "" {
				key = path + "." + key
			}
			walk(key, part)
		}
	}
	walk("", config)
	delete(out, "") // a manifest without a configuration
	return out
}
