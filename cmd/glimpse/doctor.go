package main

import (
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/doctor"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "What this machine can do, and the commands that bring what is missing",
		Long: `Doctor looks at the machine and changes nothing: which backend will compute and why, the versions of the
libraries, SIMD, cores, memory, the tools that the lab uses, the data sets that are found. For each thing that is
missing it prints the command that brings it.

A backend is what multiplies the matrices: xla (GPUs, through a PJRT plugin), onnx (ONNX Runtime, fast on
processors) or go (nothing but this program). GOMLX_BACKEND chooses one by name, for every command.

The exit code is 1 when no backend can be used, such as after a typing error in GOMLX_BACKEND.`,
		Example: examples(
			"glimpse doctor",
			"glimpse doctor --json | jq .missing",
			"GOMLX_BACKEND=go glimpse doctor      # would pure Go do?"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, broken := doctor.Examine(cmd.Context(), lookedFor())
			var err error
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.Print(cmd.OutOrStdout())
			}
			if broken != nil {
				return broken
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// lookedFor are the data sets and weights that the lab can use.
func lookedFor() []doctor.Dataset {
	var sets []doctor.Dataset
	for _, e := range datasets.Catalogue() {
		sets = append(sets, doctor.Dataset{
			Name: e.Name,
			Find: func() (string, error) { return datasets.Find(e.Name) },
			Get:  "glimpse data get " + e.Name,
		})
	}
	return sets
}
