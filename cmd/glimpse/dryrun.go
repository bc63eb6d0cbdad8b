package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// dryRun tries the first steps of an experiment and says what the whole would need.
func dryRun(cmd *cobra.Command, e experiments.Experiment, b *backend.Backend, opts experiments.Options, asJSON bool) error {
	found, err := e.DryRun(cmd.Context(), b, opts)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), found)
	}
	return printTable(cmd.OutOrStdout(), func(w io.Writer) {
		line := func(what, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
		for _, d := range found.Data {
			line("data", "%s, %s: %d examples in %s", d.Name, d.Split, d.Examples, d.Dir)
		}
		for _, f := range found.Foreseen {
			line("before training", "%s: about %s", f.What, lasting(f.Seconds))
		}
		line("training", "%s: %d steps", found.Training, found.Steps)
		line("batch", "%s", strings.Join(found.Batch, " "))
		line("parameters", "%d, in %s", found.Parameters, mebibytes(found.ParameterBytes))
		line("optimiser", "%s", mebibytes(found.OptimizerBytes))
		line("fixed weights", "%s", mebibytes(found.FixedBytes))
		if found.PeakBytes > 0 {
			line("memory", "%s at most so far, everything included", mebibytes(found.PeakBytes))
		}
		line("first step", "loss %.3f, %.1f s with building and compiling", found.Loss, found.CompileSeconds)
		if found.Timed > 0 {
			line("a step", "%.3f s, the median of %d", found.StepSeconds, found.Timed)
		}
		line("all steps", "about %s", lasting(found.TrainSeconds))
		if found.Evaluations > 0 {
			line("not counted", "%d evaluations on the way, and what comes after this training", found.Evaluations)
		} else {
			line("not counted", "what comes after this training")
		}
		if len(found.Counted) > 0 {
			var steps []string
			for _, key := range slices.Sorted(maps.Keys(found.Counted)) {
				steps = append(steps, fmt.Sprintf("%s=%d", key, found.Counted[key]))
			}
			line("trainings", "only the first, %s, was timed; of all, the settings say %s", found.Training, strings.Join(steps, ", "))
		}
	})
}

// lasting is a length of time to the accuracy at which it is foreseen.
func lasting(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", seconds)
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
