package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets"
)

// shownExample is one line of `glimpse data show`.
type shownExample struct {
	ID         string            `json:"id"`
	Width      int               `json:"width"`
	Height     int               `json:"height"`
	Captions   []string          `json:"captions"`
	Label      string            `json:"label"`
	Attributes map[string]string `json:"attributes"`
	Problem    string            `json:"problem,omitempty"` // why the picture cannot be shown
}

func dataShowCommand() *cobra.Command {
	var asJSON bool
	var dir, split string
	var n int
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "The first examples of a data set",
		Long:    `Show prints the first examples of a data set: the picture's name and size, its captions, label and attributes.`,
		Example: examples("glimpse data show flickr8k", "glimpse data show fashion-products --split val --n 5 --json"),
		Args:    wantArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 1 {
				return usagef(cmd, "expected --n to be 1 or more, found %d", n)
			}
			shown, err := showData(cmd, args[0], dir, split, n)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), shown)
			}
			for _, e := range shown {
				if err := e.print(cmd.OutOrStdout()); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	cmd.Flags().StringVar(&dir, "data", "", "folder of the data set, instead of the one that is found")
	cmd.Flags().StringVar(&split, "split", "train", "part of the data set: train, dev, val or test")
	cmd.Flags().IntVar(&n, "n", 3, "number of examples")
	return cmd
}

func showData(cmd *cobra.Command, name, dir, split string, n int) ([]shownExample, error) {
	entry, err := lookup(cmd, name)
	if err != nil {
		return nil, err
	}
	if entry.Open == nil {
		return nil, fmt.Errorf("%s is no data set and has no examples: %s", name, entry.Description)
	}
	if dir, err = dataFolder(name, dir); err != nil {
		return nil, err
	}
	ds, err := entry.Open(dir, split)
	if err != nil {
		return nil, err
	}
	for _, p := range datasets.Problems(ds) {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s\n", p)
	}
	shown := []shownExample{}
	for i := range min(n, ds.Len()) {
		if err := cmd.Context().Err(); err != nil {
			return nil, err
		}
		shown = append(shown, newShownExample(ds.At(i)))
	}
	return shown, nil
}

func newShownExample(e datasets.Example) shownExample {
	s := shownExample{ID: e.ID, Captions: append([]string{}, e.Captions...), Label: e.Label, Attributes: map[string]string{}}
	maps.Copy(s.Attributes, e.Attributes)
	picture, err := e.Open()
	if err != nil {
		s.Problem = sentence(err)
		return s
	}
	s.Width, s.Height = picture.Bounds().Dx(), picture.Bounds().Dy()
	return s
}

func (e shownExample) print(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s  %dx%d\n", e.ID, e.Width, e.Height)
	if e.Problem != "" {
		fmt.Fprintf(&text, "    cannot be shown: %s\n", e.Problem)
	}
	if e.Label != "" {
		fmt.Fprintf(&text, "    label: %s\n", e.Label)
	}
	for _, c := range e.Captions {
		fmt.Fprintf(&text, "    %s\n", c)
	}
	for _, key := range slices.Sorted(maps.Keys(e.Attributes)) {
		fmt.Fprintf(&text, "    %s: %s\n", key, e.Attributes[key])
	}
	_, err := io.WriteString(w, text.String())
	return err
}
