package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// captionsReport is what `glimpse eval captions --json` prints.
type captionsReport struct {
	measured
	Loss       stats.Mean       `json:"heldout_loss"` // nats a word, the mean over pictures
	Perplexity float64          `json:"perplexity"`   // exp of it
	Images     int              `json:"images"`
	Captions   int              `json:"captions"`
	Words      int              `json:"words"`   // that were foretold, the ends of sentences included
	Unknown    float64          `json:"unknown"` // share of words that are not in the vocabulary
	Examples   []captionExample `json:"examples"`
	Problems   []string         `json:"problems"` // pictures that were left out
}

// captionExample is a picture with what the model and what people say of it.
type captionExample struct {
	File    string   `json:"file"`
	Caption string   `json:"caption"`
	Human   []string `json:"human"`
}

// shownCaptions is how many captions of the model are shown.
const shownCaptions = 5

func evalCaptionsCommand() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:   "captions --model DIR --data DIR",
		Short: "How well a captioner foretells what people say of pictures",
		Long: `Captions measures a captioner's cross-entropy on all captions of a data set, in nats a word: the mean over
pictures of the mean over the words of their captions, the ends of sentences included. Perplexity is exp of it.
Words that are not in the vocabulary count as one word, so compare figures of models with the same vocabulary.
The captions that the model writes for the first pictures are shown beside what people say.`,
		Example: examples("glimpse eval captions --model runs/captioner --data ../shared/data/flickr8k"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "data"); err != nil {
				return err
			}
			report, err := evalCaptions(cmd, e)
			if err != nil {
				return err
			}
			if e.asJSON {
				return printJSON(cmd.OutOrStdout(), report)
			}
			return report.print(cmd)
		},
	}
	e.add(cmd)
	return cmd
}

func evalCaptions(cmd *cobra.Command, e evaluation) (*captionsReport, error) {
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	c, err := openCaptioner(cmd.Context(), b, e.model)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	set, err := e.data.open(cmd)
	if err != nil {
		return nil, err
	}
	found, err := c.HeldOutLoss(cmd.Context(), set, shownCaptions, cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	printFew(cmd.ErrOrStderr(), found.Problems)
	report := &captionsReport{measured: measured{e.model, set.Name()}, Loss: found.Loss, Perplexity: math.Exp(found.Loss.Value),
		Images: found.Loss.N, Captions: found.Captions, Words: found.Words, Unknown: found.Unknown, Problems: append([]string{}, found.Problems...)}
	for _, x := range found.Examples {
		report.Examples = append(report.Examples, captionExample{x.ID, strings.Join(x.Described.Words, " "), x.Human})
	}
	return report, nil
}

func (r *captionsReport) print(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "captions of %s, %d captions of %d pictures, %.1f%% of their words unknown to the model; nats a word\n\n",
		r.Data, r.Captions, r.Images, 100*r.Unknown)
	if err := printMetrics(w, metricsOf(nil, map[string]stats.Mean{"heldout_loss": r.Loss}, map[string]float64{"perplexity": r.Perplexity})); err != nil {
		return err
	}
	for _, x := range r.Examples {
		if _, err := fmt.Fprintf(w, "\n%s\n    model:  %s\n    people: %s\n", x.File, x.Caption, x.Human[0]); err != nil {
			return err
		}
	}
	return nil
}
