package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
)

// classChoice is what the classes of a data set are.
type classChoice struct {
	attribute string
	least     int
}

func (c *classChoice) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.attribute, "attribute", "", "take the values of the attribute `name` as classes (default: the labels, else articleType)")
	cmd.Flags().IntVar(&c.least, "least", 1, "leave out classes with fewer than `n` pictures")
}

func (c *classChoice) check(cmd *cobra.Command) error {
	if c.least < 1 {
		return usagef(cmd, "expected --least to be 1 or more, found %d", c.least)
	}
	return nil
}

// choose settles the attribute for a data set.
func (c *classChoice) choose(set datasets.Dataset) (err error) {
	c.attribute, err = chooseClass(set, c.attribute)
	return err
}

// by is what the classes are, in a word.
func (c *classChoice) by() string {
	if c.attribute == "" {
		return "label"
	}
	return c.attribute
}

// productAttribute is what the lab's products are classified by unless another is named.
const productAttribute = "articleType"

// chooseClass is the attribute whose values are the classes, "" for labels.
func chooseClass(set datasets.Dataset, asked string) (string, error) {
	known := map[string]bool{}
	labels := false
	for i := range set.Len() {
		e := set.At(i)
		labels = labels || e.Label != ""
		for name := range e.Attributes {
			known[name] = true
		}
	}
	names := slices.Sorted(maps.Keys(known))
	switch {
	case asked != "" && known[asked]:
		return asked, nil
	case asked != "" && len(names) == 0:
		return "", fmt.Errorf("expected pictures with the attribute %q, found none with any attribute; leave --attribute out to take labels", asked)
	case asked != "":
		return "", fmt.Errorf("expected pictures with the attribute %q, found the attributes %s%s", asked, strings.Join(names, ", "), didYouMean("", asked, names))
	case labels:
		return "", nil
	case known[productAttribute]:
		return productAttribute, nil
	case len(names) > 0:
		return "", fmt.Errorf("expected pictures with labels, found some with the attributes %s; choose one with --attribute", strings.Join(names, ", "))
	}
	return "", fmt.Errorf("expected pictures with labels or attributes to classify by, found captions alone; try `glimpse eval retrieval`")
}

// classNames are the ways to write a class in a prompt: those that a file of names gives it, else its own name; the
// names of folders often have underscores for spaces.
func classNames(given map[string][]string) func(class string) []string {
	return func(class string) []string {
		if names := given[class]; len(names) > 0 {
			return names
		}
		return evaluate.Names(strings.ReplaceAll(class, "_", " "))
	}
}
