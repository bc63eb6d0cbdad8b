package contrastive

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
)

// Comparing is the task of training two towers on batches of pictures and texts, the inputs 0 and 1, which embed maps to unit embeddings [N, D]: InfoNCE with a
// learned temperature, which is clamped after each step (Radford et al. 2021, section 2.5).
func Comparing(embed func(scope *model.Scope, pictures, texts *graph.Node) (image, text *graph.Node)) experiments.Task {
	return experiments.Task{
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			image, text := embed(scope, inputs[0], inputs[1])
			loss, scale := clip.InfoNCELoss.Compare(scope, image, text)
			return loss, BatchFigures(image, text, scale)
		},
		After: clip.ClampScale,
	}
}
