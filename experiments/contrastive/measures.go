package contrastive

import (
	"maps"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
)

// The figures of the panel "is it learning?" that a contrastive experiment records, by their names in package learning.

// BatchFigures are those of the unit embeddings [N, D] of a batch's pictures and texts, with exp(logit_scale) before them.
func BatchFigures(image, text, scale *graph.Node) []experiments.Metric {
	f := clip.CompareInBatch(image, text)
	return []experiments.Metric{
		{Name: learning.LogitScale, Value: scale},
		{Name: learning.ImageToText, Value: f.ImageToText}, {Name: learning.TextToImage, Value: f.TextToImage},
		{Name: learning.Pairs, Value: f.Pairs}, {Name: learning.NonPairs, Value: f.NonPairs}, {Name: learning.Gap, Value: f.Gap},
	}
}

// TextFigures are those of the token ids of a batch's texts.
func TextFigures(ids [][]int32) map[string]float64 {
	share, floor := learning.EqualTexts(ids)
	return map[string]float64{learning.Duplicates: share, learning.Floor: floor}
}

// Tower is the part of a CLIP that a variable belongs to: image, text or logit_scale; "" for SigLIP's bias.
func Tower(path string) string {
	switch {
	case path == "/logit_scale":
		return "logit_scale"
	case path == "/optimizer/logit_bias":
		return ""
	case experiments.IsVisual(path):
		return "image"
	}
	return "text"
}

// Watch returns what a training tells its recorded steps: the first thing that is wrong is said to the person who waits, once.
func Watch(env *experiments.Env, name string) (func(experiments.Step) error, error) {
	settings, err := learning.SettingsOf(env.Run.Manifest.Config)
	if err != nil {
		return nil, err
	}
	w := &learning.Watcher{Settings: settings, Say: func(sentence string) { env.Say("%s: %s", name, sentence) }}
	begun := false
	return func(s experiments.Step) error {
		if !begun { // a run that goes on has earlier steps
			begun = true
			if earlier, err := env.Run.Metrics(); err == nil {
				w.Add(slices.DeleteFunc(earlier, func(line map[string]float64) bool { return int(line["step"]) >= s.Step })...)
			}
		}
		line := maps.Clone(s.Scalars)
		line["step"], line["loss"] = float64(s.Step), s.Loss
		w.See(line)
		return nil
	}, nil
}

// DrawPanel draws the panel of a run into plots/learning.svg, unless it recorded nothing of it.
func DrawPanel(run *experiments.Run) error {
	settings, err := learning.SettingsOf(run.Manifest.Config)
	if err != nil {
		return err
	}
	steps, err := run.Metrics()
	if err != nil {
		return err
	}
	figure, err := learning.Panel(steps, settings)
	if err != nil {
		return err
	}
	return figure.Save(run.Path("plots", learning.PanelFile))
}
