package main

import (
	"fmt"
	"image"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// captioned is a line of `glimpse caption --json`.
type captioned struct {
	File    string      `json:"file"`
	Caption string      `json:"caption"`
	Words   []string    `json:"words"`
	Alphas  [][]float64 `json:"alphas"` // for each word the weights of the places, row by row, with sum 1

	Entropies []float64 `json:"entropies"` // for each word that of its weights, in nats
	Places    []float64 `json:"places"`    // for each word exp(entropy), the places that it looks at

	Best []rankedCaption `json:"n_best,omitempty"` // all captions of the picture, with --n-best
}

// rankedCaption is one of several captions of a picture.
type rankedCaption struct {
	Caption string  `json:"caption"`
	LogProb float64 `json:"log_prob"` // of the words and of the end of the sentence
}

// captionFlags are the flags of `glimpse caption`.
type captionFlags struct {
	model   string
	with    []string // further captioners of an ensemble
	shown   attentionFiles
	writing captioner.Writing
	best    int // captions of each picture
	asJSON  bool
}

func captionCommand() *cobra.Command {
	var f captionFlags
	cmd := &cobra.Command{
		Use:   "caption --model RUNDIR IMAGE...",
		Short: "Describe pictures, and show where the captioner looked for each word",
		Long: `Caption describes each picture with a trained captioner. The whole picture is squashed to the square that the model
sees.

The caption is found by beam search, which keeps the --beam K likeliest beginnings at every step; with --beam 1 it is
the likeliest word at every step (greedy). The likeliest caption tends to be short: --length-exponent x ranks what was
found by log p / length^x instead. With --sample words are drawn from the probabilities that the model gives them, from
the --top-k likeliest, from the fewest that hold --top-p of the probability, sharper or flatter by --temperature; what
is drawn depends on --seed and the picture alone. --n-best N shows N captions, the best first, or draws N.

--with DIR, which can be given several times, lets captioners write as an ensemble: of every word the probability is the
mean of theirs. They need the same vocabulary, and may have been trained with other seeds, attention or encoders.

--attention writes one HTML page that needs nothing beside it: pointing at a word shows where the captioner looked
for it, as a smooth light or, with the encoders squeezenet and cnn, by the pixels that the places looked at can see
(their receptive fields), and how sharply.
--strip writes the same as one picture a word, and --gif as an animation, of a single IMAGE.

--json prints one object a picture; alphas holds, for each word, the weight of every place of the model's grid, row by
row, entropies the entropy of those weights in nats and places its exponential, the number of places that it looks at;
with --n-best above 1, n_best holds all captions with their log p.`,
		Example: examples(
			"glimpse caption --model runs/captioner photo.jpg",
			"glimpse caption --model runs/captioner --attention look.html *.jpg",
			"glimpse caption --model runs/captioner --strip look.png --gif look.gif photo.jpg",
			"glimpse caption --model runs/captioner --with runs/captioner-2 --with runs/captioner-3 photo.jpg",
			"glimpse caption --model runs/captioner --sample --seed 7 --top-p 0.9 --n-best 5 photo.jpg"),
		Args: wantArgs("IMAGE..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "model"); err != nil {
				return err
			}
			if err := f.check(cmd); err != nil {
				return err
			}
			return caption(cmd, f, args)
		},
	}
	f.add(cmd)
	return cmd
}

func (f *captionFlags) add(cmd *cobra.Command) {
	w := &f.writing
	cmd.Flags().StringVar(&f.model, "model", "", "`folder` of the captioner, or of the run that trained it")
	addWithFlag(cmd, &f.with)
	f.shown.add(cmd)
	addBeamFlags(cmd, w)
	cmd.Flags().IntVar(&f.best, "n-best", 1, "captions of each picture, `N`")
	cmd.Flags().BoolVar(&w.Draw, "sample", false, "draw words in place of searching")
	cmd.Flags().Int64Var(&w.Seed, "seed", 0, "of what is drawn")
	cmd.Flags().IntVar(&w.Sample.TopK, "top-k", 0, "draw from the `K` likeliest words; 0 from all")
	cmd.Flags().Float64Var(&w.Sample.TopP, "top-p", 1, "draw from the fewest words that hold the share `P` of the probability")
	cmd.Flags().Float64Var(&w.Sample.Temperature, "temperature", 1, "p becomes p^(1/`T`): below 1 sharper, above 1 flatter")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON object a picture")
}

// addWithFlag adds the flag for the other members of an ensemble.
func addWithFlag(cmd *cobra.Command, with *[]string) {
	cmd.Flags().StringArrayVar(with, "with", nil, "`folder` of another captioner that writes too, as one of an ensemble; may be given again")
}

