package main

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/history"
)

func runsRemoveCommand() *cobra.Command {
	var f runFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "rm RUNDIR...",
		Short: "Remove runs with everything in them",
		Long: `Rm removes run folders, the trained models too. It asks before, unless --yes is given, and refuses a run that is
running.`,
		Example: examples("glimpse runs rm runs/mistake", "glimpse runs rm runs/try-* --yes"),
		Args:    wantArgs("RUNDIR..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, err := openRuns(args, f.dir)
			if err != nil {
				return err
			}
			removed := []freed{}
			for _, run := range runs {
				entry, _ := history.Read(run)
				if entry.State == history.Running {
					return fmt.Errorf("the run %s is running; stop it first, or wait until it is complete; nothing was removed", run.Dir)
				}
				files, err := history.Files(run)
				if err != nil {
					return err
				}
				removed = append(removed, freed{run.Dir, history.Bytes(files), entry.How()})
			}
			if !yes {
				for _, r := range removed {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s, %s\n", r.Path, humanize.Bytes(uint64(r.Bytes)), r.why)
				}
			}
			if err := confirm(cmd, yes, "Remove "+count(len(runs), "run")+" for good?"); err != nil {
				return err
			}
			for _, run := range runs {
				if err := history.Remove(run); err != nil {
					return err
				}
			}
			return printFreed(cmd.OutOrStdout(), removed, f.asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// freed is something that was removed.
type freed struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	why   string
}

func printFreed(w io.Writer, removed []freed, asJSON bool) error {
	sum := int64(0)
	for _, r := range removed {
		sum += r.Bytes
	}
	if asJSON {
		return printJSON(w, struct {
			Removed []freed `json:"removed"`
			Bytes   int64   `json:"bytes"`
		}{removed, sum})
	}
	for _, r := range removed {
		if _, err := fmt.Fprintln(w, "removed "+r.Path); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s freed\n", humanize.Bytes(uint64(sum)))
	return err
}

func runsCollectCommand() *cobra.Command {
	var f runFlags
	var yes, dryRun bool
	var quiet time.Duration
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Free the room that runs no longer need",
		Long: `Gc removes from the runs below --dir what nobody needs any more: all checkpoints of complete runs but the last, runs
that stopped before their first recorded step, and what was left behind where writing a file or removing a run was cut
short. It says what, and asks before, unless --yes is given. A run that is running, or in which something changed
within --quiet, is left alone, and a trained model always is.`,
		Example: examples("glimpse runs gc --dry-run", "glimpse runs gc --yes", "glimpse runs gc --dir sweeps/lr --quiet 24h"),
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
			removed := []freed{}
			for _, w := range waste {
				if err := w.Remove(); err != nil { // somebody works on it by now
					sayProblems(cmd.ErrOrStderr(), []error{err})
					continue
				}
				removed = append(removed, freed{Path: w.Path, Bytes: w.Bytes})
			}
			return printFreed(cmd.OutOrStdout(), removed, f.asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().DurationVar(&quiet, "quiet", time.Hour, "leave alone runs in which something changed within this `time`")
	return cmd
}

func printWaste(w io.Writer, waste []history.Waste, sum int64) error {
	return printTable(w, func(table io.Writer) {
		for _, x := range waste {
			fmt.Fprintf(table, "%s\t%s\t%s\n", x.Path, humanize.Bytes(uint64(x.Bytes)), x.Why)
		}
		fmt.Fprintf(table, "%s\t%s\t\n", count(len(waste), "thing"), humanize.Bytes(uint64(sum)))
	})
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
