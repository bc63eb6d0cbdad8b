package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/captions"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/lesson/studies"
	"github.com/glimpse-ml/glimpse/experiments/pointing"
)

func reportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "report",
		Short:   "Write a page about a run, or of recorded results from run folders",
		Example: examples("glimpse report run runs/longer", "glimpse report clip runs/lit-1 runs/lit-2 runs/lit-3"),
	}
	return group(cmd, reportRunCommand(), reportCLIPCommand(), reportCaptionsCommand(), reportPointingCommand(), reportLessonCommand(), reportBuiltCommand())
}

func reportCaptionsCommand() *cobra.Command {
	var tried []string
	var root string
	cmd := &cobra.Command{
		Use:   "captions [RUN...]",
		Short: "docs/results/captioning.md from runs of captions/flickr8k and captions/ensemble",
		Long: `Report captions takes the figures of full runs of captions/flickr8k and captions/ensemble into
docs/results/captioning.json and writes docs/results/captioning.md and its learning curves from it: soft, hard and no
attention beside captions without a model, the bars and whether they are reached, every run's cost, and examples. What
people say of the pictures is left out: it belongs to the data set. A run takes the place of an earlier one with the
same attention and seed, an ensemble of one with as many members of the same kinds; runs with the same attention have
one configuration. Without runs the page is written anew from what is recorded.

Runs given with --tried are listed as what else was tried, with their figures on dev pictures alone.`,
		Example: examples(
			"glimpse report captions runs/soft-1 runs/soft-2 runs/uniform-1",
			"glimpse report captions --tried runs/without-smoothing"),
		RunE: func(cmd *cobra.Command, runs []string) error {
			if err := captions.RecordResults(root, runs, tried); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "The page is "+filepath.Join(root, captions.ResultsPage))
			return err
		},
	}
	cmd.Flags().StringArrayVar(&tried, "tried", nil, "run `folder` of another configuration; may be repeated")
	cmd.Flags().StringVar(&root, "root", ".", "`folder` of the checkout")
	return cmd
}

func reportCLIPCommand() *cobra.Command {
	var tried []string
	var root string
	cmd := &cobra.Command{
		Use:   "clip [RUN...]",
		Short: "docs/results/clip.md from runs of clip/lit and clip/products",
		Long: `Report clip takes the figures of full runs of clip/lit and clip/products into docs/results/clip.json and writes
docs/results/clip.md and its learning curves from it: every seed, the mean over seeds with its 95% interval, and whether
the bars are reached, which takes three seeds. A run takes the place of an earlier one of the same experiment and seed.
All runs of an experiment have one configuration and the same data; to record another one, give its runs of all seeds
at once. Without runs the page is written anew from what is recorded.

Runs given with --tried are listed as what else was tried, with their figures on dev pictures alone.`,
		Example: examples(
			"glimpse report clip runs/lit-1 runs/lit-2 runs/lit-3",
			"glimpse report clip --tried runs/without-mask"),
		RunE: func(cmd *cobra.Command, runs []string) error {
			if err := contrastive.RecordResults(root, runs, tried); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "The page is "+filepath.Join(root, contrastive.ResultsPage))
			return err
		},
	}
	cmd.Flags().StringArrayVar(&tried, "tried", nil, "run `folder` of another configuration; may be repeated")
	cmd.Flags().StringVar(&root, "root", ".", "`folder` of the checkout")
	return cmd
}

func reportPointingCommand() *cobra.Command {
	var root string
	cmd := &cobra.Command{
		Use:   "pointing [RUN...]",
		Short: "docs/results/pointing.md from runs of captions/scenes",
		Long: `Report pointing takes the figures of full runs of captions/scenes into docs/results/pointing.json and writes
docs/results/pointing.md and its pictures from it: how many captions are true, how much of the attention lies in the
box of the object that a word names, for soft, hard and uniform attention and the gradient's map, and what each run
took. A run takes the place of an earlier one of the same attention and seed. All runs have one configuration but for
the attention. Without runs the page is written anew from what is recorded.`,
		Example: examples("glimpse report pointing runs/soft runs/hard runs/uniform"),
		RunE: func(cmd *cobra.Command, runs []string) error {
			if err := pointing.RecordResults(root, runs); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "The page is "+filepath.Join(root, pointing.ResultsPage))
			return err
		},
	}
	cmd.Flags().StringVar(&root, "root", ".", "`folder` of the checkout")
	return cmd
}

func reportLessonCommand() *cobra.Command {
	return reportSeriesCommand(studies.Claims(), &cobra.Command{
		Use:   "lesson [RUN...]",
		Short: "docs/results/lesson-NAME.md and docs/errata.md from runs of lesson/NAME",
		Long: `Report lesson takes full runs of the lesson's experiments, lesson/NAME, into docs/results/lesson-NAME.json and writes
docs/results/lesson-NAME.md with its figures from them, the list of all answers docs/results/lesson.md, and
docs/errata.md: what the lesson says, what was found, and where the right figure is to be read. A run takes the place of
an earlier one of the same experiment and seed. All runs of an experiment have one configuration; to record another one,
give its runs of all seeds at once and remove the old docs/results/lesson-NAME.json. Without runs the pages are written
anew from what is recorded.`,
		Example: examples("glimpse report lesson runs/temperature-1 runs/temperature-2 runs/temperature-3", "glimpse report lesson"),
	})
}

func reportBuiltCommand() *cobra.Command {
	return reportSeriesCommand(studies.BuiltOnCLIP(), &cobra.Command{
		Use:   "built [RUN...]",
		Short: "docs/results/built-on-clip.md from runs of built/NAME",
		Long: `Report built takes full runs of the experiments built on CLIP, built/NAME, into docs/results/built-NAME.json and writes
docs/results/built-NAME.md with its figures from them, and the list of all answers docs/results/built-on-clip.md. A run
takes the place of an earlier one of the same experiment and seed. All runs of an experiment have one configuration; to
record another one, give its runs of all seeds at once and remove the old docs/results/built-NAME.json. Without runs the
pages are written anew from what is recorded.`,
		Example: examples("glimpse report built runs/answering-1 runs/answering-2 runs/answering-3", "glimpse report built"),
	})
}

// reportSeriesCommand is a command that records runs of a series' studies.
func reportSeriesCommand(series lesson.Series, cmd *cobra.Command) *cobra.Command {
	var root string
	cmd.RunE = func(cmd *cobra.Command, runs []string) error {
		pages, err := lesson.RecordResults(root, series, runs)
		if err != nil {
			return err
		}
		for _, page := range pages {
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), "The page is "+filepath.Join(root, page)); err != nil {
				return err
			}
		}
		return nil
	}
	cmd.Flags().StringVar(&root, "root", ".", "`folder` of the checkout")
	return cmd
}
