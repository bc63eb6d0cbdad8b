package lesson

import (
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
)

// A Piece is a token of a text as the text encoder gets it.
type Piece struct {
	ID   int32
	Text string // what it stands for: a piece of a word, with a space where the word ends; "<start>", "<end>"
}

// Pieces are the tokens of a text: the start token, pieces of words, the end token. A text that is longer than the model's
// context is cut.
func Pieces(c *TrainedCLIP, text string) (pieces []Piece) {
	ids, _, err := c.Tokenizer.Encode(text, c.Config.Text.ContextLength, true)
	Check(err)
	for i, id := range ids {
		piece := Piece{id, c.Tokenizer.Decode([]int32{id})}
		switch i {
		case 0:
			piece.Text = "<start>"
		case len(ids) - 1:
			piece.Text = "<end>"
		}
		pieces = append(pieces, piece)
	}
	return pieces
}

// A Layer is what a tower has computed at one point, for one picture and one text.
type Layer struct {
	Name   string
	Shape  []int     // the first axis is the batch, of size 1
	Values []float32 // row-major
}

// Layers are what the towers compute for a picture and a text, in that order: from the stem of the image encoder to
// image_features, from the first block of the text encoder to text_features. The features are not normalised.
func Layers(c *TrainedCLIP, picture image.Image, text string) (layers []Layer) {
	v, t := c.Config.Vision, c.Config.Text
	pixels := tensors.FromFlatDataAndDimensions(Try(c.Preprocess(picture)), 1, v.Height, v.Width, 3)
	ids := tensors.FromFlatDataAndDimensions(c.Tokenizer.EncodeBatch([]string{text}, t.ContextLength), 1, t.ContextLength)
	exec := Try(model.NewExec(c.Backend.Backend, c.Store, func(scope *model.Scope, in []*graph.Node) (nodes []*graph.Node) {
		image, visual := clip.ImageTower(scope, v, c.Config.EmbedDim, in[0])
		feature, textual := clip.TextTower(scope, t, c.Config.EmbedDim, in[1])
		all := slices.Concat(visual, clip.Layers{{Name: "image_features", Value: image}}, textual, clip.Layers{{Name: "text_features", Value: feature}})
		layers = nil
		for _, l := range all {
			layers = append(layers, Layer{Name: l.Name, Shape: l.Value.Shape().Dimensions})
			nodes = append(nodes, l.Value)
		}
		return nodes
	}))
	defer exec.Finalize()
	for i, out := range Try(exec.Call(pixels, ids)) {
		Check(tensors.ConstFlatData(out, func(flat []float32) { layers[i].Values = slices.Clone(flat) }))
	}
	return layers
}

// LayerNamed is the one of that name.
func LayerNamed(layers []Layer, name string) Layer {
	for _, l := range layers {
		if l.Name == name {
			return l
		}
	}
	Check(fmt.Errorf("expected the name of a layer, such as %s, found %q", layers[0].Name, name))
	return Layer{}
}

// Length is the Euclidean length of a vector.
func Length(x []float32) float64 { return math.Sqrt(Dot(x, x)) }

// Dot is the sum of the products of two vectors' numbers.
func Dot(x, y []float32) (sum float64) {
	for i := range x {
		sum += float64(x[i]) * float64(y[i])
	}
	return sum
}

// Distances are how far the rows of two layers [1, L, W] of one shape are from each other: [L].
func Distances(a, b Layer) (distances []float64) {
	width := a.Shape[len(a.Shape)-1]
	for at := 0; at < len(a.Values); at += width {
		difference := make([]float32, width)
		for i := range difference {
			difference[i] = a.Values[at+i] - b.Values[at+i]
		}
		distances = append(distances, Length(difference))
	}
	return distances
}
