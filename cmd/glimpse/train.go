package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captions"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/experiments/lesson/studies"
	"github.com/glimpse-ml/glimpse/experiments/pointing"
	"github.com/glimpse-ml/glimpse/experiments/runpage"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/shell"
)

// allExperiments are what `glimpse train` knows by name.
func allExperiments() []experiments.Experiment {
	all := append(demo.All(), contrastive.LiT(), contrastive.Products(), captions.Photographs(), captions.Ensemble(), pointing.Experiment())
	for _, study := range studies.All() {
		all = append(all, study.Experiment)
	}
	return all
}

// trainFlags are what a call of `glimpse train` says.
type trainFlags struct {
	quick, list, show, asJSON bool
	asYAML, dry, reuse        bool
	seed                      int64
	settings                  []string
	config                    string
	data, out                 string
	save                      savingFlags
	devices                   string
}

func trainCommand() *cobra.Command {
	var f trainFlags
	cmd := &cobra.Command{
		Use:   "train NAME",
		Short: "Run an experiment by name: train a model and measure it on held-out pictures",
		Long: `Train runs an experiment and keeps everything in one folder: manifest.json (settings, seed, backend, versions),
metrics.jsonl (one line a recorded step), results.json (what came out, with 95% intervals), plots, and the trained
model, which eval, caption and classify take with --model. A run that failed or was stopped has no results.json; before
its first recorded step there is nothing to keep, and the folder is removed.

A checkpoint of the training is written every minute, and when Ctrl-C or SIGTERM stops it: the exit code is then
75, and ` + "`glimpse resume FOLDER`" + ` goes on as if nothing had been, also after a crash. The --keep newest stay, and when
the training is over its last one. --keep-best METRIC also keeps, for good, that of the evaluation which did best by
METRIC, one of the figures that evaluations on the way add to metrics.jsonl, as
checkpoints/NN-TRAINING-step-N-best.safetensors.
report.html in the folder shows the run on one page.

Every setting of an experiment can be changed: in a YAML file given with --config, and with --set, which wins over the
file. --show prints them all without training anything; with --yaml, as a file that --config takes. --dry-run finds the
data, builds and compiles the training and takes a few steps of it, says how much memory and time the whole would take,
and leaves nothing behind.
The quick form draws its own pictures (Scenes), unless --data names a folder.`,
		Example: examples(
			"glimpse train --list",
			"glimpse train clip --quick",
			"glimpse train clip --show",
			"glimpse train clip --show --yaml >mine.yaml    # change what you like in it, or keep a few lines",
			"glimpse train clip --config mine.yaml --set train.steps=800",
			"glimpse train captions/flickr8k --set batch_size=256 --dry-run    # does it fit, how long would it take?",
			"glimpse train captions/flickr8k --keep-best dev_cider    # for a loss: --smallest besides",
			"glimpse train clip --seed 7 --set train.steps=800 --set train.optimizer.lr=0.001 --out runs/longer"),
		Args: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return wantArgs()(cmd, args)
			}
			return wantArgs("NAME")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return listExperiments(cmd.OutOrStdout(), f.asJSON)
			}
			return train(cmd, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.quick, "quick", false, "the quick form: seconds to a minute, on drawn pictures")
	flags.Int64Var(&f.seed, "seed", 1, "seed of weights, order and augmentation, a `number`")
	flags.StringArrayVar(&f.settings, "set", nil, "a setting as `key=value`, such as train.steps=800; may be repeated")
	flags.StringVar(&f.config, "config", "", "YAML `file` with settings, all or some of those that --show --yaml prints")
	flags.StringVar(&f.data, "data", "", "`folder` of the main data set, instead of the one that is found")
	flags.StringVar(&f.out, "out", "", "run `folder` to make (default: a fresh one below runs)")
	f.save.add(flags)
	flags.StringVar(&f.devices, "devices", "1", "spread every batch over so many `devices` of the backend, or all: GPUs of XLA")
	flags.BoolVar(&f.reuse, "reuse", false, "train nothing when a complete run of the same settings and seed lies where this one would")
	flags.BoolVar(&f.list, "list", false, "list the experiments")
	flags.BoolVar(&f.show, "show", false, "print the settings as JSON and train nothing")
	flags.BoolVar(&f.dry, "dry-run", false, "try the first steps, say what the whole would need, and leave nothing behind")
	flags.BoolVar(&f.asYAML, "yaml", false, "with --show: print the settings as YAML, for --config")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	return cmd
}

func listExperiments(w io.Writer, asJSON bool) error {
	type entry struct {
		Name    string `json:"name"`
		Summary string `json:"summary"`
	}
	var entries []entry
	for _, e := range allExperiments() {
		entries = append(entries, entry{e.Name, e.Summary})
	}
	if asJSON {
		return printJSON(w, entries)
	}
	return printTable(w, func(table io.Writer) {
		for _, e := range entries {
			fmt.Fprintf(table, "%s\t%s\n", e.Name, e.Summary)
		}
	})
}

// findExperiment is the experiment of that name; a name that there is none of is a wrong call.
func findExperiment(cmd *cobra.Command, name string) (experiments.Experiment, error) {
	var names []string
	for _, e := range allExperiments() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return experiments.Experiment{}, usagef(cmd, "expected one of the experiments %s, found %q%s",
		strings.Join(names, ", "), name, didYouMean("", name, names))
}

