package lesson

import (
	"context"
	"image"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
)

// clipPairs is how many pairs [CLIPPictures] embeds.
const clipPairs = 400

// Pairs are held-out pictures, each with one text, as a model sees them. Picture i belongs to text i.
type Pairs struct {
	*evaluate.Embedded
	model *TrainedCLIP
}

// CLIPPictures are the first 400 held-out pairs of the model's data set: it has never seen them.
func CLIPPictures(c *TrainedCLIP) *Pairs {
	set := datasets.Limit(Try(c.heldOut()), clipPairs)
	return &Pairs{Try(evaluate.Embed(context.Background(), c.Backend.Backend, c.Model, onePair{set}, nil)), c}
}

// onePair is a data set with the first caption of each picture alone: as many texts as pictures.
type onePair struct{ datasets.Dataset }

func (p onePair) At(i int) datasets.Example {
	e := p.Dataset.At(i)
	e.Captions = e.Captions[:min(1, len(e.Captions))]
	return e
}

// OfEachClass are the indices of the first pair of each of n classes.
func (p *Pairs) OfEachClass(n int) (indices []int) {
	seen := map[string]bool{"": true}
	for i, e := range p.Examples {
		if class := p.model.Class(e); !seen[class] && len(indices) < n {
			seen[class], indices = true, append(indices, i)
		}
	}
	return indices
}

// Pictures reads the pictures of some pairs.
func (p *Pairs) Pictures(indices ...int) []image.Image {
	var out []image.Image
	for _, i := range indices {
		out = append(out, Try(p.Examples[i].Open()))
	}
	return out
}

// Classes are the names of the classes of some pairs.
func (p *Pairs) Classes(indices ...int) []string {
	var out []string
	for _, i := range indices {
		out = append(out, p.model.Class(p.Examples[i]))
	}
	return out
}

// Titles are the texts of some pairs.
func (p *Pairs) Titles(indices ...int) []string {
	var out []string
	for _, i := range indices {
		out = append(out, p.Captions[i])
	}
	return out
}

// Similarities are the cosines [len(indices)][len(indices)] of the pictures (rows) and texts (columns) of some pairs.
func (p *Pairs) Similarities(indices ...int) [][]float64 {
	all := clip.Similarities(p.Images, p.Texts)
	out := make([][]float64, len(indices))
	for k, i := range indices {
		for _, j := range indices {
			out[k] = append(out[k], float64(all[i][j]))
		}
	}
	return out
}
