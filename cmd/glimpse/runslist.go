package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/experiments/history/runindex"
)

// runsListFlags say which runs are listed, and in what order.
type runsListFlags struct {
	runFlags
	filter             history.Filter
	state, by          string
	metrics            []string
	smallest, earliest bool
	limit              int
}

func runsListCommand() *cobra.Command {
	var f runsListFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The runs there are, the latest first",
		Long: `List shows the runs directly below --dir: which experiment, how far it came, and the metrics that are asked for. A
metric is a result of the run or, while it has none of that name, what its last recorded step says, such as loss.

What was read of a folder is remembered in the user's cache folder (glimpse/runs.sqlite) once there are many; that file
may be deleted at any time.`,
		Example: examples(
			"glimpse runs list",
			"glimpse runs list --experiment 'captions/*' --state complete",
			"glimpse runs list --by recall@10 --limit 5",
			"glimpse runs list --by heldout_loss --smallest --metric loss",
			"glimpse runs list --dir demo --json | jq '.[].run'"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			entries, problems, err := history.List(f.dir, runindex.Default())
			if err != nil {
				return err
			}
			sayProblems(cmd.ErrOrStderr(), problems)
			there := len(entries)
			entries = f.choose(entries)
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), append([]history.Entry{}, entries...))
			}
			switch {
			case there == 0:
				fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: there is no run in %s; `glimpse train clip --quick` makes one\n", f.dir)
				return nil
			case len(entries) == 0:
				fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: none of the %d runs in %s is asked for\n", there, f.dir)
				return nil
			}
			return printTable(cmd.OutOrStdout(), func(table io.Writer) { f.fill(table, entries) })
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Experiment, "experiment", "", "only runs of this experiment, a `name` or a pattern such as 'captions/*'")
	flags.StringVar(&f.state, "state", "", "only runs in this `state`: complete, running or stopped")
	flags.StringVar(&f.by, "by", "", "order by this `metric`, the largest first")
	flags.BoolVar(&f.smallest, "smallest", false, "with --by: the smallest first")
	flags.BoolVar(&f.earliest, "earliest", false, "the earliest first")
	flags.StringArrayVar(&f.metrics, "metric", nil, "a column with this `metric`; may be repeated")
	flags.IntVar(&f.limit, "limit", 0, "at most this `number` of runs; 0 for all")
	return cmd
}

func (f *runsListFlags) check(cmd *cobra.Command) error {
	if f.state != "" {
		if err := oneOf(cmd, "state", f.state, string(history.Complete), string(history.Running), string(history.Stopped)); err != nil {
			return err
		}
		f.filter.State = history.State(f.state)
	}
	switch {
	case f.smallest && f.by == "":
		return usagef(cmd, "expected --by with a metric beside --smallest, found none")
	case f.earliest && f.by != "":
		return usagef(cmd, "expected either --by or --earliest, found both")
	case f.limit < 0:
		return usagef(cmd, "expected --limit to be 0 or more, found %d", f.limit)
	}
	return f.checkDir(cmd)
}

// choose leaves the runs that are asked for, in their order.
func (f *runsListFlags) choose(entries []history.Entry) []history.Entry {
	entries = f.filter.Keep(entries)
	if f.by != "" {
		history.SortBy(entries, f.by, f.smallest)
	}
	if f.earliest {
		for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
			entries[i], entries[j] = entries[j], entries[i]
		}
	}
	if f.limit > 0 {
		entries = entries[:min(f.limit, len(entries))]
	}
	return entries
}

func (f *runsListFlags) fill(table io.Writer, entries []history.Entry) {
	columns := f.metrics
	if f.by != "" {
		columns = append([]string{f.by}, columns...)
	}
	fmt.Fprint(table, "run\texperiment\tform\tseed\tstarted")
	for _, name := range columns {
		fmt.Fprint(table, "\t", name)
	}
	fmt.Fprintln(table, "\tstate")
	for _, e := range entries {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s", e.Run, e.Experiment, e.Form, e.Seed, e.Started.Format(time.DateTime))
		for _, name := range columns {
			fmt.Fprint(table, "\t", cell(e, name))
		}
		fmt.Fprintf(table, "\t%s\n", e.How())
	}
}

// cell is a run's figure in a table, with its interval if it has one.
func cell(e history.Entry, name string) string {
	for _, figure := range history.Figures(e.Metrics) {
		if figure.Name == name {
			return figure.String()
		}
	}
	if v, ok := e.Value(name); ok {
		return number(v)
	}
	return "-"
}
