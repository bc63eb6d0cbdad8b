package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/experiments/runpage"
)

func runsCompareCommand() *cobra.Command {
	var f runFlags
	var out string
	var curves []string
	cmd := &cobra.Command{
		Use:   "compare RUNDIR RUNDIR...",
		Short: "Several runs side by side: the settings that differ, and what came out",
		Long: `Compare shows the settings in which runs differ and their metrics with 95% intervals. Intervals that lie apart
speak for a difference; intervals that overlap do not speak against one. Complete runs that differ in their seed alone
are also taken together: their mean, with the interval that the spread between seeds gives (Student's t).

With --out FILE.html the same goes to a page, with the curves of all runs over each other; with FILE.svg or FILE.png
the curves of one metric alone. Runs that differ in their seed alone are one curve there, their mean, in a band from
the least to the greatest.`,
		Example: examples(
			"glimpse runs compare runs/first runs/longer",
			"glimpse runs compare first longer --json",
			"glimpse runs compare runs/seed-* runs/longer-* --out compared.html",
			"glimpse runs compare first longer --out loss.svg --curve loss"),
		Args: wantArgs("RUNDIR", "RUNDIR..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(curves) > 0 && out == "" {
				return usagef(cmd, "expected --out with a file beside --curve, found none")
			}
			runs, err := openRuns(args, f.dir)
			if err != nil {
				return err
			}
			if out != "" {
				if err := runpage.WriteComparison(runs, out, curves); err != nil {
					return err
				}
			}
			c, problems := history.Compare(runs)
			sayProblems(cmd.ErrOrStderr(), problems)
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), c)
			}
			return printComparison(cmd.OutOrStdout(), c)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "also write the comparison to this `file`: .html, or the curves of one metric: .svg, .png")
	cmd.Flags().StringArrayVar(&curves, "curve", nil, "`metric` of metrics.jsonl to draw; may be repeated (default: all, or the loss for a picture)")
	return cmd
}

func printComparison(w io.Writer, c *history.Comparison) error {
	err := printTable(w, func(table io.Writer) {
		rows := slices.Concat([]history.Row{{Name: "run", Cells: c.Runs}}, c.SettingRows(), []history.Row{{Cells: make([]string, len(c.Runs))}}, c.MetricRows())
		for _, row := range rows {
			fmt.Fprintln(table, row.Name+"\t"+strings.Join(row.Cells, "\t"))
		}
	})
	for _, s := range c.Seeds {
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\nThe mean of %d complete runs that differ in their seed alone (%s):\n", len(s.Runs), s.Name)
		err = printTable(w, func(table io.Writer) {
			fmt.Fprintln(table, "metric\tmean over seeds\t95% interval")
			for _, f := range s.Figures() {
				fmt.Fprintf(table, "%s\t%s\t%s\n", f.Name, number(f.Value), f.Interval())
			}
		})
	}
	return err
}
