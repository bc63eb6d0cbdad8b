package efficiency

import "github.com/glimpse-ml/glimpse/clip"

// Work is what a picture costs in training, in floating-point operations, of which a multiplication and the addition behind it are two. The products
// of convolutions, linear layers and attention count, as in [clip.Config.GFLOPs]; not norms, activations, softmax, additions and the looking up of
// embeddings. Backward takes twice what forward takes: a product with the weights for the inputs' gradient, and one with the inputs for the weights'.
// Padding counts: it is computed.
type Work struct {
	Image float64 `json:"image"` // of the image tower
	Text  float64 `json:"text"`  // of all else
}

// Total is both together.
func (w Work) Total() float64 { return w.Image + w.Text }

// workOf is a method's work for one picture of a batch of n with its text.
func workOf(m Method, c clip.Config, n int) Work {
	const passes = 3 // forward, and backward twice
	l, w, v, d := float64(c.Text.ContextLength), float64(c.Text.Width), float64(c.Text.VocabSize), float64(c.EmbedDim)
	text := 0.0
	switch m {
	case Language: // L-1 places: the picture and all tokens but start and the last
		blocks := c
		blocks.Text.ContextLength, blocks.EmbedDim = c.Text.ContextLength-1, 0
		text = blocks.TextOperations() + 2*(d*w+(l-1)*w*v)
	case Prediction:
		text = 2 * d * v
	case Contrastive:
		text = 2 * (w*4*w + 4*w*d + float64(n)*d)
	case Transformer:
		text = c.TextOperations() + 2*float64(n)*d
	}
	return Work{passes * c.ImageOperations(), passes * text}
}
