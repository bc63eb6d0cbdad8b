package lesson

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// TrainedCLIP is a CLIP with what its run says of it.
type TrainedCLIP struct {
	*clip.Model
	Backend *backend.Backend
	Data    string  // name of the data set it was trained on
	Scale   float64 // the learned factor on cosines, 1/tau

	attribute string // whose values are the classes; the examples' label when it is empty
	seed      int64
}

// CLIP opens a trained CLIP: the one that `make demo` left in the folder demo of this folder or of one above it.
// Where there is none, it trains a small one on Scenes, in about a minute, and keeps it in the user's cache folder for
// the next time.
func CLIP() *TrainedCLIP {
	folder := Try(runFolder("clip"))
	return Try(openOrTrainCLIP(context.Background(), Backend(), folder, os.Stdout))
}

// clipSettings give the quick form of the experiment clip the steps after which most colours and shapes are told apart.
func clipSettings() []experiments.Override {
	return []experiments.Override{{Key: "train.steps", Value: "200"}}
}

// openOrTrainCLIP opens the CLIP of a run folder, which it makes when there is none.
func openOrTrainCLIP(ctx context.Context, b *backend.Backend, folder string, messages io.Writer) (*TrainedCLIP, error) {
	err := makeRun(folder, func(run string) error {
		fmt.Fprintln(messages, "`make demo` was not run yet: training a small CLIP on Scenes, once.")
		opts := experiments.Options{Form: experiments.Quick, Seed: 1, Overrides: clipSettings(), Out: run, Messages: messages}
		_, _, err := demo.CLIP().Start(ctx, b, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return openCLIP(b, folder)
}

func openCLIP(b *backend.Backend, folder string) (*TrainedCLIP, error) {
	run, err := experiments.OpenRun(folder)
	if err != nil {
		return nil, err
	}
	var config demo.CLIPConfig
	if err := json.Unmarshal(run.Manifest.Config, &config); err != nil {
		return nil, fmt.Errorf("expected the configuration of a CLIP in %s, found something else: %w", folder, err)
	}
	report, err := reportIn[demo.CLIPReport](folder)
	if err != nil {
		return nil, err
	}
	if report.Data != config.Data { // Scenes, because the pictures were not there
		config.Attribute = ""
	}
	m, err := clip.Load(run.Path("model"))
	if err != nil {
		return nil, err
	}
	scale, err := m.Scale()
	return &TrainedCLIP{Model: m, Backend: b, Data: report.Data, Scale: scale, attribute: config.Attribute, seed: run.Manifest.Seed}, err
}

// Untrained is the same model with the weights that training may have begun with.
func (c *TrainedCLIP) Untrained() *TrainedCLIP {
	m := Try(clip.New(c.Config, c.Tokenizer, c.seed))
	Check(m.SetTemperature(startTemperature, true))
	fresh := *c
	fresh.Model, fresh.Scale = m, 1/startTemperature
	return &fresh
}

// startTemperature is where the training of a CLIP begins.
const startTemperature = 0.07

// Class is the name of an example's class, such as "red circle".
func (c *TrainedCLIP) Class(e datasets.Example) string { return evaluate.ByAttribute(c.attribute)(e) }

// Templates are the prompts that fit the data set's texts; {} stands for the name of a class.
func (c *TrainedCLIP) Templates() []string {
	if c.Data == "fashion-products" {
		return evaluate.ProductTemplates()
	}
	var names [][]string
	for _, class := range scenes.Classes() {
		names = append(names, []string{class})
	}
	return c.DefaultTemplatesFor(names)
}

// heldOut is the data set's test split.
func (c *TrainedCLIP) heldOut() (datasets.Dataset, error) {
	if cfg, ok := demo.DrawnScenes(c.Data, c.seed); ok {
		cfg.Split = scenes.Test
		return scenes.New(cfg)
	}
	dir, err := datasets.Find(c.Data)
	if err != nil {
		return nil, err
	}
	set, err := datasets.Open(dir, "test")
	if err != nil {
		if val, valErr := datasets.Open(dir, "val"); valErr == nil { // as in training, where there is no test split
			return val, nil
		}
	}
	return set, err
}
