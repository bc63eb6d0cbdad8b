package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/runpage"
)

func reportRunCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "run RUNDIR...",
		Short: "report.html in a run's folder: all of the run on one page",
		Long: `Report run writes report.html into the folders of runs, complete or not: results with 95% intervals, curves,
pictures, settings, and where the run comes from. The page is one file that needs nothing beside it.`,
		Example: examples("glimpse report run runs/longer", "glimpse report run runs/*"),
		Args:    wantArgs("RUNDIR..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, err := openRuns(args, dir)
			if err != nil {
				return err
			}
			for _, run := range runs {
				if err := runpage.Write(run); err != nil {
					return err
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), "The page is "+run.Path(runpage.Name)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "runs", "`folder` that holds the runs")
	return cmd
}
