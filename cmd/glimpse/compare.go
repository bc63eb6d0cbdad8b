package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
)

// comparison holds several runs side by side: each list has one value a run.
type comparison struct {
	Runs     []string                      `json:"runs"`
	Complete []bool                        `json:"complete"`
	Settings map[string][]*json.RawMessage `json:"settings"` // those that differ; null where a run has none
	Metrics  map[string][]*float64         `json:"metrics"`  // null where a run has none

	figures []map[string]figure // of each run, by name
}

func runsCompareCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "compare RUNDIR RUNDIR...",
		Short: "Several runs side by side: the settings that differ, and what came out",
		Long: `Compare shows the settings in which runs differ and their metrics with 95% intervals. Intervals that lie apart
speak for a difference; intervals that overlap do not speak against one.`,
		Example: examples("glimpse runs compare runs/first runs/longer", "glimpse runs compare first longer --json"),
		Args:    wantArgs("RUNDIR", "RUNDIR..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := compare(args, f.dir, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), c)
			}
			return c.print(cmd.OutOrStdout())
		},
	}
	f.add(cmd)
	return cmd
}

func compare(paths []string, dir string, messages io.Writer) (*comparison, error) {
	c := &comparison{Settings: map[string][]*json.RawMessage{}, Metrics: map[string][]*float64{}}
	for i, path := range paths {
		run, err := openRun(path, dir)
		if err != nil {
			return nil, err
		}
		s := summarise(run, messages)
		c.Runs, c.Complete = append(c.Runs, run.Dir), append(c.Complete, s.Complete)
		for key, value := range settingsOf(run) {
			raw := json.RawMessage(value)
			put(c.Settings, key, i, len(paths), &raw)
		}
		for name, value := range s.Metrics {
			put(c.Metrics, name, i, len(paths), &value)
		}
		figures := map[string]figure{}
		for _, f := range figuresOf(s.Metrics) {
			figures[f.name] = f
		}
		c.figures = append(c.figures, figures)
	}
	maps.DeleteFunc(c.Settings, func(_ string, values []*json.RawMessage) bool { return allEqual(values) })
	return c, nil
}

// put sets the value of run i of n.
func put[T any](table map[string][]*T, key string, i, n int, value *T) {
	if table[key] == nil {
		table[key] = make([]*T, n)
	}
	table[key][i] = value
}

// settingsOf are a run's settings, and what else decides what comes out.
func settingsOf(run *experiments.Run) map[string]string {
	settings := flatten(run.Manifest.Config)
	for key, value := range map[string]string{
		"experiment": run.Manifest.Experiment, "form": string(run.Manifest.Form), "backend": run.Manifest.Backend, "commit": run.Manifest.Commit,
	} {
		quoted, _ := json.Marshal(value) // a string: nothing can fail
		settings[key] = string(quoted)
	}
	settings["seed"] = strconv.FormatInt(run.Manifest.Seed, 10)
	return settings
}

func allEqual(values []*json.RawMessage) bool {
	text := func(v *json.RawMessage) string {
		if v == nil {
			return ""
		}
		return string(*v)
	}
	return !slices.ContainsFunc(values, func(v *json.RawMessage) bool { return text(v) != text(values[0]) })
}

func (c *comparison) print(w io.Writer) error {
	return printTable(w, c.fill)
}

func (c *comparison) fill(table io.Writer) {
	row := func(name string, cell func(i int) string) {
		fmt.Fprint(table, name)
		for i := range c.Runs {
			fmt.Fprint(table, "\t", cell(i))
		}
		fmt.Fprintln(table)
	}
	row("run", func(i int) string { return c.Runs[i] })
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		row(key, func(i int) string {
			if v := c.Settings[key][i]; v != nil {
				return string(*v)
			}
			return "-"
		})
	}
	row("", func(int) string { return "" })
	names := map[string]bool{}
	for _, figures := range c.figures {
		for name := range figures {
			names[name] = true
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), compareNames) {
		row(name, func(i int) string {
			f, ok := c.figures[i][name]
			switch {
			case !ok && !c.Complete[i]:
				return "not complete"
			case !ok:
				return "-"
			case f.hasInterval:
				return fmt.Sprintf("%s (%s)", number(f.value), f.interval())
			}
			return number(f.value)
		})
	}
}
