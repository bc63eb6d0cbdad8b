package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// captionsReport is what `glimpse eval captions --json` prints.
type captionsReport struct {
	measured
	With           []string              `json:"with,omitempty"` // the other captioners of an ensemble
	Beam           int                   `json:"beam"`
	LengthExponent float64               `json:"length_exponent"`
	Corpus         metrics.Scores        `json:"corpus"`       // as `glimpse metrics captions --json` has it
	Intervals      map[string]stats.Mean `json:"intervals"`    // 95%, a bootstrap over pictures
	Loss           stats.Mean            `json:"heldout_loss"` // nats a word, the mean over pictures
	Perplexity     float64               `json:"perplexity"`   // exp of it
	Images         int                   `json:"images"`
	Captions       int                   `json:"captions"` // of people, that were foretold
	Words          int                   `json:"words"`    // of them, the ends of sentences included
	Unknown        float64               `json:"unknown"`  // share of words that are not in the vocabulary
	Examples       []captionExample      `json:"examples"`
	Problems       []string              `json:"problems"` // captions and pictures that were left out or cut
}

// captionExample is a picture with what the model and what people say of it.
type captionExample struct {
	File    string   `json:"file"`
	Caption string   `json:"caption"`
	CIDEr   float64  `json:"CIDEr"`
	Human   []string `json:"human"`
}

// shownCaptions is how many captions of the model are shown.
const shownCaptions = 5

// captionEvaluation is how a captioner is measured.
type captionEvaluation struct {
	evaluation
	how  captioner.Writing
	with []string // further captioners of an ensemble
	out  string   // file for the captions
}

func evalCaptionsCommand() *cobra.Command {
	var e captionEvaluation
	cmd := &cobra.Command{
		Use:   "captions --model DIR --data DIR",
		Short: "How good a captioner's captions are, and how well it foretells people's",
		Long: `Captions describes every picture of a data set with a captioner, and scores the captions against what people say:

  Bleu_1..4, ROUGE_L, CIDEr, METEOR_like   as in glimpse metrics captions: tokenised as coco-caption does
  heldout_loss   cross-entropy on all of people's captions, in nats a word: the mean over pictures of the mean over
                 the words of their captions, the ends of sentences included
  perplexity     exp of it

Words that are not in the vocabulary count as one word in the loss, so compare losses of models with the same
vocabulary; the other figures do not depend on it. Captions are found by beam search, as in glimpse caption. Some,
spread evenly over the set, are shown beside what people say. --with DIR measures several captioners as an ensemble: see
glimpse caption.

--out writes all captions in the format in which coco-caption takes results, [{"image_id": ..., "caption": ...}, ...];
glimpse metrics captions scores such a file, given the same --data. image_id is the picture's name, or COCO's number.`,
		Example: examples(
			"glimpse eval captions --model runs/captioner --data ../shared/data/flickr8k",
			"glimpse eval captions --model runs/captioner --data photos --split test --beam 3 --out captions.json"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "data"); err != nil {
				return err
			}
			e.how.Beam.NBest = 1
			if err := e.how.Beam.Validate(); err != nil {
				return usagef(cmd, "%s", err)
			}
			report, err := evalCaptions(cmd, e)
			if err != nil {
				return err
			}
			if e.asJSON {
				return printJSON(cmd.OutOrStdout(), report)
			}
			return report.print(cmd.OutOrStdout())
		},
	}
	e.add(cmd)
	addWithFlag(cmd, &e.with)
	addBeamFlags(cmd, &e.how)
	cmd.Flags().StringVar(&e.out, "out", "", "JSON `file` for the captions of all pictures")
	return cmd
}

func evalCaptions(cmd *cobra.Command, e captionEvaluation) (*captionsReport, error) {
	if e.out != "" {
		if err := checkOutput(e.out); err != nil {
			return nil, err
		}
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	c, err := openEnsemble(cmd.Context(), b, e.model, e.with)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	set, err := e.data.open(cmd)
	if err != nil {
		return nil, err
	}
	env := &experiments.Env{Backend: b, Messages: cmd.ErrOrStderr()}
	prepared, problems, err := c.Prepare(cmd.Context(), env, set)
	if err != nil {
		return nil, err
	}
	printFew(cmd.ErrOrStderr(), problems)
	scored, err := e.score(cmd, c, set, prepared)
	if err != nil {
		return nil, err
	}
	report := &captionsReport{measured: measured{e.model, set.Name()}, With: e.with, Beam: e.how.Beam.K, LengthExponent: e.how.Beam.LengthExponent,
		Corpus: scored.Corpus, Images: len(scored.Pictures), Problems: append([]string{}, problems...)}
	if report.Intervals, err = scored.Bootstrap(bootstrapSamples, 1); err != nil {
		return nil, err
	}
	env.Say("glimpse: measuring how well people's captions are foretold")
	loss, err := c.HeldOutLoss(cmd.Context(), prepared)
	if err != nil {
		return nil, err
	}
	report.Loss, report.Perplexity, report.Captions, report.Words, report.Unknown = loss.Loss, math.Exp(loss.Loss.Value), loss.Captions, loss.Words, loss.Unknown
	n := min(shownCaptions, report.Images)
	for k := range n { // spread evenly over the set: not chosen
		i := k * report.Images / n
		report.Examples = append(report.Examples, captionExample{prepared.Examples[i].ID, scored.Captions[i], scored.PerImage[i].CIDEr, prepared.Examples[i].Captions})
	}
	return report, nil
}

// bootstrapSamples are how many resamples the intervals come from.
const bootstrapSamples = 2000

// score describes the pictures behind a progress bar, and writes the captions where they are wanted.
func (e *captionEvaluation) score(cmd *cobra.Command, c *captioner.Model, set datasets.Dataset, prepared *captioner.Set) (*captioner.Scored, error) {
	bar := progress.New(cmd.ErrOrStderr(), "describing "+set.Name(), int64(len(prepared.Examples)), progress.Options{})
	defer bar.Done()
	scored, err := c.Score(cmd.Context(), prepared, e.how, func(n int) { bar.Set(int64(n)) })
	if err != nil || e.out == "" {
		return scored, err
	}
	results := make([]metrics.Result, len(scored.Captions))
	for i, caption := range scored.Captions {
		results[i] = metrics.Result{ID: scored.Pictures[i].ID, Caption: caption}
	}
	return scored, atomicfile.Write(e.out, func(w io.Writer) error { return metrics.WriteResults(w, results) })
}

func (r *captionsReport) print(w io.Writer) error {
	if len(r.With) > 0 {
		fmt.Fprintf(w, "%s together with %s\n", r.Model, strings.Join(r.With, ", "))
	}
	fmt.Fprintf(w, "captions of %s, %d pictures, beam %d, length exponent %g; people's %d captions have %.1f%% words unknown to the model\n\n",
		r.Data, r.Images, r.Beam, r.LengthExponent, r.Captions, 100*r.Unknown)
	means := map[string]stats.Mean{"heldout_loss": r.Loss}
	for name, m := range r.Intervals {
		means[name] = m
	}
	if err := printMetrics(w, metricsOf(nil, means, map[string]float64{"perplexity": r.Perplexity})); err != nil {
		return err
	}
	for _, x := range r.Examples {
		if _, err := fmt.Fprintf(w, "\n%s\n    model:  %s\n    people: %s\n", x.File, x.Caption, x.Human[0]); err != nil {
			return err
		}
	}
	return nil
}
