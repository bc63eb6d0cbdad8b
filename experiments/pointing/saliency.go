package pointing

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// gradients returns log p [N] of one word of each of N captions, given the words before it, and its gradient [N, F] with
// respect to the pictures: inputs [N, F] as [captioner.Model.Inputs] has them, captions [N, T] (int32) as
// [captioning.Decode] wants them, words [N] (int32) the number of the word, 0 being the one behind the start word.
//
// Where hard attention chooses a place, no gradient flows through the choice.
func gradients(scope *model.Scope, c *captioner.Model, inputs, captions, words *graph.Node) (logP, gradient *graph.Node) {
	steps := captions.Shape().Dim(1) - 1
	out := captioning.Decode(scope.At("decoder"), c.Config, c.Features(scope, inputs), captions)
	said := graph.OneHot(graph.SliceAxis(captions, 1, graph.AxisRangeToEnd(1)), c.Config.VocabSize, dtypes.Float32)
	all := graph.ReduceSum(graph.Mul(graph.LogSoftmax(out.Logits, 2), said), 2) // [N, T-1]
	logP = graph.ReduceSum(graph.Mul(all, graph.OneHot(words, steps, dtypes.Float32)), 1)
	return logP, graph.Gradient(graph.ReduceAllSum(logP), inputs)[0]
}

// saliencyMaps returns maps [N, grid, grid] of gradients [N, size*size*3]: the absolute values, summed over the three
// colours, and averaged over the pixels of each cell. (Simonyan et al. 2014 take the largest of the colours; for places
// the two hardly differ.)
func saliencyMaps(gradient *graph.Node, size, grid int) *graph.Node {
	n, cell := gradient.Shape().Dim(0), size/grid
	colours := graph.ReduceSum(graph.Abs(graph.Reshape(gradient, n, size*size, 3)), 2)
	return graph.ReduceMean(graph.Reshape(colours, n, grid, cell, grid, cell), 2, 4)
}

// salient is a word of a caption whose map is wanted.
type salient struct{ caption, word int }

// saliencyBatch is how many words' gradients are computed together.
const saliencyBatch = 32

// saliency computes the gradient's map of every word that names something: for each caption the words' maps.
func saliency(ctx context.Context, c *captioner.Model, size int, all []written) ([]map[int][]float64, error) {
	exec, err := model.NewExec(c.Backend(), c.Store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		_, gradient := gradients(scope, c, in[0], in[1], in[2])
		return []*graph.Node{saliencyMaps(gradient, size, c.Encoder.Grid)}
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	maps := make([]map[int][]float64, len(all))
	var wanted []salient
	for i, w := range all {
		maps[i] = map[int][]float64{}
		for _, named := range w.named {
			for _, word := range append([]int{named.Noun}, named.Adjectives...) {
				wanted = append(wanted, salient{i, word})
			}
		}
	}
	for from := 0; from < len(wanted); from += saliencyBatch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := wanted[from:min(from+saliencyBatch, len(wanted))]
		found, err := mapsOf(exec, c, all, some)
		if err != nil {
			return nil, err
		}
		for i, s := range some {
			maps[s.caption][s.word] = found[i]
		}
	}
	return maps, nil
}

// mapsOf computes the maps of up to saliencyBatch words.
func mapsOf(exec *model.Exec, c *captioner.Model, all []written, some []salient) ([][]float64, error) {
	var items []captioner.Item
	words := make([]int32, saliencyBatch)
	for i := range saliencyBatch { // one shape for all batches, so that the graph is compiled once
		s := some[min(i, len(some)-1)]
		items = append(items, captioner.Item{Input: all[s.caption].input, IDs: all[s.caption].ids})
		words[i] = int32(s.word)
	}
	batch, err := c.Batch(items)
	if err != nil {
		return nil, err
	}
	out, err := exec.Call1(batch[0], batch[1], tensors.FromValue(words))
	if err != nil {
		return nil, fmt.Errorf("cannot compute the gradients of words: %w", err)
	}
	flat, err := tensors.CopyFlatData[float32](out)
	if err != nil {
		return nil, err
	}
	cells := c.Encoder.Grid * c.Encoder.Grid
	found := make([][]float64, len(some))
	for i := range some {
		for _, v := range flat[i*cells : (i+1)*cells] {
			found[i] = append(found[i], float64(v))
		}
	}
	return found, nil
}
