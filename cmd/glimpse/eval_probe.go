package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// probeReport is what `glimpse eval linear-probe --json` prints.
type probeReport struct {
	measured
	TrainData string `json:"train_data"`
	Features  string `json:"features"`
	Attribute string `json:"attribute"` // whose values are the classes; "" for labels
	*evaluate.Probe
	N        int      `json:"n"`
	Problems []string `json:"problems"` // pictures that could not be read
}

// probeFeatures says what is fitted to.
const probeFeatures = "unit image embeddings, after the projection"

// probeCall is what `glimpse eval linear-probe` is asked to do.
type probeCall struct {
	evaluation
	classes    classChoice
	config     evaluate.ProbeConfig
	trainSplit string
	confusion  string
}

func evalLinearProbeCommand() *cobra.Command {
	var p probeCall
	cmd := &cobra.Command{
		Use:   "linear-probe --model DIR --data NAME_OR_DIR",
		Short: "How much a linear classifier makes of the frozen image features",
		Long: `Linear-probe fits a logistic regression to the image features of the training pictures and measures it on the held-out
ones (Radford et al. 2021, section 3.2 and appendix A.3). The model itself does not change. The features are the unit
image embeddings, after the projection into the space shared with texts; the paper takes those before the projection.

The strength of the L2 penalty, lambda (1/C of scikit-learn), is chosen on a fifth of the training pictures of each
class by the paper's search: seven values from 1e6 to 1e-6, then finer around the best, to eight a decade. The
classifier is then fitted to all training pictures with L-BFGS, at most 1,000 steps.

--shots also fits to a few pictures of each class, --draws times with other pictures; then the interval is Student's
over the draws, and lambda is chosen by cross-validation among the drawn pictures alone (1 for a single shot).
Classes are chosen as by eval zeroshot; those with fewer than two training pictures are left out.`,
		Example: examples(
			"glimpse eval linear-probe --model runs/clip --data cifar10",
			"glimpse eval linear-probe --model runs/clip --data fashion-products --shots 1,2,4,8,16 --json"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.check(cmd); err != nil {
				return err
			}
			report, err := p.run(cmd)
			if err != nil {
				return err
			}
			if p.asJSON {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.print(cmd.OutOrStdout(), p.classes.by())
			}
			if err != nil {
				return err
			}
			return drawConfusion(p.confusion, "Linear probe on "+report.Data, report.Classes, report.Confusion)
		},
	}
	p.add(cmd)
	p.classes.add(cmd)
	cmd.Flags().StringVar(&p.trainSplit, "train-split", "train", "`name` of the part of the data set that is fitted to")
	cmd.Flags().IntSliceVar(&p.config.Shots, "shots", nil, "also fit to so many pictures a class, such as 1,2,4,8,16")
	cmd.Flags().IntVar(&p.config.Draws, "draws", 5, "how often pictures are drawn for each of --shots")
	cmd.Flags().Uint64Var(&p.config.Seed, "seed", 1, "`seed` of what is held out and drawn")
	cmd.Flags().StringVar(&p.confusion, "confusion", "", "draw the confusion matrix into a `file` (.png or .svg)")
	return cmd
}

func (p *probeCall) check(cmd *cobra.Command) error {
	if err := requireFlags(cmd, "model", "data"); err != nil {
		return err
	}
	if err := p.classes.check(cmd); err != nil {
		return err
	}
	if p.config.Draws < 1 || p.config.Draws > 1000 {
		return usagef(cmd, "expected --draws to be 1 to 1000, found %d", p.config.Draws)
	}
	slices.Sort(p.config.Shots)
	p.config.Shots = slices.Compact(p.config.Shots)
	if len(p.config.Shots) > 0 && p.config.Shots[0] < 1 {
		return usagef(cmd, "expected --shots of 1 or more, found %d", p.config.Shots[0])
	}
	if p.confusion != "" {
		return checkFigure(cmd, "confusion", p.confusion)
	}
	return nil
}

func (p *probeCall) run(cmd *cobra.Command) (*probeReport, error) {
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	var trainSet datasets.Dataset
	m, test, what, err := p.embed(cmd, b, evaluate.EmbedImages, func(set datasets.Dataset) (err error) {
		if err = p.classes.choose(cmd, set, p.data.dir); err != nil {
			return err
		}
		trainSet, err = p.openTrain(cmd)
		return err
	})
	if err != nil {
		return nil, err
	}
	train, err := embedSet(cmd, b, m, trainSet, evaluate.EmbedImages)
	if err != nil {
		return nil, err
	}
	p.config.Least = p.classes.least
	var bar *progress.Bar
	probe, err := evaluate.LinearProbe(cmd.Context(), train, test, evaluate.ByAttribute(p.classes.attribute), p.config, func(done, total int) {
		if bar == nil {
			bar = progress.New(cmd.ErrOrStderr(), "fitting", int64(total), progress.Options{})
		}
		bar.Set(int64(done))
	})
	bar.Done()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what.Data, err)
	}
	return &probeReport{what, trainSet.Name(), probeFeatures, p.classes.attribute, probe, probe.Top1.N,
		slices.Concat([]string{}, train.Problems, test.Problems)}, nil
}

// openTrain opens the pictures to fit to, which must be others than those that are measured on.
func (p *probeCall) openTrain(cmd *cobra.Command) (datasets.Dataset, error) {
	splits, err := splitsIn(p.data.dir)
	if err != nil {
		return nil, err
	}
	if len(splits) == 0 {
		return nil, fmt.Errorf("expected pictures to fit to and others to measure on, in folders such as train and test of %s, found a folder without splits", p.data.dir)
	}
	split, err := chooseSplit(p.data.dir, p.trainSplit, true, splits)
	if err != nil {
		return nil, fmt.Errorf("the pictures to fit to: %w; name their split with --train-split", err)
	}
	if split == p.data.split {
		return nil, fmt.Errorf("expected other pictures to fit to than to measure on, found the split %q for both; see --split and --train-split", split)
	}
	return openSplit(cmd, p.data.dir, split)
}

func (r *probeReport) print(w io.Writer, by string) error {
	fmt.Fprintf(w, "linear probe on %s, %d classes by %s, fitted to %d pictures, measured on %d (%d left out)\nfeatures: %s\n\n",
		r.Data, len(r.Classes), by, r.Train, r.Top1.N, r.LeftOut, r.Features)
	shares := map[string]stats.Proportion{"top1": r.Top1}
	if len(r.Classes) > 5 {
		shares["top5"] = r.Top5
	}
	err := printMetrics(w, metricsOf(shares, map[string]stats.Mean{"mean_per_class": r.MeanPerClass},
		map[string]float64{"chance": r.Chance, "majority": r.Majority, "lambda": r.Lambda}))
	if err != nil || len(r.Shots) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return printTable(w, func(table io.Writer) {
		fmt.Fprintln(table, "shots\ttop1\t95% interval\tdraws\tclasses with fewer pictures")
		for _, s := range r.Shots {
			f := history.Figure{Low: s.Top1.Low, High: s.Top1.High, HasInterval: true}
			fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%d\n", s.Shots, number(s.Top1.Value), f.Interval(), len(s.Draws), s.Short)
		}
	})
}