func train(cmd *cobra.Command, name string, f trainFlags) error {
	experiment, err := findExperiment(cmd, name)
	if err != nil {
		return err
	}
	if f.asYAML && (!f.show || f.asJSON) {
		return usagef(cmd, "expected --yaml together with --show and without --json")
	}
	opts, err := f.options(cmd)
	if err != nil {
		return err
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	if err := f.spread(cmd, b); err != nil {
		return err
	}
	config, err := resolve(cmd, experiment, b.Kind, &opts)
	if err != nil {
		return err
	}
	if f.show {
		return showConfig(cmd.OutOrStdout(), config, f)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: computing with %s (%s)\n", b.Kind, b.Reason)
	if f.dry {
		return dryRun(cmd, experiment, b, opts, f.asJSON)
	}
	run, result, err := f.start(cmd.Context(), experiment, b, opts)
	return ended(cmd, run, result, err, f.asJSON)
}

// spread has the backend's trainings run on the devices that were asked for.
func (f trainFlags) spread(cmd *cobra.Command, b *backend.Backend) error {
	n := 0
	if f.devices != "all" {
		var err error
		if n, err = strconv.Atoi(f.devices); err != nil || n < 1 {
			return usagef(cmd, "expected --devices to be a number of at least 1, or all, found %q", f.devices)
		}
	}
	return b.UseDevices(n)
}

// ended says what a run came to.
func ended(cmd *cobra.Command, run *experiments.Run, result experiments.Result, err error, asJSON bool) error {
	if run != nil {
		if err := runpage.Write(run); err != nil { // it can be written again: `glimpse report run`
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s\n", sentence(err))
		}
	}
	switch {
	case errors.Is(err, experiments.ErrStopped):
		return fmt.Errorf("%w; `glimpse resume %s` goes on with it", err, shell.Quote(run.Dir))
	case err != nil && run != nil:
		return fmt.Errorf("the run in %s is not complete and has no results.json: %w", run.Dir, err)
	case errors.Is(err, context.Canceled):
		return &stoppedEarly{err}
	case err != nil:
		return err
	}
	printFew(cmd.ErrOrStderr(), result.Remarks)
	if asJSON {
		return printJSON(cmd.OutOrStdout(), trained{run.Dir, result.Metrics, result.Seconds})
	}
	if err := printMetrics(cmd.OutOrStdout(), result.Metrics); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nThe run took %.1f s and is in %s\n", result.Seconds, run.Dir)
	return err
}

// stoppedEarly is the end of a run that was stopped before there was anything to keep.
type stoppedEarly struct{ cause error }

func (s *stoppedEarly) Error() string {
	return "the run was stopped before its first recorded step; nothing is left of it"
}
func (s *stoppedEarly) Unwrap() error { return s.cause }

// trained is what `glimpse train --json` prints last.
type trained struct {
	Run     string             `json:"run"`
	Metrics map[string]float64 `json:"metrics"`
	Seconds float64            `json:"seconds"`
}

func (f trainFlags) options(cmd *cobra.Command) (experiments.Options, error) {
	opts := experiments.Options{Form: experiments.Full, Seed: f.seed, Out: f.out, Messages: cmd.ErrOrStderr()}
	if f.quick {
		opts.Form = experiments.Quick
	}
	if f.config != "" {
		file, err := experiments.ReadSettings(f.config)
		if unread := (*fs.PathError)(nil); errors.As(err, &unread) {
			return opts, err
		}
		if err != nil {
			return opts, usagef(cmd, "%s", err)
		}
		opts.File = file
	}
	for _, text := range f.settings {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			return opts, usagef(cmd, "%s", err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	var err error
	if opts.Saving, err = f.save.saving(cmd); err != nil || f.data == "" {
		return opts, err
	}
	info, err := os.Stat(f.data)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("a file")
	}
	if err != nil {
		return opts, fmt.Errorf("expected a folder with a data set at %s, found: %w", f.data, reason(err))
	}
	opts.DataDir, err = filepath.Abs(f.data) // the run remembers it, wherever it is opened later
	return opts, err
}

// drawn is the name of the data that needs no folder.
const drawn = "scenes"

// resolve is the configuration as it will be run. A setting that there is none of is a wrong call. A folder that was
// named takes the place of the pictures that a form would draw.
func resolve(cmd *cobra.Command, e experiments.Experiment, kind backend.Kind, opts *experiments.Options) (json.RawMessage, error) {
	config, err := e.Config(kind, *opts)
	if err != nil {
		return nil, usagef(cmd, "%s", err)
	}
	var main struct {
		Data string `json:"data"`
	}
	if opts.DataDir == "" || json.Unmarshal(config, &main) != nil || main.Data != drawn {
		return config, nil
	}
	for _, o := range opts.Overrides {
		if o.Key == "data" {
			return nil, usagef(cmd, "expected either --data or --set data=%s, found both", drawn)
		}
	}
	name := filepath.Base(opts.DataDir)
	if name == drawn {
		name = "pictures"
	}
	opts.Overrides = append(opts.Overrides, experiments.Override{Key: "data", Value: name})
	return e.Config(kind, *opts)
}

func showConfig(w io.Writer, config json.RawMessage, f trainFlags) error {
	if f.asJSON {
		return printJSON(w, config)
	}
	if f.asYAML {
		text, err := experiments.YAML(config)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(config)
}

// printFew writes the first sentences of a list that may be long, one a line.
func printFew(w io.Writer, sentences []string) {
	const most = 10
	for i, s := range sentences {
		if i == most {
			fmt.Fprintf(w, "glimpse: and %d more like these\n", len(sentences)-most)
			return
		}
		fmt.Fprintf(w, "glimpse: %s\n", s)
	}
}
