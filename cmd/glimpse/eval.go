package main

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

func evalCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "eval",
		Short: "Measure a trained model on held-out pictures",
		Long: `Eval measures a model, trained here or published, on a data set: folders of classes, pictures with captions, Flickr8k,
COCO captions, webdataset shards or CIFAR-10's binary files; or a known data set by its name (glimpse data list).
Every figure comes with its number of examples and a 95% interval: Wilson's for shares of independent pictures, a
bootstrap with 2,000 resamples and a fixed seed for everything else.`,
		Example: examples(
			"glimpse eval zeroshot --model runs/longer --data fashion-products --split val --confusion confusion.png",
			"glimpse eval retrieval --model runs/longer --data flickr8k",
			"glimpse eval linear-probe --model runs/longer --data cifar10 --shots 1,4,16",
			"glimpse eval captions --model runs/captioner --data ../shared/data/flickr8k"),
	}, evalZeroShotCommand(), evalRetrievalCommand(), evalLinearProbeCommand(), evalCaptionsCommand())
}

// evaluation is what every command of eval needs.
type evaluation struct {
	model  string
	data   evalData
	asJSON bool
}

func (e *evaluation) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&e.model, "model", "", "`folder` of the model, or of the run that trained it")
	e.data.add(cmd)
	cmd.Flags().BoolVar(&e.asJSON, "json", false, "print one JSON object")
}

// measured is what every JSON of eval says first.
type measured struct {
	Model string `json:"model"`
	Data  string `json:"data"`
}

// embedding is how [evaluate.Embed] and [evaluate.EmbedImages] are called.
type embedding func(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, done func(n int)) (*evaluate.Embedded, error)

// embed loads the CLIP model and embeds the data set, if check finds that it is of use.
func (e *evaluation) embed(cmd *cobra.Command, b *backend.Backend, how embedding, check func(datasets.Dataset) error) (*clip.Model, *evaluate.Embedded, measured, error) {
	m, err := openCLIP(e.model, manyInputs)
	if err != nil {
		return nil, nil, measured{}, err
	}
	set, err := e.data.open(cmd)
	if err != nil {
		return nil, nil, measured{}, err
	}
	if err := check(set); err != nil {
		return nil, nil, measured{}, fmt.Errorf("%s: %w", set.Name(), err)
	}
	embedded, err := embedSet(cmd, b, m, set, how)
	return m, embedded, measured{e.model, set.Name()}, err
}

// embedSet embeds a data set behind a progress bar and names the pictures that could not be read.
func embedSet(cmd *cobra.Command, b *backend.Backend, m *clip.Model, set datasets.Dataset, how embedding) (*evaluate.Embedded, error) {
	bar := progress.New(cmd.ErrOrStderr(), "embedding "+set.Name(), int64(set.Len()), progress.Options{})
	defer bar.Done()
	embedded, err := how(cmd.Context(), b, m, set, func(n int) { bar.Set(int64(n)) })
	if err != nil {
		return nil, err
	}
	bar.Done()
	printFew(cmd.ErrOrStderr(), embedded.Problems)
	return embedded, nil
}
