package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// retrievalReport is what `glimpse eval retrieval --json` prints.
type retrievalReport struct {
	measured
	Images      int                         `json:"images"`
	Texts       int                         `json:"texts"`
	ImageToText map[string]stats.Proportion `json:"image_to_text"` // recall@k
	TextToImage map[string]stats.Proportion `json:"text_to_image"`
	ToTextRank  evaluate.RankFigures        `json:"image_to_text_rank"` // median_rank, mrr
	ToImageRank evaluate.RankFigures        `json:"text_to_image_rank"`
	Chance      map[string]float64          `json:"chance"`   // of finding the picture of a text, recall@k
	Problems    []string                    `json:"problems"` // pictures that could not be read
}

func evalRetrievalCommand() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:   "retrieval --model DIR --data NAME_OR_DIR",
		Short: "Find the text of a picture and the picture of a text",
		Long: `Retrieval ranks all texts of a data set by their similarity to each picture, and all pictures by their similarity
to each text. recall@k from picture to text is the share of pictures with one of their texts among the first k;
from text to picture it is the share of texts with their picture among the first k. Of equal similarities the one
that comes first in the data set wins. It is the harder the more pictures there are: compare figures of equal n.
median_rank is the middle one of the ranks, mrr the mean of 1/rank. A picture without captions finds one behind all
others, and adds nothing to mrr.

Pictures count as independent, texts of one picture do not: where a picture has several texts, the intervals from text
to picture, like those of median_rank and mrr, come from a bootstrap that draws pictures with all their texts.`,
		Example: examples(
			"glimpse eval retrieval --model runs/clip --data flickr8k",
			"glimpse eval retrieval --model runs/clip --data products --limit 1000 --json"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "data"); err != nil {
				return err
			}
			return evalRetrieval(cmd, e)
		},
	}
	e.add(cmd)
	return cmd
}

// checkCaptions sees to it that every picture can be found by a text.
func checkCaptions(set datasets.Dataset) error {
	for i := range set.Len() {
		if e := set.At(i); len(e.Captions) == 0 {
			return fmt.Errorf("expected every picture to have a text, found that %s has none; `glimpse eval zeroshot` takes labels", e.ID)
		}
	}
	return nil
}

// embedPairs embeds pictures and texts with a CLIP model, or with that of a run of clip/lit.
func (e *evaluation) embedPairs(cmd *cobra.Command, b *backend.Backend) (*evaluate.Embedded, measured, error) {
	if !contrastive.IsLiT(e.model) {
		_, embedded, what, err := e.embed(cmd, b, evaluate.Embed, checkCaptions)
		return embedded, what, err
	}
	m, err := contrastive.OpenLiT(b, e.model, cmd.ErrOrStderr())
	if err != nil {
		return nil, measured{}, err
	}
	defer m.Close()
	set, err := e.data.open(cmd)
	if err == nil {
		err = checkCaptions(set)
	}
	if err != nil {
		return nil, measured{}, err
	}
	embedded, err := m.Embed(cmd.Context(), set)
	return embedded, measured{e.model, set.Name()}, err
}

func evalRetrieval(cmd *cobra.Command, e evaluation) error {
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	embedded, what, err := e.embedPairs(cmd, b)
	if err != nil {
		return err
	}
	found := embedded.Retrieve()
	report := retrievalReport{measured: what, Images: found.Images, Texts: found.Texts, Problems: append([]string{}, embedded.Problems...),
		ToTextRank: found.ImageToTexts, ToImageRank: found.TextToImages,
		ImageToText: map[string]stats.Proportion{}, TextToImage: map[string]stats.Proportion{}, Chance: map[string]float64{}}
	shares := map[string]stats.Proportion{}
	for _, k := range evaluate.RecallAt() {
		name := fmt.Sprintf("recall@%d", k)
		report.ImageToText[name], report.TextToImage[name] = found.ImageToText[k], found.TextToImage[k]
		report.Chance[name] = min(float64(k)/float64(found.Images), 1)
		shares["image_to_text_"+name], shares["text_to_image_"+name] = found.ImageToText[k], found.TextToImage[k]
	}
	if e.asJSON {
		return printJSON(cmd.OutOrStdout(), report)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "retrieval on %s, %d pictures and %d texts; chance of a text to find its picture first: %s\n\n",
		what.Data, found.Images, found.Texts, number(report.Chance["recall@1"]))
	return printMetrics(cmd.OutOrStdout(), metricsOf(shares, map[string]stats.Mean{
		"image_to_text_median_rank": found.ImageToTexts.Median, "image_to_text_mrr": found.ImageToTexts.MRR,
		"text_to_image_median_rank": found.TextToImages.Median, "text_to_image_mrr": found.TextToImages.MRR}, nil))
}
