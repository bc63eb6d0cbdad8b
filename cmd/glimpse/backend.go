package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

func backendCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "backend",
		Short: "What computes: list the backends of this machine, install ONNX Runtime",
		Long: `A backend is what multiplies the matrices. The lab's models run unchanged on three:

  xla    through a PJRT plugin; the way to GPUs
  onnx   ONNX Runtime; fast on processors
  go     pure Go; needs nothing but this program

Without a word from you the best one is used, in this order. GOMLX_BACKEND chooses one by name, such as go,
onnx:cpu, onnx:cpu,/path/to/libonnxruntime.so, xla:cuda.`,
		Example: examples("glimpse backend list", "glimpse backend install", "GOMLX_BACKEND=onnx:cpu glimpse doctor"),
	}, backendListCommand(), backendInstallCommand())
}

// backendEntry is one line of `glimpse backend list`.
type backendEntry struct {
	Name         string   `json:"name"` // a value for GOMLX_BACKEND
	Usable       bool     `json:"usable"`
	Used         bool     `json:"used"` // the one that is used now
	Version      string   `json:"version"`
	Devices      []string `json:"devices"` // that a training can be spread over
	Library      string   `json:"library"`
	Why          string   `json:"why"`          // why it is used, or why it cannot be
	Reproducible bool     `json:"reproducible"` // the same seed gives the same bits
}

func backendListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "The backends of this machine, and the one that is used",
		Example: examples("glimpse backend list", "glimpse backend list --json"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			entries := listBackends(cmd)
			if asJSON {
				return printJSON(cmd.OutOrStdout(), entries)
			}
			for _, e := range entries {
				if err := e.print(cmd.OutOrStdout()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return cmd
}

// print writes the line, and one more for each device where there are several.
func (e backendEntry) print(w io.Writer) error {
	mark, state := " ", "usable"
	if e.Used {
		mark = "*"
	}
	if !e.Usable {
		state = "no"
	}
	if _, err := fmt.Fprintf(w, "%s %-12s %-7s %-10s %s\n", mark, e.Name, state, e.Version, e.Why); err != nil || len(e.Devices) < 2 {
		return err
	}
	for i, name := range e.Devices {
		if _, err := fmt.Fprintf(w, "    device %d of %d: %s\n", i+1, len(e.Devices), name); err != nil {
			return err
		}
	}
	return nil
}

func listBackends(cmd *cobra.Command) []backendEntry {
	used, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s\n", sentence(err))
		used = &backend.Backend{}
	} else {
		defer used.Finalize()
	}
	var entries []backendEntry
	usedSeen := false
	for _, name := range backendNames() {
		e := backendEntry{Name: name, Devices: []string{}}
		b, err := backend.OpenNamed(name)
		if err != nil {
			e.Why = sentence(err)
			entries = append(entries, e)
			continue
		}
		e.Devices = b.DeviceNames()
		e.Usable, e.Version, e.Library, e.Reproducible = true, b.Version, b.Library, b.Kind.Deterministic()
		e.Used = !usedSeen && b.Kind == used.Kind && b.Library == used.Library
		if e.Used {
			usedSeen, e.Why = true, used.Reason
		}
		b.Finalize()
		entries = append(entries, e)
	}
	return entries
}

// backendNames are values for GOMLX_BACKEND that may work on this machine, the best one first.
func backendNames() []string {
	names := []string{"onnx:cpu", "go"}
	for _, plugin := range slices.Backward(slices.Sorted(maps.Keys(backend.Plugins()))) {
		names = slices.Insert(names, 0, "xla:"+plugin)
	}
	return names
}

func backendInstallCommand() *cobra.Command {
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Bring ONNX Runtime " + backend.ONNXRuntimeVersion + " into your cache folder",
		Long: `Install brings ONNX Runtime ` + backend.ONNXRuntimeVersion + `, with which models train several times faster than in pure Go: through
your npm (the package onnxruntime-node) when there is one, else from ONNX Runtime's releases on GitHub. The library
is checked against a pinned sha256 and put into your cache folder (XDG_CACHE_HOME chooses another). Nothing is
installed system-wide, and a library that is there already and whole is kept.

When you have a library of your own, ONNXRUNTIME_SHARED_LIBRARY_PATH points to it, and there is nothing to install.`,
		Example: examples("glimpse backend install", "glimpse backend install && glimpse doctor"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !backend.HasONNX {
				return errors.New("this program was built without ONNX Runtime and could not use it; `make build` with a C compiler on Linux adds it")
			}
			if quiet && haveOwnLibrary() {
				return nil
			}
			path, err := backend.InstallONNXRuntime(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if quiet {
				return nil
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"library": path, "version": backend.ONNXRuntimeVersion})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do nothing when any library is found, and print no path")
	return cmd
}

// haveOwnLibrary reports whether a library is found elsewhere than where install puts one.
func haveOwnLibrary() bool {
	installed, err := backend.InstalledLibrary()
	found := backend.FindONNXRuntime()
	return found != "" && (err != nil || found != installed)
}
