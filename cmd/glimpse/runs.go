package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/glimpse-ml/glimpse/experiments"
)

func runsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "runs",
		Short: "The runs of experiments: list, show, compare, export and remove them",
		Long: `A run is a folder that ` + "`glimpse train`" + ` has made: what was run, what came out, the trained model. Where a
RUNDIR is asked for, the name of a folder below --dir will do.`,
		Example: examples("glimpse runs list", "glimpse runs show runs/longer", "glimpse runs compare runs/first runs/longer --out both.html"),
	}, runsListCommand(), runsShowCommand(), runsCompareCommand(), runsDiffCommand(), runsLearningCommand(), runsExportCommand(), runsRemoveCommand(), runsCollectCommand())
}

// runFlags are those of every command on runs.
type runFlags struct {
	dir    string
	asJSON bool
}

func (f *runFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "dir", "runs", "`folder` that holds the runs")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON value")
}

// checkDir is an error when a folder was asked for that is not there.
func (f *runFlags) checkDir(cmd *cobra.Command) error {
	if _, err := os.Stat(f.dir); err != nil && cmd.Flags().Changed("dir") {
		return fmt.Errorf("expected a folder of runs at %s, found: %w", f.dir, reason(err))
	}
	return nil
}

// openRun opens the run at path or, if there is none, the one of that name below dir.
func openRun(path, dir string) (*experiments.Run, error) {
	run, err := experiments.OpenRun(path)
	if err == nil {
		return run, nil
	}
	if _, missing := os.Stat(filepath.Join(path, "manifest.json")); missing != nil {
		if below, err := experiments.OpenRun(filepath.Join(dir, path)); err == nil {
			return below, nil
		}
	}
	return nil, err
}

// openRuns opens several runs as [openRun] does.
func openRuns(paths []string, dir string) ([]*experiments.Run, error) {
	var runs []*experiments.Run
	for _, path := range paths {
		run, err := openRun(path, dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// sayProblems writes what is damaged, one sentence a line.
func sayProblems(messages io.Writer, problems []error) {
	for _, problem := range problems {
		fmt.Fprintf(messages, "glimpse: %s\n", sentence(problem))
	}
}

// confirm asks whether to do what cannot be undone. Where nobody can be asked, --yes has to have said so.
func confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usagef(cmd, "expected --yes where nobody can be asked, found standard input that is no terminal; nothing was removed")
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("cannot read the answer: %w", reason(err))
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fmt.Errorf("nothing was removed")
}
