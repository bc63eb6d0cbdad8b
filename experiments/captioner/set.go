package captioner

import (
	"context"
	"fmt"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
)

// Set is a data set as the decoder sees it. What it has no use for is left out: pictures that cannot be read, captions without a
// word that the model knows, and pictures that have no others.
type Set struct {
	Examples []datasets.Example // with the captions that are texts
	Indices  []int              // of the examples in the data set
	Texts    [][][]int32        // encoded captions of each, at least one
	Inputs   func(i int) []float32
}

// Item is a picture, as the decoder sees it, with one caption.
type Item struct {
	Input []float32
	IDs   []int32
}

// Prepare encodes the pictures and captions of a data set. problems are sentences about all that was left out or cut: captions
// first, counted by what is wrong with them, then every picture that is not used.
func (c *Model) Prepare(ctx context.Context, env *experiments.Env, set datasets.Dataset) (prepared *Set, problems []string, err error) {
	return c.PrepareView(ctx, env, set, View{})
}

// PrepareView is [Model.Prepare] for pictures in a view.
func (c *Model) PrepareView(ctx context.Context, env *experiments.Env, set datasets.Dataset, view View) (*Set, []string, error) {
	s, problems, err := c.readCaptions(set)
	if err != nil {
		return nil, nil, err
	}
	inputs, errs, err := c.inputSet(ctx, env, set, view)
	if err != nil {
		return nil, nil, err
	}
	seen := &Set{}
	seen.Inputs = func(i int) []float32 { return inputs(seen.Indices[i]) }
	for k, i := range s.Indices {
		if errs[i] != nil {
			problems = append(problems, errs[i].Error())
			continue
		}
		seen.Examples, seen.Texts, seen.Indices = append(seen.Examples, s.Examples[k]), append(seen.Texts, s.Texts[k]), append(seen.Indices, i)
	}
	if len(seen.Examples) == 0 {
		return nil, nil, noneOfUse(set, problems)
	}
	return seen, problems, c.measureScale(seen)
}

// readCaptions encodes the captions of a data set, and names the pictures without any that is of use.
func (c *Model) readCaptions(set datasets.Dataset) (*Set, []string, error) {
	s := &Set{}
	reader := textReader{vocabulary: c.Vocabulary, maxLen: c.Config.MaxLen}
	var without []string
	for i := range set.Len() {
		example := set.At(i)
		captions, texts := reader.read(example)
		switch {
		case len(example.Captions) == 0:
			without = append(without, fmt.Sprintf("%s has no caption and was left out", example.ID))
			continue
		case len(texts) == 0:
			without = append(without, fmt.Sprintf("%s has no caption that is of use and was left out", example.ID))
			continue
		}
		example.Captions = captions
		s.Examples, s.Texts, s.Indices = append(s.Examples, example), append(s.Texts, texts), append(s.Indices, i)
	}
	problems := append(reader.remarks(set.Name()), without...)
	if len(s.Examples) == 0 {
		return nil, nil, noneOfUse(set, problems)
	}
	return s, problems, nil
}

// noneOfUse is the error of a set in which every picture was left out.
func noneOfUse(set datasets.Dataset, problems []string) error {
	if len(problems) == 0 {
		return fmt.Errorf("expected pictures in %s, found none", set.Name())
	}
	return fmt.Errorf("none of the %d pictures of %s can be used: %s", set.Len(), set.Name(), problems[0])
}
