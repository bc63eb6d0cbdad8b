package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/sweep"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

func sweepStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status DIR",
		Short: "How far a sweep is, its settings by metric, the best of them",
		Long: `Status reads a sweep's folder, at any moment and from any machine, prints its settings with the mean and the 95%
interval over seeds (Student's t), the best first, and writes the page sweep.html into the folder. A trial is called
running when a worker has begun it and has not said that it stopped; whether it still lives, other workers find out.`,
		Example: examples("glimpse sweep status sweeps/width", "glimpse sweep status sweeps/width --json | jq .best"),
		Args:    wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := sweep.Open(args[0])
			if err != nil {
				return err
			}
			return reportSweep(cmd, s, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func sweepResumeCommand() *cobra.Command {
	var workers int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "resume DIR",
		Short:   "Go on with a sweep that was stopped",
		Example: examples("glimpse sweep resume sweeps/width", "glimpse sweep resume sweeps/width --workers 4"),
		Args:    wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if workers < 1 {
				return usagef(cmd, "expected at least 1 of --workers, found %d", workers)
			}
			s, err := sweep.Open(args[0])
			if err != nil {
				return err
			}
			return runSweep(cmd, s, workers, asJSON)
		},
	}
	addWorkers(cmd, &workers)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func sweepWorkerCommand() *cobra.Command {
	var name string
	var attached bool
	cmd := &cobra.Command{
		Use:   "worker DIR",
		Short: "One worker of a sweep: does trials until none is left",
		Long: `Worker does the trials of a sweep that nobody else does, one after the other, until each has its result. Any number of
workers may do so at once, on any machines that share the folder: nothing else connects them. The folder has to lie on a
file system with hard links, such as a local disk, NFS or Lustre. A worker that dies is noticed by the others when it
has shown no sign of life for the length of the sweep's lease. One that is told to stop (Ctrl-C, SIGTERM) writes a
checkpoint and gives back what it does, with exit code 75. Whoever takes the trial over goes on from the newest
checkpoint.`,
		Example: examples("glimpse sweep worker /shared/sweeps/width"),
		Args:    wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := sweep.Open(args[0])
			if err != nil {
				return err
			}
			experiment, err := findExperiment(cmd, s.Spec.Experiment)
			if err != nil {
				return err
			}
			b, err := backend.Open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer b.Finalize()
			ctx := cmd.Context()
			if attached {
				ctx = untilEOF(ctx, cmd.InOrStdin())
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: computing with %s (%s)\n", b.Kind, b.Reason)
			err = s.Work(ctx, sweep.Worker{Name: name, Run: s.Runner(experiment, b, cmd.ErrOrStderr()), Sentence: sentence, Messages: cmd.ErrOrStderr()})
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return &stoppedSweep{s.Dir}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`name` that no other worker has (default: made from the machine's and the process's)")
	cmd.Flags().BoolVar(&attached, "attached", false, "stop when standard input ends, as it does when whoever started this dies")
	return cmd
}

// untilEOF is a context that also ends when a reader does.
func untilEOF(ctx context.Context, r io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, r)
	}()
	return ctx
}
