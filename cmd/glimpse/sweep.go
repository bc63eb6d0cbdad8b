package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/sweep"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/shell"
	"github.com/glimpse-ml/glimpse/internal/spelling"
)

// sweepFlags are what a call of `glimpse sweep` says.
type sweepFlags struct {
	over, settings            []string
	method, metric, budget    string
	data, out                 string
	seeds, trials, eta, rungs int
	workers                   int
	seed                      int64
	lease                     time.Duration
	minimize, quick, asJSON   bool
}

func sweepCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "sweep NAME",
		Short: "Run an experiment with many settings and seeds, and find the best",
		Long: `Sweep trains an experiment once for each setting and seed: a trial. Everything lies in one folder, from which the sweep
goes on after anything that stops it: the same command again, or ` + "`glimpse sweep resume DIR`" + `. Trials whose worker died
are begun again, and each has exactly one result.

What is searched is given with --over, once for each setting:
  --over model.embed_dim=8,32,128             these values
  --over 'train.optimizer.lr=log(1e-4..1e-2)' a range, evenly in the logarithm (quotes keep the shell from it)
  --over model.dropout=0..0.5                 a range, evenly
  --over 'model.layers=int(2..8)'             whole numbers, both ends included

How, with --method:
  grid     all combinations
  random   --trials settings at random; the same command gives the same ones
  tpe      --trials settings, most of them where good ones were found (Bergstra et al. 2011)
  halving  --trials settings with a small budget, the best of them with --eta times as much, and so on to the
           experiment's own budget (successive halving, Jamieson and Talwalkar 2016)

Workers are processes of this machine, --workers of them, which share its cores. Others may help from any machine
that sees the folder: ` + "`glimpse sweep worker DIR`, or as jobs (`glimpse sweep slurm`, `glimpse sweep kubernetes`)" + `.`,
		Example: examples(
			"glimpse sweep clip --quick --over model.embed_dim=8,32,128 --seeds 3 --metric zeroshot_top1 --out sweeps/width",
			"glimpse sweep captioner --over 'train.optimizer.lr=log(1e-4..1e-2)' --method tpe --metric heldout_loss --minimize",
			"glimpse sweep status sweeps/width",
			"glimpse sweep resume sweeps/width --workers 4"),
		Annotations: map[string]string{takesArguments: "yes"},
		Args:        wantArgs("NAME"),
		RunE:        func(cmd *cobra.Command, args []string) error { return beginSweep(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.over, "over", nil, "a setting to search, as `key=values`; may be repeated")
	flags.StringArrayVar(&f.settings, "set", nil, "a setting of all trials, as `key=value`; may be repeated")
	flags.StringVar(&f.metric, "metric", "", "`name` of the metric to compare by, one of those that the experiment prints; larger is better")
	flags.BoolVar(&f.minimize, "minimize", false, "smaller values of the metric are better")
	flags.StringVar(&f.method, "method", "grid", "`name` of the search: "+strings.Join(sweep.Methods(), ", "))
	flags.IntVar(&f.trials, "trials", 0, "`number` of settings that random, tpe and halving try, each with every seed (default 20)")
	flags.IntVar(&f.seeds, "seeds", 1, "`number` of seeds for each setting")
	flags.Int64Var(&f.seed, "seed", 1, "the first seed, a `number`; also that of the search")
	flags.StringVar(&f.budget, "budget", "train.steps", "halving: the setting that is the budget, a `key`")
	flags.IntVar(&f.eta, "eta", 3, "halving: how many times more each rung trains, and how many times fewer settings it has, a `number`")
	flags.IntVar(&f.rungs, "rungs", 0, "halving: `number` of rungs (default: until one setting is left)")
	flags.BoolVar(&f.quick, "quick", false, "the experiment's quick form")
	flags.StringVar(&f.data, "data", "", "`folder` of the main data set, instead of the one that is found")
	flags.StringVar(&f.out, "out", "", "`folder` of the sweep (default: a fresh one below sweeps)")
	flags.DurationVar(&f.lease, "lease", sweep.DefaultLease, "`time` without a sign of life after which a worker's trial is begun again")
	addWorkers(cmd, &f.workers)
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	cmd.AddCommand(sweepStatusCommand(), sweepResumeCommand(), sweepWorkerCommand(), sweepSlurmCommand(), sweepKubernetesCommand())
	return cmd
}

func addWorkers(cmd *cobra.Command, workers *int) {
	cmd.Flags().IntVar(workers, "workers", max(1, runtime.GOMAXPROCS(0)/4),
		"`number` of processes here; 0 leaves the work to workers that are started elsewhere")
}

