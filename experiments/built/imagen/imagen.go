package imagen

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/imagen"
	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/built/latentdiffusion"
	"github.com/glimpse-ml/glimpse/experiments/built/scenesclip"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

const asks = `Does a network that makes pictures need a text encoder that knows pictures? Saharia et al. (2022) found T5-XXL, a language model much larger than CLIP's text transformer, as good as it on COCO, and preferred by people on DrawBench (Imagen).

This is the study built/latent with another text encoder: a transformer of the same size and vocabulary, which has read captions of Scenes as well, but was trained to tell the next token of a text and has never seen a picture. It
is GPT-2's kind of network, which CLIP's text transformer is as well. With the same seed the autoencoder, the classifier that counts and the noise are those of built/latent.

Three things about the encoder differ besides what it is trained for. It reads two captions of a scene in a row, as texts of the world say things more than once: with one at a time, nothing that is still to come depends on the shape that a word
names, and a model of the next token has no use for telling a circle from a cross. It is trained for 1,500 steps instead of 500. And its states are standardised: each of their numbers is read less its mean over captions and divided by
its deviation, so that what is common to all words does not hide what tells them apart; CLIP's are read as they are. So a difference from [built/latent](built-latent.md) is that of the whole recipe: this study can show that a network does
without a text encoder that knows pictures, and not that it does better for it.

` + latentdiffusion.Bar

// Study is the experiment built/imagen: the text side of Imagen (Saharia et al. 2022, arXiv 2205.11487).
//
//	glimpse train built/imagen --seed 1
//	glimpse train built/imagen --quick     40 seconds on two cores
//
// Time, machine and scores are in docs/results/built-imagen.md.
func Study() lesson.Study {
	return latentdiffusion.Define(latentdiffusion.Definition{Name: "imagen", Title: "Pictures out of latents, by a network that reads a language model's tokens", Asks: asks, Read: readCaptions, Adjust: adjust,
		Encoder: "a language model that never saw a picture", Summary: "latent diffusion that reads a language model instead of CLIP, as Imagen does: share of samples true to the prompt"})
}

// adjust gives the language model room for two captions, and as many steps as it needs to use the first one in the second; a step costs a fraction of CLIP's.
func adjust(c *latentdiffusion.Config, form experiments.Form) {
	c.Text.Model.Text.ContextLength, c.Standard = 24, true
	if form == experiments.Full {
		c.Text.Train.Steps = 1500
	}
}

// readCaptions trains a language model on captions of scenes as the CLIP of built/latent is trained on, two of each scene in a row.
func readCaptions(ctx context.Context, env *experiments.Env, cfg latentdiffusion.Config) (*clip.Tokenizer, *model.Store, func(), error) {
	set, err := cfg.Text.Scenes(scenes.Train, uint64(env.Seed), (cfg.Text.Train.Steps+1)*cfg.Text.BatchSize)
	if err != nil {
		return nil, nil, nil, err
	}
	tokenizer, err := scenesclip.Vocabulary(set)
	if err != nil {
		return nil, nil, nil, err
	}
	rng := rand.New(rand.NewPCG(uint64(env.Seed), 11))
	for i := range min(1000, set.Len()) {
		if _, err := tokenizer.EncodeWhole([]string{twice(cfg.Text, set.Scene(i), rng)}, cfg.Text.Model.Text.ContextLength); err != nil {
			return nil, nil, nil, fmt.Errorf("text.model.text.context_length: two captions of a scene: %w", err)
		}
	}
	text := latent.Text{Tower: cfg.Text.Model.Text, Joint: cfg.Text.Model.EmbedDim, Length: cfg.Text.Model.Text.ContextLength}
	text.Tower.VocabSize = tokenizer.VocabSize()
	source, err := judge.NewSource(set.Len(), cfg.Text.BatchSize, env.Seed, func(i int, rng *rand.Rand) []int32 {
		return tokenizer.EncodeBatch([]string{twice(cfg.Text, set.Scene(i), rng)}, text.Length)
	}, func(items [][]int32) []*tensors.Tensor {
		var ids []int32
		for _, item := range items {
			ids = append(ids, item...)
		}
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(ids, len(items), text.Length)}
	})
	if err != nil {
		return nil, nil, nil, err
	}
	defer source.Close()
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, env.Seed)
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		return imagen.Loss(scope, text, inputs[0]), nil
	}}
	_, err = experiments.Fit(ctx, env, "language model", store, task, source, cfg.Text.Train, func(map[string]float64) string { return "" })
	return tokenizer, store, func() {}, err
}

// twice is two captions of a scene in a row.
func twice(cfg scenesclip.Config, scene scenes.Scene, rng *rand.Rand) string {
	return cfg.Caption(scene, rng) + " " + cfg.Caption(scene, rng)
}
