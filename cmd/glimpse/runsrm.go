package main

import (
	"fmt"
	"io"

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

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
