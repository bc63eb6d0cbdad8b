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
}

func captionCommand() *cobra.Command {
	var model, page string
	var beam int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "caption --model RUNDIR IMAGE...",
		Short: "Describe pictures, and show where the captioner looked for each word",
		Long: `Caption describes each picture with a trained captioner, which takes the likeliest word at every step (greedy
decoding). The whole picture is squashed to the square that the model sees.

--attention writes one HTML page that needs nothing beside it: pointing at a word shows where the captioner looked
for it. --json prints one object a picture; alphas holds, for each word, the weight of every place of the model's
grid, row by row.`,
		Example: examples(
			"glimpse caption --model runs/captioner photo.jpg",
			"glimpse caption --model runs/captioner --attention look.html *.jpg"),
		Args: wantArgs("IMAGE..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "model"); err != nil {
				return err
			}
			if beam < 1 {
				return usagef(cmd, "expected --beam to be 1 or more, found %d", beam)
			}
			if beam > 1 {
				return usagef(cmd, "beam search comes with a later version: expected --beam to be 1, found %d", beam)
			}
			return caption(cmd, model, page, asJSON, args)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "`folder` of the captioner, or of the run that trained it")
	cmd.Flags().StringVar(&page, "attention", "", "HTML `file` to write, on which every word shows where the captioner looked")
	cmd.Flags().IntVar(&beam, "beam", 1, "sentences kept at each step, `K`; only 1 for now")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a picture")
	return cmd
}

// captionGroup is how many pictures are described together.
const captionGroup = 10

func caption(cmd *cobra.Command, model, page string, asJSON bool, paths []string) error {
	if page != "" {
		if err := checkOutput(page); err != nil {
			return err
		}
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	c, err := openCaptioner(cmd.Context(), b, model)
	if err != nil {
		return err
	}
	defer c.Close()
	shown := &attentionPage{Model: model}
	err = eachPicture(cmd, paths, captionGroup, func(group []named) error {
		var images []image.Image
		for _, n := range group {
			images = append(images, n.picture)
		}
		described, err := c.Caption(images)
		if err != nil {
			return err
		}
		for i, d := range described {
			if err := printCaption(cmd, group[i].file, d, asJSON); err != nil {
				return err
			}
			if page == "" {
				continue
			}
			if err := shown.add(group[i], d); err != nil {
				return err
			}
		}
		return nil
	})
	if page == "" || len(shown.Pictures) == 0 || cmd.Context().Err() != nil {
		return err
	}
	if failed := shown.write(page); failed != nil {
		return failed
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: the attention is shown in %s\n", page)
	return err
}

func printCaption(cmd *cobra.Command, file string, d captioner.Described, asJSON bool) error {
	text := strings.Join(d.Words, " ")
	if asJSON {
		return printJSON(cmd.OutOrStdout(), captioned{file, text, append([]string{}, d.Words...), append([][]float64{}, d.Alphas...)})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", file, text)
	return err
}
