package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

func demoCommand() *cobra.Command {
	var out string
	var seed int64
	var quick, asJSON, record bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Train CLIP and a captioner on real pictures and write a page about it",
		Long: `Demo trains a small CLIP (product photographs with titles, photographs with captions) and a small
Show, Attend and Tell captioner, measures both on held-out pictures and writes one folder with a page index.html.
Where the real pictures are not found it says so and draws Scenes instead; nothing is asked.

On 2 cores it takes about 5 minutes with ONNX Runtime and 9 with pure Go.`,
		Example: examples("glimpse demo", "glimpse demo --out other --seed 7"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick && record {
				return usagef(cmd, "expected --record without --quick, whose figures mean nothing")
			}
			b, err := backend.Open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer b.Finalize()
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: computing with %s (%s)\n", b.Kind, b.Reason)
			opts := experiments.Options{Form: experiments.Full, Seed: seed, Messages: cmd.ErrOrStderr()}
			if quick {
				opts.Form = experiments.Quick
			}
			page, err := demo.Run(cmd.Context(), b, out, opts)
			if err != nil {
				return err
			}
			if record {
				if err := demo.RecordResults(out, "."); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"page": page})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The page is %s\n", page)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "demo", "folder to write; an earlier demo there is replaced")
	cmd.Flags().Int64Var(&seed, "seed", 1, "seed of weights, order and augmentation")
	cmd.Flags().BoolVar(&quick, "quick", false, "the quick forms: less than a minute, on Scenes")
	cmd.Flags().BoolVar(&record, "record", false, "in a checkout: write the figures into README.md and docs/results/demo.md")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
