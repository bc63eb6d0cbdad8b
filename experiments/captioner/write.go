package captioner

import (
	"encoding/binary"
	"hash/fnv"
	"image"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/captioning"
)

// Writing says how captions are written: by beam search, or drawn when Draw is set.
type Writing struct {
	Beam    captioning.BeamOptions
	Draw    bool
	Sample  captioning.SampleOptions
	Seed    int64 // of what is drawn: a picture's captions depend on it and on the picture alone
	Unknown bool  // captions may have the word <unk>, for words that are not in the vocabulary
}

// Writer writes captions in a way of one's own; [Model.Caption] takes the likeliest word at every step. Not for
// concurrent use.
type Writer struct {
	captioner *Model
	how       Writing
	beam      *captioning.Beam
	sampler   *captioning.Sampler
}

// unspoken are the words that no reader wants to see.
func (w Writing) unspoken() []int32 {
	words := []int32{captioning.Pad, captioning.Start}
	if !w.Unknown {
		words = append(words, captioning.Unknown)
	}
	return words
}

// asDrawn are logits [..., V] at the temperature that words are drawn with, without the words that are never said.
func (w Writing) asDrawn(logits *graph.Node) *graph.Node {
	if t := w.Sample.Temperature; t != 0 && t != 1 {
		logits = graph.MulScalar(logits, 1/t)
	}
	const never = -1e4 // exp of it is 0 in float32
	without := make([]float32, logits.Shape().Dim(-1))
	for _, word := range w.forbidden() {
		without[word] = never
	}
	dims := make([]int, logits.Rank())
	for i := range dims {
		dims[i] = 1
	}
	dims[len(dims)-1] = len(without)
	return graph.Add(logits, graph.Reshape(graph.Const(logits.Graph(), without), dims...))
}

// forbidden are all words that are not said.
func (w Writing) forbidden() []int32 {
	if w.Draw {
		return slices.Concat(w.unspoken(), w.Sample.Forbid)
	}
	return slices.Concat(w.unspoken(), w.Beam.Forbid)
}

// NewWriter prepares for batches of the given number of pictures.
func (c *Model) NewWriter(how Writing, batch int) (*Writer, error) {
	w := &Writer{captioner: c, how: how}
	decoder, scope := c.writes()
	var err error
	if how.Draw {
		how.Sample.Forbid = how.forbidden()
		w.sampler, err = captioning.NewSampler(c.backend.Backend, scope, decoder, batch, how.Sample)
	} else {
		how.Beam.Forbid = how.forbidden()
		w.beam, err = captioning.NewBeam(c.backend.Backend, scope, decoder, batch, how.Beam)
	}
	return w, err
}

// Close frees what was compiled.
func (w *Writer) Close() {
	if w.beam != nil {
		w.beam.Close()
	}
	if w.sampler != nil {
		w.sampler.Close()
	}
}

// Write describes pictures. Of each there are several captions where the beam or the sample has several, the best first,
// or in the order in which they were drawn.
func (w *Writer) Write(images []image.Image) ([][]Described, error) {
	inputs, err := w.captioner.inputs(images)
	if err != nil {
		return nil, err
	}
	keys := make([]uint64, len(images))
	for i, img := range images {
		keys[i] = keyOf(img)
	}
	all, err := w.WriteInputs(inputs, keys, w.how.Seed)
	if err != nil {
		return nil, err
	}
	described := make([][]Described, len(all))
	for i, captions := range all {
		for _, caption := range captions {
			described[i] = append(described[i], w.captioner.described(caption))
		}
	}
	return described, nil
}

// WriteInputs is [Writer.Write] for inputs as [Set.Inputs] has them, with keys that tell one picture from another: what is
// drawn of a picture depends on its key, and on the seed in the place of [Writing]'s.
func (w *Writer) WriteInputs(inputs [][]float32, keys []uint64, seed int64) ([][]captioning.Caption, error) {
	features, err := w.captioner.featuresOf(inputs)
	if err != nil {
		return nil, err
	}
	if w.how.Draw {
		return w.sampler.CaptionsOf(features, keys, seed)
	}
	return w.beam.Captions(features, len(inputs))
}

// keyOf tells a picture from others by its size and its colours at up to 64 x 64 places: the features will not do, whose last
// digits may depend on the pictures that are encoded together.
func keyOf(img image.Image) uint64 {
	h := fnv.New64a()
	r := img.Bounds()
	put := func(x uint32) { h.Write(binary.LittleEndian.AppendUint32(nil, x)) }
	put(uint32(r.Dx()))
	put(uint32(r.Dy()))
	for y := r.Min.Y; y < r.Max.Y; y += 1 + r.Dy()/64 {
		for x := r.Min.X; x < r.Max.X; x += 1 + r.Dx()/64 {
			red, green, blue, _ := img.At(x, y).RGBA()
			put(red)
			put(green)
			put(blue)
		}
	}
	return h.Sum64()
}
