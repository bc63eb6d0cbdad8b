package captioned

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/experiments"
)

// Comparing is the task of training a CLIP contrastively on the batches of [Windows.Source]; its weights are in the scope [diffusion.CLIPScope]. Where two pictures of a batch show the same
// pair of colour and shape, the text of either is true of both.
func Comparing(c diffusion.NoisedCLIP, schedule diffusion.Schedule) experiments.Task {
	return experiments.Task{
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			scope = scope.At(diffusion.CLIPScope)
			image := c.EncodeImage(scope, schedule.Noised(inputs[0], inputs[1], inputs[2]), diffusion.AsFloat(inputs[2]))
			n := inputs[4].Shape().Dim(0)
			same := graph.Equal(graph.Reshape(inputs[4], n, 1), graph.Reshape(inputs[4], 1, n))
			loss, scale := clip.CompareMasked(scope, image, c.EncodeText(scope, inputs[3]), graph.ConvertDType(same, image.DType()))
			return loss, []experiments.Metric{{Name: "scale", Value: scale}}
		},
		After: func(scope *model.Scope, g *graph.Graph) { clip.ClampScale(scope.At(diffusion.CLIPScope), g) },
	}
}
