package main

import (
	"bytes"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets"
)

// products is a data set of pictures that nobody opens, one of each class in the list.
type products []string

func (p products) Name() string        { return "fashion-products/val" }
func (p products) Fingerprint() string { return "" }
func (p products) Len() int            { return len(p) }
func (p products) At(i int) datasets.Example {
	return datasets.Example{Attributes: map[string]string{productAttribute: p[i]}, Open: func() (image.Image, error) { panic("opened") }}
}

// Of fashion-products the classes with 20 or more pictures count, as in the recorded results, by its name and by its folder; what is
// left out is said. Other data sets, and --least, are as they were.
func TestLeastPicturesOfAClass(t *testing.T) {
	set := products(slices.Concat(slices.Repeat([]string{"Shirts"}, 20), slices.Repeat([]string{"Watches"}, 19), []string{"Jeans"}))
	for _, c := range []struct {
		folder string
		args   []string
		least  int
		said   string
	}{
		{"data/fashion-products", nil, 20, "2 of the 3 classes of fashion-products/val have fewer than 20 pictures and are left out; --least 1 takes all"},
		{"data/fashion-products", []string{"--least", "1"}, 1, ""},
		{"data/fashion-products", []string{"--least", "5"}, 5, ""},
		{"data/mine", nil, 1, ""},
		{"data/cifar10", nil, 1, ""},
	} {
		var choice classChoice
		var stderr bytes.Buffer
		cmd := &cobra.Command{}
		cmd.SetErr(&stderr)
		choice.add(cmd)
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		if err := choice.check(cmd); err != nil {
			t.Fatal(err)
		}
		if err := choice.choose(cmd, set, c.folder); err != nil {
			t.Fatal(err)
		}
		if choice.least != c.least || !strings.Contains(stderr.String(), c.said) || c.said == "" && stderr.Len() > 0 {
			t.Errorf("%s %v: classes of %d pictures, expected %d; it said %q", c.folder, c.args, choice.least, c.least, stderr.String())
		}
	}
}
