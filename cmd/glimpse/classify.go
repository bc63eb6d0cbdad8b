package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// classified is a line of `glimpse classify --json`.
type classified struct {
	File          string             `json:"file"`
	Label         string             `json:"label"` // the likeliest
	Probabilities map[string]float64 `json:"probabilities"`
}

func classifyCommand() *cobra.Command {
	var model string
	var labels, templates []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "classify --model DIR --labels A,B,C IMAGE...",
		Short: "Which of your own labels fits each picture best",
		Long: `Classify compares each picture with labels of your own choice, with a trained CLIP: the probabilities are the
softmax over the labels of the learned scale times the cosine. They say which label fits best among these, and not
whether any fits at all. A label is put into every template, and their mean is what is compared.`,
		Example: examples(
			"glimpse classify --model runs/clip --labels Shoes,Watches,Shirts shoe.jpg",
			`glimpse classify --model runs/clip --labels "a dog,a beach" --template "a photo of {}" --json *.jpg`),
		Args: wantArgs("IMAGE..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "model", "labels"); err != nil {
				return err
			}
			for i := range labels {
				labels[i] = strings.TrimSpace(labels[i])
			}
			if err := checkLabels(cmd, labels); err != nil {
				return err
			}
			if err := checkTemplates(cmd, templates); err != nil {
				return err
			}
			return classify(cmd, model, labels, templates, asJSON, args)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "`folder` of the CLIP model, or of the run that trained it")
	cmd.Flags().StringSliceVar(&labels, "labels", nil, "the `labels` to choose from, with commas between them")
	cmd.Flags().StringArrayVar(&templates, "template", nil, "a `prompt` in which {} stands for the label; may be repeated (default: several)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a picture")
	return cmd
}

func checkLabels(cmd *cobra.Command, labels []string) error {
	if len(labels) < 2 {
		return usagef(cmd, "expected at least two labels with commas between them, found %q", labels)
	}
	for i, label := range labels {
		if label == "" {
			return usagef(cmd, "expected a label between the commas of --labels, found an empty one at place %d of %d", i+1, len(labels))
		}
		if slices.Contains(labels[:i], label) {
			return usagef(cmd, "expected each label once, found %q twice", label)
		}
	}
	return nil
}

// classifyGroup is how many pictures are encoded together.
const classifyGroup = 64

func classify(cmd *cobra.Command, model string, labels, templates []string, asJSON bool, paths []string) error {
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	m, err := openCLIP(model)
	if err != nil {
		return err
	}
	scale, err := m.Scale()
	if err != nil {
		return err
	}
	if len(templates) == 0 {
		templates = clip.DefaultTemplates()
	}
	var names [][]string
	for _, label := range labels {
		names = append(names, []string{label})
	}
	weights, err := m.ClassWeights(b.Backend, names, templates)
	if err != nil {
		return err
	}
	return eachPicture(cmd, paths, classifyGroup, func(group []named) error {
		var pixels [][]float32
		for _, n := range group {
			prepared, err := m.Preprocess(n.picture)
			if err != nil {
				return fmt.Errorf("%s: %w", n.file, err)
			}
			pixels = append(pixels, prepared)
		}
		embeddings, err := m.EncodeImages(b.Backend, pixels)
		if err != nil {
			return err
		}
		for i, cosines := range clip.Similarities(embeddings, weights) {
			if err := printClassified(cmd, group[i].file, labels, clip.Softmax(cosines, scale), asJSON); err != nil {
				return err
			}
		}
		return nil
	})
}

func printClassified(cmd *cobra.Command, file string, labels []string, probabilities []float64, asJSON bool) error {
	order := make([]int, len(labels)) // the likeliest first, of equals the one that was named first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case probabilities[a] > probabilities[b]:
			return -1
		case probabilities[a] < probabilities[b]:
			return 1
		}
		return 0
	})
	if asJSON {
		c := classified{file, labels[order[0]], map[string]float64{}}
		for i, label := range labels {
			c.Probabilities[label] = probabilities[i]
		}
		return printJSON(cmd.OutOrStdout(), c)
	}
	return printTable(cmd.OutOrStdout(), func(table io.Writer) {
		fmt.Fprintln(table, file)
		for _, i := range order {
			fmt.Fprintf(table, "    %s\t%5.1f%%\n", labels[i], 100*probabilities[i])
		}
	})
}
