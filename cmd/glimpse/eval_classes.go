package main

import (
	"fmt"
	"maps"
	"path/filepath"
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
	cmd.Flags().IntVar(&c.least, "least", 0, "leave out classes with fewer than `n` pictures (default: 20 for fashion-products, else 1)")
}

func (c *classChoice) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("least") && c.least < 1 {
		return usagef(cmd, "expected --least to be 1 or more, found %d", c.least)
	}
	return nil
}

// choose settles the attribute and the least number of pictures for a data set that lies in folder, and says what a known
// data set leaves out without being asked to.
func (c *classChoice) choose(cmd *cobra.Command, set datasets.Dataset, folder string) (err error) {
	if c.attribute, err = chooseClass(set, c.attribute); err != nil || c.least > 0 {
		return err
	}
	known, _ := datasets.Lookup(filepath.Base(folder)) // data of one's own is in no catalogue
	c.least = max(known.LeastClass, 1)
	counts := map[string]int{}
	for i := range set.Len() {
		if class := evaluate.ByAttribute(c.attribute)(set.At(i)); class != "" {
			counts[class]++
		}
	}
	all := len(counts)
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n < c.least })
	if rare := all - len(counts); rare > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %d of the %d classes of %s have fewer than %d pictures and are left out; --least 1 takes all\n",
			rare, all, set.Name(), c.least)
	}
	return nil
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
