package nn

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// LayerNorm normalises x [..., C] over its last axis and scales it: y = (x - mean)/sqrt(var + eps) * weight + bias
// (Ba et al. 2016). Variables weight [C] (starts at 1) and bias [C] (starts at 0) in scope.
func LayerNorm(scope *model.Scope, x *graph.Node, eps float64) *graph.Node {
	c := x.Shape().Dim(-1)
	weight, bias := Param(scope, x, "weight", Ones, c), Param(scope, x, "bias", Zeros, c)
	return Normalize(x, weight, bias, eps)
}

// Normalize is [LayerNorm] with weight and bias [C] handed in.
func Normalize(x, weight, bias *graph.Node, eps float64) *graph.Node {
	plain := func() *graph.Node {
		normal, _ := standardized(x, eps, -1)
		return scaled(normal, weight, bias)
	}
	y, ok := withGradient(x.Shape(), []*graph.Node{x, weight, bias},
		func() *graph.Node {
			y, _ := graph.InternalFusedOpCaller(
				func() *graph.Node { return graph.BackendFusedLayerNorm(x, []int{-1}, eps, weight, bias) }, plain, false)
			return y
		},
		func(v *graph.Node) []*graph.Node {
			normal, scale := standardized(x, eps, -1)
			leading := axesBut(x, -1)
			return []*graph.Node{
				standardizedGradient(graph.Mul(v, channelwise(weight, x)), normal, scale, -1),
				graph.ReduceSum(graph.Mul(v, normal), leading...),
				graph.ReduceSum(v, leading...),
			}
		})
	if !ok {
		return plain()
	}
	return y
}

// GroupNorm normalises pictures x [N, H, W, C] (or [N, ..., C]) over all positions and the channels of each of the groups
// (Wu and He 2018), and scales each channel. Variables weight [C] and bias [C] in scope.
func GroupNorm(scope *model.Scope, x *graph.Node, groups int, eps float64) *graph.Node {
	d := x.Shape().Dimensions
	c := x.Shape().Dim(-1)
	if groups < 1 || c%groups != 0 || x.Rank() < 2 {
		panic(fmt.Errorf("GroupNorm: expected [N, ..., channels] with channels divisible by %d groups, found %s", groups, x.Shape()))
	}
	weight, bias := Param(scope, x, "weight", Ones, c), Param(scope, x, "bias", Zeros, c)
	y := groupNormalized(graph.Reshape(x, d[0], x.Shape().Size()/d[0]/c, c), weight, bias, groups, eps)
	return graph.Reshape(y, d...)
}

// groupNormalized is (x - mean)/sqrt(var + eps) * weight + bias for x [N, P, C], mean and variance being those of all P places
// and the channels of a group.
//
// What a group has in common is written out for each of its channels: a vector of C numbers goes over the rows at several times
// the speed of one number for each few channels. With gradients of our own, all sums over places are per channel, and the
// groups are left to small tensors.
func groupNormalized(x, weight, bias *graph.Node, groups int, eps float64) *graph.Node {
	d := x.Shape().Dimensions
	N, P, C := d[0], d[1], d[2]
	row := func(v *graph.Node) *graph.Node { return graph.Reshape(v, v.Shape().Size()/C, 1, C) } // of [N, C] or [C]
	// mean takes sums over places [N, C] to the mean over places and the group's channels, for each channel: [N, 1, C].
	mean := func(sums *graph.Node) *graph.Node {
		m := graph.ReduceAndKeep(graph.Reshape(sums, N, groups, C/groups), graph.ReduceMean, 2)
		return row(graph.BroadcastToDims(graph.DivScalar(m, float64(P)), N, groups, C/groups))
	}
	centred := graph.Sub(x, mean(graph.ReduceSum(x, 1)))
	variance := mean(graph.ReduceSum(graph.Square(centred), 1))
	scale := graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, eps)))
	gain := graph.Mul(scale, row(weight)) // [N, 1, C]
	value := func() *graph.Node { return graph.Add(graph.Mul(centred, gain), row(bias)) }
	y, ok := withGradient(x.Shape(), []*graph.Node{x, weight, bias}, value, func(v *graph.Node) []*graph.Node {
		sum, along := row(graph.ReduceSum(v, 1)), row(graph.ReduceSum(graph.Mul(v, centred), 1)) // [N, 1, C]
		// gain * v - scale * (mean of weight*v + normal * mean of weight*v*normal), normal being centred * scale.
		offset := graph.Mul(scale, mean(graph.Reshape(graph.Mul(sum, row(weight)), N, C)))
		slope := graph.Mul(graph.Square(scale), mean(graph.Reshape(graph.Mul(along, gain), N, C)))
		dx := graph.Sub(graph.Sub(graph.Mul(v, gain), graph.Mul(centred, slope)), offset)
		return []*graph.Node{dx, graph.Reshape(graph.ReduceSum(graph.Mul(along, scale), 0, 1), C), graph.ReduceSum(sum, 0, 1)}
	})
	if !ok {
		return value()
	}
	return y
}

