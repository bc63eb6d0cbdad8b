package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func modelCheckCommand() *cobra.Command {
	var reference, naming string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "A CLIP model's conformance card: is it the model it says it is?",
		Long: `Check reads a model's files and says what it is: parameters, names that are missing or left over, activation, end
token, preprocessing, temperature, the vocabulary's checksums.

With --reference FOLDER (inputs.safetensors and outputs.safetensors of another implementation, and
intermediates.safetensors where there is one; the layout is that of ` + "`glimpse encode --intermediates`" + `) it runs the model
on every backend of this machine and prints the largest difference of every layer, and between the backends.

What would give slightly wrong features without a word is refused, with a sentence and the exit code 1: GELU in the
place of QuickGELU, a resolution that the positional embedding is not for, a mean that no CLIP was trained with, and,
with the sizes of a published model, other attention heads, layer norms, end token, resizing or vocabulary than its.`,
		Example: examples("glimpse model check vit-b-32", "glimpse model check vit-b-32 --reference from-pytorch --json"),
		Args:    wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if naming != "" {
				if err := oneOf(cmd, "naming", naming, string(clip.OpenAI), string(clip.HuggingFace)); err != nil {
					return err
				}
			}
			dir, err := modelFolder(args[0])
			if err != nil {
				return err
			}
			card, m, err := clip.Examine(dir, clip.Naming(naming))
			if err != nil {
				return err
			}
			if m != nil && reference != "" {
				if err := compareOnBackends(cmd, card, m, reference); err != nil {
					return err
				}
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), card)
			} else {
				err = printCard(cmd.OutOrStdout(), card)
			}
			if err != nil || len(card.Refused) == 0 {
				return err
			}
			return fmt.Errorf("%s", strings.Join(card.Refused, "; also: "))
		},
	}
	cmd.Flags().StringVar(&reference, "reference", "", "folder with inputs and outputs of another implementation")
	namingFlag(cmd, &naming)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// compareOnBackends runs the reference's inputs on every backend that opens.
func compareOnBackends(cmd *cobra.Command, card *clip.Card, m *clip.Model, folder string) error {
	reference, err := clip.OpenReference(folder)
	if err != nil {
		return err
	}
	var names []string
	var features []map[string]safetensors.Tensor
	for _, name := range backendNames() {
		b, err := backend.OpenNamed(name)
		if err != nil {
			continue // not on this machine
		}
		defer b.Finalize() // the model's weights move from one to the next
		got, err := card.Compare(b.Backend, name, m, reference)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		for i := range names {
			card.CompareBackends(names[i], name, features[i], got)
		}
		names, features = append(names, name), append(features, got)
	}
	return nil
}

func printCard(w io.Writer, c *clip.Card) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", what, fmt.Sprintf(format, args...))
	}
	line("file", "%s, naming %s", c.File, c.Naming)
	if c.Published != "" {
		line("sizes", "those of the published %s", c.Published)
	}
	line("parameters", "%s image, %s text, %s in all", grouped(c.Parameters.Image), grouped(c.Parameters.Text), grouped(c.Parameters.Total))
	line("names", "%d missing, %d left over", len(c.Missing), len(c.LeftOver))
	line("resolution", "%d x %d pixels, embedding %d", c.Resolution[0], c.Resolution[1], c.EmbedDim)
	line("activation", "%s image, %s text", c.Activation[0], c.Activation[1])
	line("end token", "%s", c.EndToken)
	line("preprocessing", "%s, mean %v, std %v", c.Resize, c.Mean, c.Std)
	if c.Scaled {
		line("temperature", "%.6g (logits are %.6g times the cosine)", 1/c.Scale, c.Scale)
	}
	for _, f := range c.Tokenizer {
		line("vocabulary", "%s sha256 %s", f.Name, f.SHA256)
	}
	for _, compared := range c.Compared {
		for _, d := range compared.Layers {
			line(compared.Backend, "%s", distanceText(d))
		}
	}
	for _, d := range c.Between {
		line("backends", "%s", distanceText(d))
	}
	verdict := "nothing is wrong with it"
	if len(c.Refused) > 0 {
		verdict = fmt.Sprintf("refused, for %d reasons", len(c.Refused))
	}
	line("verdict", "%s", verdict)
	return table.Flush()
}

func distanceText(d clip.Distance) string {
	mark := "within"
	if !d.Within {
		mark = "BEYOND"
	}
	return fmt.Sprintf("%-28s %.2e, %s %.2e", d.Name, d.Largest, mark, d.Tolerance)
}
