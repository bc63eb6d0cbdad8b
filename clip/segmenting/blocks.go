package segmenting

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

const normEps = 1e-5

// film is [nn.FiLM] of places x [M, h, w, D] by a condition [M, E], which is a unit vector. At first the scale is near 1 and the shift near 0.
func film(scope *model.Scope, x, condition *graph.Node) *graph.Node {
	return nn.FiLM(scope, x, graph.MulScalar(condition, math.Sqrt(float64(condition.Shape().Dim(1))))) // numbers of about 1
}

// attendBlock is a pre-norm transformer block of places x [M, h, w, D], which are told first what is looked for, with FiLM of a condition [M, E].
func attendBlock(scope *model.Scope, cfg Config, x, condition *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	x = film(scope.At("film"), x, condition)
	x = graph.Reshape(x, d[0], d[1]*d[2], d[3])
	normal := nn.LayerNorm(scope.At("norm1"), x, normEps)
	project := func(name string) *graph.Node { return nn.Linear(scope.At("%s", name), normal, d[3], true) }
	read := nn.Attend(project("query"), project("key"), project("value"), cfg.Heads, nil)
	x = graph.Add(x, nn.Linear(scope.At("out"), read, d[3], true))
	y := nn.ReLU(nn.Linear(scope.At("mlp").At("0"), nn.LayerNorm(scope.At("norm2"), x, normEps), 4*d[3], true))
	x = graph.Add(x, nn.Linear(scope.At("mlp").At("1"), y, d[3], true))
	return graph.Reshape(x, d...)
}

// convBlock is two 3x3 convolutions of places x [M, h, w, D] with a shortcut. A condition [M, E], unless it is nil, is what FiLM tells the first of them.
func convBlock(scope *model.Scope, x, condition *graph.Node) *graph.Node {
	same := nn.Conv{Padding: nn.Same()}
	y := nn.LayerNorm(scope.At("norm1"), x, normEps)
	if condition != nil {
		y = film(scope.At("film"), y, condition)
	}
	y = nn.ReLU(nn.Conv2DLayer(scope.At("conv1"), y, x.Shape().Dim(3), 3, same))
	same.Init = nn.FanIn
	return graph.Add(x, nn.Conv2DLayer(scope.At("conv2"), y, x.Shape().Dim(3), 3, same))
}
