package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
)

func runsLearningCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "learning RUNDIR",
		Short: "Is it learning? What a contrastive run's figures say, and what is wrong",
		Long: `Learning reads what a run of clip, clip/lit or clip/products has recorded so far, finished or not, and says what is
seen: the loss against chance, the accuracy in the batch, equal texts, the temperature and its clamps, the gradients of
each tower, cosines of pairs and others, the modality gap, and the effective rank of the embeddings. What is wrong is
said in a sentence with its numbers and what to do. Every line is the mean over the last steps but for the ranks, which
are those of the last evaluation. The same as curves is drawn into the run's plots/` + learning.PanelFile + `.`,
		Example: examples("glimpse runs learning runs/longer", "glimpse runs learning runs/longer --json | jq .findings"),
		Args:    wantArgs("RUNDIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := openRun(args[0], f.dir)
			if err != nil {
				return err
			}
			settings, err := learning.SettingsOf(run.Manifest.Config)
			if err != nil {
				return fmt.Errorf("cannot tell whether %s learns: %w", run.Dir, err)
			}
			steps, err := run.Metrics()
			if err != nil {
				return err
			}
			if len(steps) == 0 {
				return fmt.Errorf("expected recorded steps of the run %s, found none yet; it records one every train.log_every steps", run.Dir)
			}
			if !learning.Recorded(steps) {
				return fmt.Errorf("expected a run of a contrastive experiment, which records how many of a batch's pairs find each other (%s), found one of %s without",
					learning.ImageToText, run.Manifest.Experiment)
			}
			if err := contrastive.DrawPanel(run); err != nil {
				return err
			}
			report := learning.Look(steps, settings)
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					Run string `json:"run"`
					learning.Report
				}{run.Dir, report})
			}
			return printLearning(cmd.OutOrStdout(), report, settings)
		},
	}
	f.add(cmd)
	return cmd
}

func printLearning(w io.Writer, r learning.Report, s learning.Settings) error {
	err := printTable(w, func(table io.Writer) {
		for _, line := range r.Seen(s) {
			fmt.Fprintf(table, "%s\t%s\n", line.Name, line.Value)
		}
	})
	if err != nil {
		return err
	}
	if len(r.Findings) == 0 {
		_, err = fmt.Fprintln(w, "\nNothing of what is looked for is wrong: chance, collapse, temperature, gradients, equal texts.")
		return err
	}
	for _, found := range r.Findings {
		if _, err := fmt.Fprintf(w, "\nStep %d: %s.\n", found.Step, found.Sentence); err != nil {
			return err
		}
	}
	return nil
}
