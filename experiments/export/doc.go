// Package export writes what a run recorded in the form of other tools: event files of TensorBoard (tensorboard.go), and the
// folders of MLflow's file store (mlflow.go). An export is made from the run's folder and can be made again at any time; it
// takes the place of the earlier one.
package export
