package main

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/history"
)

func runsCollectCommand() *cobra.Command {
	var f runFlags
	var yes, dryRun bool
	var quiet time.Duration
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Free the room that runs no longer need",
		Long: `Gc removes from the runs below --dir what nobody needs any more: all checkpoints of complete runs but the last and those
of --keep-best, runs that stopped before their first recorded step, and what was left behind where writing a file or
removing a run was cut short. It says what, and asks before, unless --yes is given. A run that is running, or in which
something changed within --quiet, is left alone, and a trained model always is.`,
		Example: examples("glimpse runs gc --dry-run", "glimpse runs gc --yes", "glimpse runs gc --dir sweeps/lr/trials/0007 --quiet 24h"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.checkDir(cmd); err != nil {
				return err
			}
			waste, problems, err := history.FindWaste(f.dir, quiet)
			if err != nil {
				return err
			}
			sayProblems(cmd.ErrOrStderr(), problems)
			sum := int64(0)
			for _, w := range waste {
				sum += w.Bytes
			}
			if dryRun && f.asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					Waste []history.Waste `json:"waste"`
					Bytes int64           `json:"bytes"`
				}{append([]history.Waste{}, waste...), sum})
			}
			if len(waste) == 0 && !f.asJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), "glimpse: there is nothing to remove")
				return nil
			}
			if dryRun {
				return printWaste(cmd.OutOrStdout(), waste, sum)
			}
			if len(waste) > 0 && !yes {
				if err := printWaste(cmd.ErrOrStderr(), waste, sum); err != nil {
					return err
				}
				if err := confirm(cmd, yes, "Remove all of this for good?"); err != nil {
					return err
				}
			}
			return removeWaste(cmd, waste, f.asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().DurationVar(&quiet, "quiet", time.Hour, "leave alone runs in which something changed within this `time`")
	return cmd
}

// removeWaste removes what it can. What is left, because somebody works on it by now, say, is an error behind what was removed.
func removeWaste(cmd *cobra.Command, waste []history.Waste, asJSON bool) error {
	removed := []freed{}
	for _, w := range waste {
		if err := w.Remove(); err != nil {
			sayProblems(cmd.ErrOrStderr(), []error{err})
			continue
		}
		removed = append(removed, freed{Path: w.Path, Bytes: w.Bytes})
	}
	if err := printFreed(cmd.OutOrStdout(), removed, asJSON); err != nil {
		return err
	}
	if left := len(waste) - len(removed); left > 0 {
		return fmt.Errorf("expected to remove %s, found %d that could not be removed", count(len(waste), "thing"), left)
	}
	return nil
}

func printWaste(w io.Writer, waste []history.Waste, sum int64) error {
	return printTable(w, func(table io.Writer) {
		for _, x := range waste {
			fmt.Fprintf(table, "%s\t%s\t%s\n", x.Path, humanize.Bytes(uint64(x.Bytes)), x.Why)
		}
		fmt.Fprintf(table, "%s\t%s\t\n", count(len(waste), "thing"), humanize.Bytes(uint64(sum)))
	})
}
