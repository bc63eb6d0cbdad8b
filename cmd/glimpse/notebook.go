package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// firstNotebook is the one that a first visit opens.
const firstNotebook = "01-shared-space.ipynb"

func notebookCommand() *cobra.Command {
	var server notebook.Server
	cmd := group(&cobra.Command{
		Use:   "notebook",
		Short: "The lesson as notebooks with a Go kernel",
		Long: `Notebook installs the Jupyter kernel "` + notebook.DisplayName + `" for you if it is not there yet, and opens the first
notebook of the lesson in your browser. In a notebook with this kernel, under the checkout or anywhere else,
cells import the lab's packages with no set-up.

The kernel is GoNB, built from go.mod. It lies in your cache folder (XDG_CACHE_HOME chooses another) and in
your data folder of Jupyter (JUPYTER_DATA_DIR); nothing is installed system-wide. Jupyter listens to this
machine alone and asks for the token that stands in the address it prints.`,
		Example: examples(
			"glimpse notebook",
			"glimpse notebook run --no-browser --port 8890     # on another machine, through ssh -L 8890:127.0.0.1:8890",
			"glimpse notebook check                            # execute every notebook without a browser",
			"glimpse notebook html my.ipynb                    # a page to send to someone, my.html"),
	}, notebookInstallCommand(), notebookRunCommand(&server), notebookCheckCommand(), notebookHTMLCommand(), notebookCleanCommand(),
		notebookUninstallCommand())
	serverFlags(cmd, &server)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runNotebook(cmd, server, "") }
	return cmd
}

func notebookInstallCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "install",
		Short:   "Install the Jupyter kernel \"" + notebook.DisplayName + "\" for you",
		Example: examples("glimpse notebook install", "glimpse notebook install && jupyter kernelspec list"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			kernel, err := installedKernel(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"kernel": notebook.Name, "spec": kernel.Spec(), "checkout": kernel.Checkout})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), kernel.Spec())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func notebookRunCommand(server *notebook.Server) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "run [NOTEBOOK]",
		Short:   "Open a notebook or a folder in Jupyter, the first notebook when none is named",
		Example: examples("glimpse notebook run", "glimpse notebook run my.ipynb"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef(cmd, "expected at most one notebook or folder, found %q", args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			open := ""
			if len(args) == 1 {
				open = args[0]
			}
			return runNotebook(cmd, *server, open)
		},
	}
	serverFlags(cmd, server)
	return cmd
}

func serverFlags(cmd *cobra.Command, server *notebook.Server) {
	cmd.Flags().IntVar(&server.Port, "port", 0, "the `port` to listen to (default: one that is free)")
	cmd.Flags().BoolVar(&server.NoBrowser, "no-browser", false, "only print the address")
}

func runNotebook(cmd *cobra.Command, server notebook.Server, open string) error {
	kernel, err := notebook.Find()
	if err != nil {
		return err
	}
	if open == "" {
		open = filepath.Join(kernel.Notebooks(), firstNotebook)
	}
	server.Open = open
	if err := server.Check(); err != nil {
		return err
	}
	if err := kernel.Install(cmd.Context(), cmd.ErrOrStderr()); err != nil {
		return err
	}
	return kernel.Run(cmd.Context(), server, cmd.ErrOrStderr())
}

// checkedNotebook is one line of `glimpse notebook check`.
type checkedNotebook struct {
	Notebook string  `json:"notebook"`
	Cells    int     `json:"cells"`    // that were executed
	Pictures int     `json:"pictures"` // that they showed
	Seconds  float64 `json:"seconds"`
}

func notebookCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [NOTEBOOK...]",
		Short: "Execute notebooks without a browser, all of the lesson when none is named",
		Long: `Check executes notebooks from the first cell to the last without a browser, and fails at the first cell that
does. The notebooks themselves are not written to.`,
		Example: examples("glimpse notebook check", "glimpse notebook check notebooks/"+firstNotebook+" --json"),
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
			for _, path := range paths {
				start := time.Now()
				doc, err := kernel.Check(cmd.Context(), path)
				if err != nil {
					return err
				}
				checked := checkedNotebook{Notebook: path, Seconds: time.Since(start).Seconds()}
				for _, c := range doc.Code() {
					checked.Cells++
					checked.Pictures += len(c.Pictures())
				}
				if asJSON {
					err = printJSON(cmd.OutOrStdout(), checked)
				} else {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %d cells, %d pictures, %.1f s\n", path, checked.Cells, checked.Pictures, checked.Seconds)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

func notebookUninstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "uninstall",
		Short:   "Remove the kernel from Jupyter and from your cache folder",
		Example: examples("glimpse notebook uninstall"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			kernel, err := notebook.Find()
			if err != nil {
				return err
			}
			return kernel.Uninstall()
		},
	}
}

// chosenNotebooks are the notebooks that a command names, those of the lesson when it names none.
func chosenNotebooks(kernel notebook.Kernel, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	return filepath.Glob(filepath.Join(kernel.Notebooks(), "*.ipynb"))
}

// installedKernel is the user's kernel, installed first when it is missing or out of date.
func installedKernel(cmd *cobra.Command) (notebook.Kernel, error) {
	kernel, err := notebook.Find()
	if err != nil {
		return kernel, err
	}
	return kernel, kernel.Install(cmd.Context(), cmd.ErrOrStderr())
}

// executingKernel is [installedKernel] where notebooks can be executed without a browser.
func executingKernel(cmd *cobra.Command) (notebook.Kernel, error) {
	if err := notebook.CanExecute(); err != nil {
		return notebook.Kernel{}, err
	}
	return installedKernel(cmd)
}