func beginSweep(cmd *cobra.Command, name string, f sweepFlags) error {
	experiment, err := findExperiment(cmd, name)
	if err != nil {
		return err
	}
	if err := requireFlags(cmd, "over", "metric"); err != nil {
		return err
	}
	spec, err := f.spec(cmd, experiment)
	if err != nil {
		return err
	}
	if f.out == "" {
		f.out = filepath.Join("sweeps", strings.ReplaceAll(name, "/", "-")+"-"+time.Now().Format("20060102-150405"))
	}
	s, err := sweep.Create(f.out, spec)
	if err != nil {
		return err
	}
	return runSweep(cmd, s, f.workers, f.asJSON)
}

// spec is what the flags ask for, checked against the experiment.
func (f sweepFlags) spec(cmd *cobra.Command, e experiments.Experiment) (sweep.Spec, error) {
	var spec sweep.Spec
	opts, err := trainFlags{quick: f.quick, seed: f.seed, settings: f.settings, data: f.data, save: savingFlags{every: "1m", keep: 2}}.options(cmd)
	if err != nil {
		return spec, err
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return spec, err
	}
	kind := b.Kind
	b.Finalize()
	config, err := resolve(cmd, e, kind, &opts)
	if err != nil {
		return spec, err
	}
	spec = sweep.Spec{Experiment: e.Name, Form: opts.Form, Data: opts.DataDir, Method: f.method, Trials: f.trials, Seeds: f.seeds,
		FirstSeed: f.seed, Metric: f.metric, Minimize: f.minimize, Lease: f.lease.Seconds(), Set: []string{}}
	for _, o := range opts.Overrides {
		spec.Set = append(spec.Set, o.Key+"="+o.Value)
	}
	for _, text := range f.over {
		d, err := sweep.ParseDimension(text)
		if err != nil {
			return spec, usagef(cmd, "--over %s", err)
		}
		spec.Over = append(spec.Over, d)
	}
	if err := f.checkMethod(cmd); err != nil {
		return spec, err
	}
	if f.method != "grid" && f.trials == 0 {
		spec.Trials = 20
	}
	if f.method == "halving" {
		if err := f.plan(cmd, &spec, config); err != nil {
			return spec, err
		}
	}
	err = spec.Check(func(overrides []experiments.Override) error {
		_, err := e.Config(kind, experiments.Options{Form: spec.Form, Overrides: overrides})
		return err
	})
	if err != nil {
		return spec, usagef(cmd, "%s", err)
	}
	return spec, nil
}

// checkMethod refuses flags that another method takes.
func (f sweepFlags) checkMethod(cmd *cobra.Command) error {
	if err := oneOf(cmd, "method", f.method, sweep.Methods()...); err != nil {
		return err
	}
	given := cmd.Flags().Changed
	if f.method == "grid" && given("trials") {
		return usagef(cmd, "expected --trials with another method, found grid, which tries all combinations")
	}
	for _, flag := range []string{"budget", "eta", "rungs"} {
		if given(flag) && f.method != "halving" {
			return usagef(cmd, "expected --%s with --method halving, found %s", flag, f.method)
		}
	}
	if f.lease < time.Second {
		return usagef(cmd, "expected a --lease of at least 1s, found %v", f.lease)
	}
	if f.workers < 0 {
		return usagef(cmd, "expected 0 or more --workers, found %d", f.workers)
	}
	return nil
}

// plan makes the rungs of successive halving: the last has the experiment's own budget.
func (f sweepFlags) plan(cmd *cobra.Command, spec *sweep.Spec, config json.RawMessage) error {
	settings := experiments.Flat(config)
	text, ok := settings[f.budget]
	most, err := strconv.Atoi(text)
	if !ok || err != nil || most < 1 {
		var known []string
		for key, value := range settings {
			if _, err := strconv.Atoi(value); err == nil {
				known = append(known, key)
			}
		}
		slices.Sort(known)
		return usagef(cmd, "expected --budget to be a setting that is a whole number, found %q; did you mean %q?", f.budget,
			spelling.Nearest(f.budget, known))
	}
	spec.Budget = f.budget
	if spec.Rungs, err = sweep.PlanHalving(spec.Trials, f.eta, f.rungs, most); err != nil {
		return usagef(cmd, "%s", err)
	}
	return nil
}

