package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

func notebookHTMLCommand() *cobra.Command {
	var out string
	var scenes bool
	cmd := &cobra.Command{
		Use:   "html [NOTEBOOK...]",
		Short: "Execute notebooks and write what they show as pages, all of the lesson when none is named",
		Long: `HTML executes notebooks from the first cell to the last, without a browser, and writes each with what its cells
showed as NAME.html, figures that answer to the reader included. A notebook whose cells fail becomes no page.

With --scenes nothing of yours is shown: cells find no data sets, no runs and no earlier results, so that models are
trained on drawn pictures, in minutes, and the pages can be given to anyone.`,
		Example: examples("glimpse notebook html my.ipynb", "glimpse notebook html --scenes --out site"),
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			kernel, err := executingKernel(cmd)
			if err != nil {
				return err
			}
			paths, err := chosenNotebooks(kernel, args)
			if err != nil {
				return err
			}
			var s notebook.Surroundings
			if scenes {
				fresh, err := os.MkdirTemp("", "glimpse-scenes-*")
				if err != nil {
					return fmt.Errorf("cannot make a folder for what the notebooks train: %w", err)
				}
				defer os.RemoveAll(fresh)
				if s, err = scenesAlone(fresh); err != nil {
					return err
				}
			}
			for _, path := range paths {
				page, err := kernel.Export(cmd.Context(), path, out, s)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), page); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", ".", "the `folder` for the pages")
	cmd.Flags().BoolVar(&scenes, "scenes", false, "without your data and runs: on drawn pictures, models trained anew")
	return cmd
}

// scenesAlone are surroundings in a fresh folder where cells find neither data sets nor what was trained before. Go's own cache and
// ONNX Runtime, which lie in the user's cache folder, are found even so.
func scenesAlone(fresh string) (notebook.Surroundings, error) {
	for _, name := range []string{"cache", "data", "notebooks"} {
		if err := os.Mkdir(filepath.Join(fresh, name), 0o755); err != nil {
			return notebook.Surroundings{}, fmt.Errorf("cannot make a folder for what the notebooks train: %w", err)
		}
	}
	built, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return notebook.Surroundings{}, fmt.Errorf("expected `go env GOCACHE` to tell where Go keeps what it has compiled, found: %w", err)
	}
	env := []string{"XDG_CACHE_HOME=" + filepath.Join(fresh, "cache"), "GLIMPSE_DATA=" + filepath.Join(fresh, "data"), "GOCACHE=" + strings.TrimSpace(string(built))}
	if library := backend.FindONNXRuntime(); library != "" {
		env = append(env, backend.LibraryPathEnv+"="+library)
	}
	return notebook.Surroundings{Folder: filepath.Join(fresh, "notebooks"), Env: env}, nil
}

func notebookCleanCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "clean [NOTEBOOK...]",
		Short: "Remove outputs and counts from notebooks, so that their changes can be read",
		Long: `Clean removes from notebooks, all of the lesson when none is named, what executing them has put there: outputs,
execution counts, times and the state of windows. It writes the JSON in one form, the one that Jupyter writes, and
prints the names of those that it has changed. It needs neither Jupyter nor the kernel.`,
		Example: examples("glimpse notebook clean", "glimpse notebook clean --check    # change nothing, fail when one is not clean"),
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				kernel, err := notebook.Find()
				if err != nil {
					return err
				}
				if args, err = chosenNotebooks(kernel, nil); err != nil {
					return err
				}
			}
			var unclean []string
			for _, path := range args {
				clean := notebook.CleanFile
				if check {
					clean = notebook.NeedsCleaning
				}
				changed, err := clean(path)
				if err != nil {
					return err
				}
				if changed {
					unclean = append(unclean, path)
				}
			}
			if check && len(unclean) > 0 {
				return fmt.Errorf("expected notebooks without outputs, found some that are not clean: %s; `glimpse notebook clean` cleans them", strings.Join(unclean, ", "))
			}
			for _, path := range unclean {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), path); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing, and fail when a notebook is not clean")
	return cmd
}
