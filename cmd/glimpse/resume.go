package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

func resumeCommand() *cobra.Command {
	var asJSON bool
	var save savingFlags
	cmd := &cobra.Command{
		Use:   "resume FOLDER",
		Short: "Go on with a run that was stopped or killed",
		Long: `Resume goes on with a run of ` + "`glimpse train`" + ` where its newest whole checkpoint is, with the settings, the seed,
the data and the backend that it began with. On the backend go its metrics, weights and optimiser state are, to the
bit, those of a run that was never stopped. A checkpoint that is damaged is left out and an earlier one taken.

A run that is complete is left as it is and its results are printed, so that a script may call resume until it exits
with 0. Exit code 75 says that the run was stopped again.`,
		Example: examples("glimpse resume runs/longer", "glimpse resume runs/longer --checkpoint-every 10s --json"),
		Args:    wantArgs("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts := experiments.Options{Messages: cmd.ErrOrStderr()}
			var err error
			if opts.Saving, err = save.saving(cmd); err != nil {
				return err
			}
			return resume(cmd, args[0], opts, asJSON)
		},
	}
	save.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func resume(cmd *cobra.Command, dir string, opts experiments.Options, asJSON bool) error {
	begun, err := experiments.OpenRun(dir)
	if err != nil {
		return err
	}
	experiment, err := findExperiment(cmd, begun.Manifest.Experiment)
	if err != nil {
		return fmt.Errorf("the run %s cannot go on: it is one of the experiment %q, which this glimpse does not have", dir, begun.Manifest.Experiment)
	}
	b, err := backendOf(cmd, begun)
	if err != nil {
		return err
	}
	defer b.Finalize()
	run, result, err := experiment.Resume(cmd.Context(), b, dir, opts)
	return ended(cmd, run, result, err, asJSON)
}

// backendOf opens the backend that a run was begun on, or the one that GOMLX_BACKEND asks for.
func backendOf(cmd *cobra.Command, run *experiments.Run) (*backend.Backend, error) {
	if os.Getenv(backend.Env) != "" {
		return backend.Open(cmd.ErrOrStderr())
	}
	kind, _, _ := strings.Cut(run.Manifest.Backend, ",") // without the path of a library, as older manifests have it
	return backend.OpenNamed(kind)
}