// BatchNorm normalises x [..., C] over all axes but the last (Ioffe and Szegedy 2015) and scales it. Variables
// in scope, as in PyTorch: weight (1), bias (0), running_mean (0), running_var (1), all [C].
//
// In training it uses the batch's mean and (biased) variance, through which gradients flow, and moves the running
// statistics: running = (1-momentum)*running + momentum*batch, with the unbiased variance n/(n-1). Otherwise it uses
// the running statistics, which is one multiplication and one addition per channel. So it does in training where the
// weight is not trainable: a locked layer stays the function that it was.
func BatchNorm(scope *model.Scope, x *graph.Node, eps, momentum float64, training bool) *graph.Node {
	c := x.Shape().Dim(-1)
	gainVar := Variable(scope, "weight", Ones, c)
	weight, bias := gainVar.NodeValue(x), Param(scope, x, "bias", Zeros, c)
	runningMean := Variable(scope, "running_mean", Zeros, c).SetTrainable(false)
	runningVar := Variable(scope, "running_var", Ones, c).SetTrainable(false)
	if !training || !gainVar.Trainable {
		gain := graph.Div(weight, graph.Sqrt(graph.AddScalar(runningVar.NodeValue(x), eps)))
		return scaled(x, gain, graph.Sub(bias, graph.Mul(runningMean.NodeValue(x), gain)))
	}
	n := x.Shape().Size() / c
	if n < 2 {
		panic(fmt.Errorf("BatchNorm: expected more than one value per channel in training, found %s; use a larger batch", x.Shape()))
	}
	rows := graph.Reshape(x, n, c)
	y, mean, variance := batchNormalized(rows, weight, bias, eps)
	move := func(running *model.Variable, batch *graph.Node) {
		old := running.NodeValue(x)
		running.SetNodeValue(graph.Add(old, graph.MulScalar(graph.Sub(graph.StopGradient(batch), old), momentum)))
	}
	move(runningMean, mean)
	move(runningVar, graph.MulScalar(variance, float64(n)/float64(n-1)))
	return graph.Reshape(y, x.Shape().Dimensions...)
}

// batchNormalized is (x - mean)/sqrt(var + eps) * weight + bias for rows x [n, C], mean and variance [C] being those of the
// columns. Spreading a vector over all rows is what the pure Go backend does slowest, so values and gradients are
// written with as few of these as possible.
func batchNormalized(x, weight, bias *graph.Node, eps float64) (y, mean, variance *graph.Node) {
	d := x.Shape().Dimensions
	row := func(v *graph.Node) *graph.Node { return graph.Reshape(v, 1, d[1]) }
	mean = graph.ReduceMean(x, 0)
	centred := graph.Sub(x, row(mean))
	variance = graph.ReduceMean(graph.Square(centred), 0)
	scale := graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, eps)))
	gain := graph.Mul(weight, scale)
	value := func() *graph.Node { return graph.Add(graph.Mul(centred, row(gain)), row(bias)) }
	y, ok := withGradient(x.Shape(), []*graph.Node{x, weight, bias}, value, func(v *graph.Node) []*graph.Node {
		biasGradient := graph.ReduceSum(v, 0)
		weightGradient := graph.Mul(graph.ReduceSum(graph.Mul(v, centred), 0), scale)
		// gain * (v - mean of v - normal * mean of v*normal), normal being centred * scale.
		along := graph.Mul(graph.Mul(gain, scale), graph.DivScalar(weightGradient, float64(d[0])))
		offset := graph.Mul(gain, graph.DivScalar(biasGradient, float64(d[0])))
		dx := graph.Sub(graph.Sub(graph.Mul(v, row(gain)), graph.Mul(centred, row(along))), row(offset))
		return []*graph.Node{dx, weightGradient, biasGradient}
	})
	if !ok {
		y = value()
	}
	return y, mean, variance
}

// standardized returns (x - mean)*scale and scale = 1/sqrt(var + eps), mean and variance being over axes.
func standardized(x *graph.Node, eps float64, axes ...int) (normal, scale *graph.Node) {
	centred := graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, axes...))
	variance := graph.ReduceAndKeep(graph.Square(centred), graph.ReduceMean, axes...)
	scale = graph.Reciprocal(graph.Sqrt(graph.AddScalar(variance, eps)))
	return graph.Mul(centred, scale), scale
}

// standardizedGradient is the gradient of [standardized] with respect to x:
// scale * (v - mean(v) - normal * mean(v * normal)).
func standardizedGradient(v, normal, scale *graph.Node, axes ...int) *graph.Node {
	mean := func(a *graph.Node) *graph.Node { return graph.ReduceAndKeep(a, graph.ReduceMean, axes...) }
	along := graph.Mul(normal, mean(graph.Mul(v, normal)))
	return graph.Mul(graph.Sub(graph.Sub(v, mean(v)), along), scale)
}

// scaled is x * weight + bias, channel by channel.
func scaled(x, weight, bias *graph.Node) *graph.Node {
	return graph.Add(graph.Mul(x, channelwise(weight, x)), channelwise(bias, x))
}

// channelwise gives a vector [C] as many leading axes as x [..., C] has.
func channelwise(vector, x *graph.Node) *graph.Node { return graph.ExpandLeftToRank(vector, x.Rank()) }

// axesBut lists the axes of x without one of them.
func axesBut(x *graph.Node, axis int) []int {
	axes := make([]int, 0, x.Rank())
	for i := range x.Rank() {
		if i != (axis+x.Rank())%x.Rank() {
			axes = append(axes, i)
		}
	}
	return axes
}
