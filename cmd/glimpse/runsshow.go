package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/internal/shell"
)

func runsShowCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "show RUNDIR",
		Short: "Everything about one run: settings, versions, curves, what came out",
		Long: `Show prints what a run's files say: how it ended, settings, machine and versions, the files it holds, its curves as
small lines from least to greatest, and its results with 95% intervals. ` + "`glimpse report run`" + ` writes the same as a page.`,
		Example: examples("glimpse runs show runs/longer", "glimpse runs show longer --json | jq .metrics"),
		Args:    wantArgs("RUNDIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := openRun(args[0], f.dir)
			if err != nil {
				return err
			}
			shown, problems := readShown(run)
			sayProblems(cmd.ErrOrStderr(), problems)
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), shown)
			}
			return shown.print(cmd.OutOrStdout())
		},
	}
	f.add(cmd)
	return cmd
}

// shownRun is everything that `glimpse runs show` knows of a run.
type shownRun struct {
	history.Entry
	Config   json.RawMessage   `json:"config"`
	Command  []string          `json:"command"`
	Versions map[string]string `json:"versions"`
	Machine  string            `json:"machine"`
	Files    []history.File    `json:"files"`

	Attempts []experiments.Attempt `json:"attempts"` // each time the run was resumed; null for never

	curves []history.Curve
}

func readShown(run *experiments.Run) (*shownRun, []error) {
	entry, problems := history.Read(run)
	m := run.Manifest
	s := &shownRun{Entry: entry, Config: m.Config, Command: m.Command, Versions: m.Versions, Machine: m.Machine, Attempts: m.Attempts}
	lines, err := history.Recorded(run)
	if err != nil {
		problems = append(problems, err)
	}
	s.curves = history.Curves(lines)
	if s.Files, err = history.Files(run); err != nil {
		problems = append(problems, err)
	}
	return s, problems
}

func (s *shownRun) print(w io.Writer) error {
	if err := printTable(w, s.fill); err != nil {
		return err
	}
	for _, fill := range []func(io.Writer){s.fillSettings, s.fillFiles, s.fillCurves} {
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		if err := printTable(w, fill); err != nil {
			return err
		}
	}
	if !s.Complete {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return printMetrics(w, s.Metrics)
}

func (s *shownRun) fill(table io.Writer) {
	line := func(key, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", key, fmt.Sprintf(format, args...))
	}
	line("run", "%s", s.Run)
	line("experiment", "%s, %s form, seed %d", s.Experiment, s.Form, s.Seed)
	line("started", "%s UTC", s.Started.Format(time.DateTime))
	line("state", "%s", s.How())
	if s.State == history.Stopped {
		line("to go on", "glimpse resume %s", shell.Quote(s.Run))
	}
	if used := s.Describe(); used != "" {
		line("used", "%s", used)
	}
	line("backend", "%s", s.Backend)
	if s.Devices > 1 {
		line("devices", "%d", s.Devices)
	}
	line("machine", "%s", s.Machine)
	if s.Commit != "" {
		line("commit", "%s", s.Commit)
	}
	for _, a := range s.Attempts {
		commit := ""
		if a.Commit != "" {
			commit = ", commit " + a.Commit
		}
		line("resumed", "%s UTC on %s%s", a.Started.Format(time.DateTime), a.Machine, commit)
	}
	line("command", "%s", strings.Join(s.Command, " "))
	var versions []string
	others := 0
	for _, name := range slices.Sorted(maps.Keys(s.Versions)) {
		if strings.Contains(name, ".") { // modules that numbers hardly depend on
			others++
			continue
		}
		versions = append(versions, name+" "+s.Versions[name])
	}
	if others > 0 {
		versions = append(versions, fmt.Sprintf("and %d other modules (--json)", others))
	}
	line("versions", "%s", strings.Join(versions, ", "))
	for _, remark := range s.Remarks {
		line("remark", "%s", remark)
	}
}

func (s *shownRun) fillSettings(table io.Writer) {
	settings := experiments.Flat(s.Config)
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(table, "setting %s\t%s\n", key, settings[key])
	}
}

// fillFiles lists the files, those of a folder in one line.
func (s *shownRun) fillFiles(table io.Writer) {
	type part struct {
		name  string
		count int
		bytes int64
	}
	var parts []part
	for _, f := range s.Files {
		name := f.Path
		if folder, _, below := strings.Cut(f.Path, "/"); below {
			name = folder + "/"
		}
		if n := len(parts); n == 0 || parts[n-1].name != name {
			parts = append(parts, part{name: name})
		}
		parts[len(parts)-1].count++
		parts[len(parts)-1].bytes += f.Bytes
	}
	for _, p := range parts {
		if strings.HasPrefix(p.name, ".") {
			continue
		}
		many := ""
		if strings.HasSuffix(p.name, "/") {
			many = ", " + count(p.count, "file")
		}
		fmt.Fprintf(table, "file %s\t%s%s\n", p.name, humanize.Bytes(uint64(p.bytes)), many)
	}
}

// lineWidth is how many characters a curve takes in a terminal.
const lineWidth = 32

func (s *shownRun) fillCurves(table io.Writer) {
	for _, c := range s.curves {
		fmt.Fprintf(table, "curve %s\t%s\t%s to %s\tleast %s, greatest %s\n", c.Name, c.Sparkline(lineWidth),
			number(c.Values[0]), number(c.Last()), number(slices.Min(c.Values)), number(slices.Max(c.Values)))
	}
}