// runSweep works on a sweep with local processes until it is done, and says what came out.
func runSweep(cmd *cobra.Command, s *sweep.Sweep, workers int, asJSON bool) error {
	if err := planned(cmd.ErrOrStderr(), s, workers); err != nil || workers == 0 {
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), s.Dir)
		}
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot start workers: %w", err)
	}
	pool := sweep.Pool{Workers: workers, Messages: cmd.ErrOrStderr(), Command: func(name string) *exec.Cmd {
		worker := exec.Command(self, "sweep", "worker", s.Dir, "--name", name, "--attached")
		worker.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", sweep.Threads(workers)))
		return worker
	}}
	if err := pool.Run(cmd.Context(), s); err != nil {
		if cmd.Context().Err() != nil {
			return &stoppedSweep{s.Dir}
		}
		return fmt.Errorf("the sweep in %s is not done: %w", s.Dir, err)
	}
	return reportSweep(cmd, s, asJSON)
}

// stoppedSweep is the end of a sweep or a worker that was told to stop.
type stoppedSweep struct{ dir string }

func (s *stoppedSweep) Error() string {
	return fmt.Sprintf("the sweep was stopped; `glimpse sweep resume %s` goes on with it", shell.Quote(s.dir))
}

func (s *stoppedSweep) Unwrap() []error { return []error{experiments.ErrStopped, context.Canceled} }

// planned says what is going to be done.
func planned(w io.Writer, s *sweep.Sweep, workers int) error {
	sum, err := s.Summarise()
	if err != nil {
		return err
	}
	total := s.Spec.Total()
	text := fmt.Sprintf("glimpse: %d trials (settings %d x seeds %d) in %s", total, total/s.Spec.Seeds, s.Spec.Seeds, s.Dir)
	if ended := sum.Done + sum.Failed; ended > 0 {
		text += fmt.Sprintf("; %d have ended before", ended)
	}
	if workers == 0 {
		text += fmt.Sprintf("; `glimpse sweep worker %s` does them", shell.Quote(s.Dir))
	}
	_, err = fmt.Fprintln(w, text)
	return err
}

// reportSweep writes the page and prints the table.
func reportSweep(cmd *cobra.Command, s *sweep.Sweep, asJSON bool) error {
	sum, err := s.Summarise()
	if err != nil {
		return err
	}
	path, err := s.WritePage(sum)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), sum)
	} else if err = printTable(cmd.OutOrStdout(), func(table io.Writer) { fillSweep(table, s, sum) }); err == nil {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "\n%s\nThe page is %s\n", verdictOf(sum), path)
	}
	if err != nil {
		return err
	}
	if sum.Done == 0 && sum.Failed > 0 {
		return errors.New("every trial that has ended has failed; see the last column of the table")
	}
	return nil
}

func fillSweep(table io.Writer, s *sweep.Sweep, sum *sweep.Summary) {
	keys := s.Spec.Keys()
	fmt.Fprintf(table, "%s\t%s\t95%% interval\tseeds\ttrials\n", strings.Join(keys, "\t"), s.Spec.Metric)
	for _, at := range sum.Settings {
		value := "–"
		if at.Mean != nil {
			value = fmt.Sprintf("%.5g", at.Mean.Value)
		}
		var values, trials []string
		for _, key := range keys {
			values = append(values, at.Settings[key])
		}
		for _, trial := range at.Trials {
			text := strconv.Itoa(trial.Trial)
			if trial.State != string(sweep.Done) {
				text += " " + trial.State
			}
			if trial.Error != "" {
				text += " (" + trial.Error + ")"
			}
			trials = append(trials, text)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d/%d\t%s\n", strings.Join(values, "\t"), value, sweep.Interval(at.Mean), len(at.Values), s.Spec.Seeds,
			strings.Join(trials, ", "))
	}
}

// verdictOf is how far a sweep is and its best setting, in a sentence each.
func verdictOf(sum *sweep.Summary) string {
	text := fmt.Sprintf("%d of %d trials are done", sum.Done, sum.Total)
	if sum.Failed > 0 {
		text += fmt.Sprintf(", %d failed", sum.Failed)
	}
	if sum.Running > 0 {
		text += fmt.Sprintf(", %d running", sum.Running)
	}
	if sum.Best == nil {
		return text + "; no setting has a value for each of its seeds yet"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(sum.Best.Settings)) {
		parts = append(parts, key+"="+sum.Best.Settings[key])
	}
	return text + fmt.Sprintf("\nThe best setting is %s, with %s %.5g", strings.Join(parts, " "), sum.Metric, sum.Best.Mean.Value)
}
