package benchmark

import (
	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// trainingOperations is what the products of one training step come to, in floating-point operations, of which a multiplication and the addition
// behind it are two: forward, and backward to what is trained. words is how many words count, padding left out, in all captions of the batch
// together, so many rows go through the output layer; the recurrence takes all MaxLen steps.
//
// The gradient of a product is two products of its size, one for each side; where one side is a picture or a frozen feature, it is one.
// Norms, activations, softmax, sums, lookups and the optimiser are not counted.
func (c CaptionCase) trainingOperations(words int) float64 {
	d := c.Model.Decoder
	count := func(n ...int) float64 {
		product := 2.0 // operations
		for _, v := range n {
			product *= float64(v)
		}
		return product
	}
	const trained, given = 3, 2 // products forward and backward, where both sides have a gradient and where one has
	features, total := given, 0.0
	if cnn := c.Model.CNN; cnn != nil {
		features = trained
		in, side, times := 3, cnn.Size, given
		for _, out := range cnn.Channels {
			side = (side + 1) / 2
			total += float64(times) * count(c.Batch, side*side, 9*in, out)
			in, times = out, trained
		}
	}
	N, L, T := c.Batch, d.Locations, d.MaxLen
	E, H, A, D, V := d.EmbedDim, d.Hidden, d.AttentionDim, d.FeatureDim, d.VocabSize
	// once a picture: the half of the score that does not change, and the two ends of the state
	total += float64(features) * (count(N, L, D, A) + 2*count(N, D, H))
	// every step: the rest of the score, the context, the gate, the LSTM
	total += trained * (count(N, T, H, A) + count(N, T, L, A))
	total += float64(features) * count(N, T, L, D)
	total += trained * (gateOperations(count(N, T, H), d) + count(N, T, 4*H, E+D+H))
	return total + trained*count(words, H, V)
}

// gateOperations scales one number's products to those of the gate.
func gateOperations(one float64, d captioning.Config) float64 {
	shape, ok := d.WeightShapes()["gate.weight"]
	if !ok {
		return 0
	}
	return one * float64(shape[0])
}

// wordsThatCount is how many words the captions of a batch ask for: each but its first.
func wordsThatCount(inputs map[string]safetensors.Tensor) (words int, err error) {
	lengths, ok := inputs["lengths"]
	if !ok {
		return 0, nil
	}
	values, err := lengths.AsFloat32s()
	for _, n := range values {
		words += int(n) - 1
	}
	return words, err
}