// addBeamFlags adds the flags of beam search, and what captions may not say.
func addBeamFlags(cmd *cobra.Command, w *captioner.Writing) {
	cmd.Flags().IntVar(&w.Beam.K, "beam", 5, "beginnings kept at each step, `K`; 1 takes the likeliest word")
	cmd.Flags().Float64Var(&w.Beam.LengthExponent, "length-exponent", 0, "rank captions by log p / length^`x`; 0 by log p")
	cmd.Flags().BoolVar(&w.Unknown, "unknown", false, "let captions have <unk>, which stands for words that the model does not know")
}

// check finds wrong values, and flags that have no meaning beside others.
func (f *captionFlags) check(cmd *cobra.Command) error {
	w := &f.writing
	searching, drawing := []string{"beam", "length-exponent"}, []string{"seed", "top-k", "top-p", "temperature"}
	for _, name := range searching {
		if w.Draw && cmd.Flags().Changed(name) {
			return usagef(cmd, "expected --sample or --%s, found both", name)
		}
	}
	for _, name := range drawing {
		if !w.Draw && cmd.Flags().Changed(name) {
			return usagef(cmd, "expected --%s together with --sample, found it alone", name)
		}
	}
	switch {
	case w.Beam.K < 1:
		return usagef(cmd, "expected --beam to be 1 or more, found %d", w.Beam.K)
	case !(w.Sample.Temperature > 0):
		return usagef(cmd, "expected --temperature above 0, found %g", w.Sample.Temperature)
	case !(w.Sample.TopP > 0):
		return usagef(cmd, "expected --top-p above 0 and up to 1, found %g", w.Sample.TopP)
	case f.best < 1:
		return usagef(cmd, "expected --n-best to be 1 or more, found %d", f.best)
	case !w.Draw && f.best > w.Beam.K:
		return usagef(cmd, "expected --n-best to be at most --beam, %d, found %d", w.Beam.K, f.best)
	}
	w.Beam.NBest, w.Sample.N = f.best, f.best
	for _, err := range []error{w.Beam.Validate(), w.Sample.Validate()} {
		if err != nil {
			return usagef(cmd, "%s", err)
		}
	}
	return nil
}

// captionGroup is how many pictures are described together.
const captionGroup = 10

func caption(cmd *cobra.Command, f captionFlags, paths []string) error {
	if err := f.shown.check(cmd, len(paths)); err != nil {
		return err
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	c, err := openEnsemble(cmd.Context(), b, f.model, f.with)
	if err != nil {
		return err
	}
	defer c.Close()
	if !c.Looks() && f.shown != (attentionFiles{}) {
		return fmt.Errorf("%s: expected a captioner with attention to show, found one that has none, such as Show and Tell, a language model, or an ensemble whose members look at different places", f.model)
	}
	writer, err := c.NewWriter(f.writing, min(len(paths), captionGroup))
	if err != nil {
		return err
	}
	defer writer.Close()
	page := newAttentionPage(c, append([]string{f.model}, f.with...)...)
	err = eachPicture(cmd, paths, captionGroup, func(group []named) error {
		var images []image.Image
		for _, n := range group {
			images = append(images, n.picture)
		}
		described, err := writer.Write(images)
		if err != nil {
			return err
		}
		for i, all := range described {
			if err := printCaptions(cmd, group[i].file, all, f.asJSON); err != nil {
				return err
			}
			if err := f.shown.show(cmd, group[i], all[0]); err != nil {
				return err
			}
			if f.shown.page == "" {
				continue
			}
			if err := page.add(group[i], all[0]); err != nil {
				return err
			}
		}
		return nil
	})
	if f.shown.page == "" || len(page.Pictures) == 0 || cmd.Context().Err() != nil {
		return err
	}
	if failed := page.write(f.shown.page); failed != nil {
		return failed
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: the attention is shown in %s\n", f.shown.page)
	return err
}

// printCaptions prints one line for a picture, as text with a line for each further caption below it.
func printCaptions(cmd *cobra.Command, file string, all []captioner.Described, asJSON bool) error {
	text := func(d captioner.Described) string { return strings.Join(d.Words, " ") }
	w := cmd.OutOrStdout()
	if asJSON {
		line := captioned{
			File: file, Caption: text(all[0]), Words: append([]string{}, all[0].Words...), Alphas: append([][]float64{}, all[0].Alphas...),
			Entropies: []float64{}, Places: []float64{},
		}
		looks := looksOf(all[0])
		for _, l := range looks[:min(len(looks), len(all[0].Words))] {
			line.Entropies, line.Places = append(line.Entropies, l.Entropy), append(line.Places, l.Places)
		}
		for _, d := range all {
			if len(all) > 1 {
				line.Best = append(line.Best, rankedCaption{text(d), d.LogProb})
			}
		}
		return printJSON(w, line)
	}
	if _, err := fmt.Fprintf(w, "%s: %s\n", file, text(all[0])); err != nil {
		return err
	}
	for _, d := range all[1:] {
		if _, err := fmt.Fprintf(w, "    %s\n", text(d)); err != nil {
			return err
		}
	}
	return nil
}
