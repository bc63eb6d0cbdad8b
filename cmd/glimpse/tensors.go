package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// tensorFlags adds --inputs and --out to a command that makes tensors of tensors.
func tensorFlags(cmd *cobra.Command, inputs, out *string) {
	cmd.Flags().StringVar(inputs, "inputs", "", "safetensors file to read")
	cmd.Flags().StringVar(out, "out", "", "safetensors file to write, whole or not at all")
}

// checkOutput finds out whether a file can be written to path before work is spent on what goes into it.
func checkOutput(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("cannot write %s: expected the folder %s, found: %w; make it first", path, dir, reason(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("cannot write %s: expected a folder %s, found a file", path, dir)
	}
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return fmt.Errorf("cannot write %s: expected the name of a file, found a folder", path)
		}
		if !info.Mode().IsRegular() {
			return nil
		}
	}
	probe, err := os.CreateTemp(dir, ".glimpse-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: expected a folder that can be written to, found: %w", path, reason(err))
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// reason drops the path from a system's error, which the sentence around it names already.
func reason(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}

// writeTensors writes a safetensors file: a regular file whole or not at all, a device or pipe such as /dev/stdout
// directly, because replacing that by a file would destroy it.
func writeTensors(path string, tensors map[string]safetensors.Tensor) error {
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		return safetensors.Write(path, tensors, nil)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, reason(err))
	}
	defer f.Close()
	buffered := bufio.NewWriter(f)
	if err := safetensors.Encode(buffered, tensors, nil); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, reason(err))
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, reason(err))
	}
	return f.Close()
}
