package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// version is set when a release is built: go build -ldflags "-X main.version=1.2.3".
var version = "devel"

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "The version of this program, and what it was built with",
		Example: examples("glimpse version", "glimpse version --json"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			backends := []string{string(backend.Go)}
			if backend.HasONNX {
				backends = append(backends, string(backend.ONNX))
			}
			if backend.HasXLA {
				backends = append(backends, string(backend.XLA))
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, map[string]any{"version": version, "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH, "backends": backends})
			}
			_, err := fmt.Fprintf(out, "glimpse %s (%s, %s/%s, backends: %s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(backends, " "))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
