package main

import (
	"cmp"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// classified is a line of `glimpse classify --json`.
type classified struct {
	File          string             `json:"file"`
	Label         string             `json:"label"` // the likeliest
	Probabilities map[string]float64 `json:"probabilities"`
}

// classification is what `glimpse classify` is asked to do.
type classification struct {
	model      string
	given      []string // by --labels, as they were typed
	labels     []string
	labelsFile string
	prompts    prompts
	top        int
	asJSON     bool
}

func classifyCommand() *cobra.Command {
	var c classification
	cmd := &cobra.Command{
		Use:   "classify --model DIR --labels A,B,C IMAGE...",
		Short: "Which of your own labels fits each picture best",
		Long: `Classify compares each picture with labels of your own choice, with a CLIP: one that was trained here, or a published
one. The probabilities are the softmax over the labels of the learned scale times the cosine. They say which label
fits best among these, and not whether any fits at all. A label is put into every template, and the mean of these
texts is what is compared. Labels that differ by capitals or blanks alone are one label to CLIP, so they are refused.

--labels-file takes one label a line, or a JSON array, which is the way to labels with commas in them; labels of both
flags go together. --top shows the likeliest
labels alone; their probabilities are still among all labels.`,
		Example: examples(
			"glimpse classify --model runs/clip --labels Shoes,Watches,Shirts shoe.jpg",
			`glimpse classify --model runs/clip --labels "a dog,a beach" --template "a photo of {}" --json *.jpg`,
			"glimpse classify --model clip-vit-base-patch32 --labels-file imagenet.txt --templates prompts.txt --top 5 cat.jpg"),
		Args: wantArgs("IMAGE..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "model"); err != nil {
				return err
			}
			if err := c.readLabels(cmd); err != nil {
				return err
			}
			if c.top < 0 {
				return usagef(cmd, "expected --top to be 0 or more, found %d", c.top)
			}
			templates, err := c.prompts.read(cmd)
			if err != nil {
				return err
			}
			return c.run(cmd, templates, args)
		},
	}
	cmd.Flags().StringVar(&c.model, "model", "", "`folder` of the CLIP model, or of the run that trained it")
	cmd.Flags().StringArrayVar(&c.given, "labels", nil, "the `labels` to choose from, with commas or line ends between them")
	cmd.Flags().StringVar(&c.labelsFile, "labels-file", "", "`file` of labels, one a line or a JSON array")
	c.prompts.add(cmd, "label")
	cmd.Flags().IntVar(&c.top, "top", 0, "show the `n` likeliest labels alone; 0 for all")
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print one JSON object a picture")
	return cmd
}

// readLabels gathers the labels of both flags and checks them.
func (c *classification) readLabels(cmd *cobra.Command) error {
	if c.labelsFile == "" {
		if err := requireFlags(cmd, "labels"); err != nil {
			return err
		}
	}
	for _, given := range c.given {
		c.labels = append(c.labels, splitLabels(given)...)
	}
	if i := slices.Index(c.labels, ""); i >= 0 {
		return usagef(cmd, "expected a label between the commas of --labels, found an empty one at place %d of %d", i+1, len(c.labels))
	}
	if c.labelsFile != "" {
		data, err := readText(c.labelsFile)
		if err != nil {
			return err
		}
		fromFile, err := parseList(data)
		if err != nil {
			return fmt.Errorf("%s: %w", c.labelsFile, err)
		}
		c.labels = append(c.labels, fromFile...)
	}
	return checkLabels(cmd, c.labels)
}

// splitLabels splits labels at commas and ends of lines, and nowhere else: quotes are part of a label.
func splitLabels(text string) []string {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	labels := strings.Split(strings.ReplaceAll(text, "\n", ","), ",")
	for i, label := range labels {
		labels[i] = strings.TrimSpace(label)
	}
	return labels
}

// checkLabels sees to it that there are several labels, and that the model can tell them apart.
func checkLabels(cmd *cobra.Command, labels []string) error {
	if len(labels) < 2 {
		return usagef(cmd, "expected at least two labels with commas between them, found %q", labels)
	}
	seen := map[string]string{}
	for _, label := range labels {
		text := strings.ToLower(strings.Join(strings.Fields(label), " ")) // as the model reads it
		other, twice := seen[text]
		switch {
		case twice && other == label:
			return usagef(cmd, "expected each label once, found %q twice", label)
		case twice:
			return usagef(cmd, "expected labels that differ by more than capitals and blanks, which the model does not see, found %q and %q", other, label)
		}
		seen[text] = label
	}
	return nil
}

// classifyGroup is how many pictures are encoded together.
const classifyGroup = 64

func (c *classification) run(cmd *cobra.Command, templates, paths []string) error {
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	m, err := openCLIP(c.model, len(paths))
	if err != nil {
		return err
	}
	classifier, err := m.NewClassifier(b.Backend, c.labels, templates)
	if err != nil {
		return uncut(err)
	}
	return eachPicture(cmd, paths, classifyGroup, func(group []named) error {
		pictures := make([]image.Image, len(group))
		for i, n := range group {
			pictures[i] = n.picture
		}
		probabilities, err := classifier.Classify(pictures...)
		if err != nil {
			return err
		}
		for i, row := range probabilities {
			if err := c.print(cmd, group[i].file, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// print writes the labels of a picture, the likeliest first, of equals the one that was named first.
func (c *classification) print(cmd *cobra.Command, file string, probabilities []float64) error {
	order := make([]int, len(c.labels))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probabilities[b], probabilities[a]) })
	if c.top > 0 {
		order = order[:min(c.top, len(order))]
	}
	if c.asJSON {
		line := classified{file, c.labels[order[0]], map[string]float64{}}
		for _, i := range order {
			line.Probabilities[c.labels[i]] = probabilities[i]
		}
		return printJSON(cmd.OutOrStdout(), line)
	}
	return printTable(cmd.OutOrStdout(), func(table io.Writer) {
		fmt.Fprintln(table, file)
		for _, i := range order {
			fmt.Fprintf(table, "    %s\t%5.1f%%\n", c.labels[i], 100*probabilities[i])
		}
	})
}
