package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// tensorFlags adds --inputs and --out to a command that makes tensors of tensors.
func tensorFlags(cmd *cobra.Command, inputs, out *string) {
	cmd.Flags().StringVar(inputs, "inputs", "", "safetensors file to read")
	cmd.Flags().StringVar(out, "out", "", "safetensors file to write, whole or not at all")
}

// checkOutput finds out whether a file can be written to path before work is spent on what goes into it.
func checkOutput(path string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil // a device or a pipe, whose reader would notice
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	f.Abort()
	return nil
}

// reason drops the path from a system's error, which the sentence around it names already.
func reason(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
