package lesson

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Backend opens what computes, like [experiments.OpenBackend], and says nothing about it.
func Backend() *backend.Backend { return Try(experiments.OpenBackend(io.Discard)) }

// Captioner opens a trained captioner: the one that `make demo` left in the folder demo of this folder or of one
// above it, as it is for the notebooks of a checkout. Where there is none, it trains a small one on Scenes, in about a
// minute, and keeps it in the user's cache folder for the next time.
func Captioner() *captioner.Model {
	folder := Try(captionerFolder())
	return Try(openOrTrain(context.Background(), Backend(), folder, os.Stdout))
}

// CaptionerReport is what was measured when [Captioner]'s captioner was trained.
func CaptionerReport() demo.CaptionerReport {
	return Try(readReport(Try(captionerFolder())))
}

// settings make of the experiment captioner what a notebook needs: a minute of training, after which attention has
// found the shapes. The doubly stochastic term is left out: it draws so short a training to looking everywhere alike.
func settings(kind backend.Kind) []experiments.Override {
	size, batch, steps := "48", "16", "800"
	if kind == backend.Go {
		size, batch, steps = "32", "8", "1000"
	}
	return []experiments.Override{
		{Key: "size", Value: size}, {Key: "pictures", Value: "3000"}, {Key: "batch_size", Value: batch},
		{Key: "train.steps", Value: steps}, {Key: "train.optimizer.lr", Value: "0.003"},
		{Key: "model.lambda", Value: "0"}, {Key: "ablation", Value: "false"},
	}
}

// captionerFolder is the captioner's run of `make demo`, or the place of one of the notebooks' own.
func captionerFolder() (string, error) { return runFolder("captioner") }

// openOrTrain opens the captioner in a folder. When there is nothing, it trains one and puts it there.
func openOrTrain(ctx context.Context, b *backend.Backend, folder string, messages io.Writer) (*captioner.Model, error) {
	err := makeRun(folder, func(run string) error {
		fmt.Fprintln(messages, "`make demo` was not run yet: training a small captioner on Scenes, once.")
		opts := experiments.Options{Form: experiments.Quick, Seed: 1, Overrides: settings(b.Kind), Out: run, Messages: messages}
		_, _, err := demo.CaptionerExperiment().Start(ctx, b, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return captioner.Open(ctx, b, folder)
}

func readReport(folder string) (demo.CaptionerReport, error) {
	return reportIn[demo.CaptionerReport](folder)
}
