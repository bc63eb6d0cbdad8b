package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/history"
)

func runsDiffCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "diff RUNDIR RUNDIR",
		Short: "What differs between two runs, key by key, as a diff",
		Long: `Diff shows the keys in which the manifests of two runs differ: settings, code (commit and changes), data, versions,
machine. When and with what command line they were started is left out, and what came out is compared by
` + "`glimpse runs compare`" + `. The exit code is 0 whether they differ or not.`,
		Example: examples("glimpse runs diff runs/first runs/longer", "glimpse runs diff first longer --json | jq '.differences[].key'"),
		Args:    wantArgs("RUNDIR", "RUNDIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, err := openRuns(args, f.dir)
			if err != nil {
				return err
			}
			changes, err := history.Diff(runs[0], runs[1])
			if err != nil {
				return err
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					A           string           `json:"a"`
					B           string           `json:"b"`
					Differences []history.Change `json:"differences"`
				}{runs[0].Dir, runs[1].Dir, append([]history.Change{}, changes...)})
			}
			if len(changes) == 0 {
				fmt.Fprintln(cmd.ErrOrStderr(), "glimpse: the runs have the same settings, code, data, versions and machine")
				return nil
			}
			return printDiff(cmd.OutOrStdout(), runs[0].Dir, runs[1].Dir, changes)
		},
	}
	f.add(cmd)
	return cmd
}

// printDiff writes changes in the form of a unified diff.
func printDiff(w io.Writer, a, b string, changes []history.Change) error {
	_, err := fmt.Fprintf(w, "--- %s\n+++ %s\n", a, b)
	part := ""
	for _, c := range changes {
		if c.Part != part && err == nil {
			part = c.Part
			_, err = fmt.Fprintf(w, "@@ %s @@\n", part)
		}
		for _, side := range []struct{ sign, value string }{{"-", c.A}, {"+", c.B}} {
			if side.value != "" && err == nil {
				_, err = fmt.Fprintf(w, "%s%s: %s\n", side.sign, c.Key, history.Short(side.value))
			}
		}
	}
	return err
}
