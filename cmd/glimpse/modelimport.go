package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/gomlxfile"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func modelImportCommand() *cobra.Command {
	var out string
	var all bool
	cmd := &cobra.Command{
		Use:   "import DIR --out FILE.safetensors",
		Short: "Turn a checkpoint of GoMLX into a safetensors file",
		Long: `Import reads the newest whole checkpoint (checkpoint-*.json with its .bin) that GoMLX's package checkpoint left in DIR, and writes
its variables as safetensors: the variable /layer/weight becomes layer.weight. The optimiser's state and the random
numbers stay behind, unless --all is given.`,
		Example: examples("glimpse model import old-run --out weights.safetensors"),
		Args:    wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "out"); err != nil {
				return err
			}
			tensors, name, err := gomlxfile.Read(args[0])
			if err != nil {
				return err
			}
			for tensor := range tensors {
				if !all && isTrainingState(tensor) {
					delete(tensors, tensor)
				}
			}
			if err := safetensors.Write(out, tensors, map[string]string{"from": name}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d tensors of %s are in %s\n", len(tensors), name, out)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`file` to write")
	cmd.Flags().BoolVar(&all, "all", false, "the optimiser's state and the random numbers too")
	return cmd
}

// isTrainingState says whether a variable of GoMLX's trainer is not one of the model: its names for the state of the random numbers, the count
// of steps, and everything in the scope of an optimiser.
func isTrainingState(name string) bool {
	if name == model.RNGStateVariableName || strings.HasSuffix(name, optimizer.GlobalStepVariableName) {
		return true
	}
	return slices.ContainsFunc(strings.Split(name, "."), func(part string) bool {
		return part == optimizer.Scope || strings.HasSuffix(part, "Optimizer")
	})
}
