package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/export"
	"github.com/glimpse-ml/glimpse/experiments/history"
)

func runsExportCommand() *cobra.Command {
	var f runFlags
	var tensorboard, mlflow string
	cmd := &cobra.Command{
		Use:   "export RUNDIR...",
		Short: "Write runs in the form of other tools: TensorBoard, MLflow",
		Long: `Export writes the curves of runs as an event file of TensorBoard, one folder a run below the one that is named, or
whole runs into a file store of MLflow (settings, curves, results, where they come from): the folder mlruns. An export
of the same run takes the place of the earlier one.

MLflow 3 reads a file store only with MLFLOW_ALLOW_FILE_STORE=true in its environment; it asks to move to a database.`,
		Example: examples(
			"glimpse runs export runs/seed-* --tensorboard tb       # then: tensorboard --logdir tb",
			"glimpse runs export runs/longer --mlflow mlruns        # then: mlflow ui --backend-store-uri mlruns"),
		Args: wantArgs("RUNDIR..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tensorboard == "" && mlflow == "" {
				return usagef(cmd, "expected --tensorboard or --mlflow with a folder, found neither")
			}
			runs, err := openRuns(args, f.dir)
			if err != nil {
				return err
			}
			written, names := []string{}, history.Names(runs)
			for i, run := range runs {
				if tensorboard != "" {
					path, err := export.TensorBoard(run, tensorboard, names[i])
					if err != nil {
						return err
					}
					written = append(written, path)
				}
				if mlflow != "" {
					path, err := export.MLflow(run, mlflow, names[i])
					if err != nil {
						return err
					}
					written = append(written, path)
				}
			}
			if f.asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					Written []string `json:"written"`
				}{written})
			}
			for _, path := range written {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), path); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&tensorboard, "tensorboard", "", "`folder` for event files of TensorBoard")
	cmd.Flags().StringVar(&mlflow, "mlflow", "", "`folder` of a file store of MLflow")
	return cmd
}
