package lesson

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Backend opens what computes, like [experiments.OpenBackend], and says nothing about it.
func Backend() *backend.Backend { return Try(experiments.OpenBackend(io.Discard)) }

// Captioner opens a trained captioner: the one that `make demo` left in the folder demo of this folder or of one
// above it, as it is for the notebooks of a checkout. Where there is none, it trains a small one on Scenes, in about a
// minute, and keeps it in the user's cache folder for the next time.
func Captioner() *demo.Captioner {
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
func captionerFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for parent := ""; parent != dir; dir, parent = filepath.Dir(dir), dir {
		folder := filepath.Join(dir, "demo", "captioner")
		if _, err := os.Stat(filepath.Join(folder, demo.ReportFile)); err == nil {
			return folder, nil
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("expected a cache folder of yours for the trained captioner, found none (%w); set XDG_CACHE_HOME to a folder", err)
	}
	return filepath.Join(cache, "glimpse", "lesson", "captioner"), nil
}

// openOrTrain opens the captioner in a folder. When there is nothing, it trains one and puts it there: all at once
// at the end, so that a training that was stopped leaves nothing.
func openOrTrain(ctx context.Context, b *backend.Backend, folder string, messages io.Writer) (*demo.Captioner, error) {
	if _, err := os.Stat(folder); err == nil {
		return demo.OpenCaptioner(ctx, b, folder)
	}
	err := os.MkdirAll(filepath.Dir(folder), 0o755)
	if err != nil {
		return nil, cannotKeep(err)
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), ".training-*")
	if err != nil {
		return nil, cannotKeep(err)
	}
	defer os.RemoveAll(work)
	fmt.Fprintln(messages, "`make demo` was not run yet: training a small captioner on Scenes, once.")
	run := filepath.Join(work, "run")
	opts := experiments.Options{Form: experiments.Quick, Seed: 1, Overrides: settings(b.Kind), Out: run, Messages: messages}
	if _, _, err := demo.CaptionerExperiment().Start(ctx, b, opts); err != nil {
		return nil, err
	}
	if err := os.Rename(run, folder); err != nil {
		if _, theirs := os.Stat(folder); theirs != nil { // unless another notebook was faster
			return nil, cannotKeep(err)
		}
	}
	return demo.OpenCaptioner(ctx, b, folder)
}

func cannotKeep(err error) error {
	return fmt.Errorf("expected a cache folder that the trained captioner can be kept in, found: %w; XDG_CACHE_HOME chooses another", err)
}

func readReport(folder string) (demo.CaptionerReport, error) {
	var report demo.CaptionerReport
	path := filepath.Join(folder, demo.ReportFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return report, fmt.Errorf("expected what a training measured, found none: %w; `make demo` makes one", err)
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return report, fmt.Errorf("expected what a training measured in %s, found something else: %w; `make demo` makes a new one", path, err)
	}
	return report, nil
}
