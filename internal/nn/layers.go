package nn

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Conv2DLayer is [Conv2D] of pictures x [N, H, W, C] with a square kernel of its own and, unless cfg.NoBias, a bias.
// Variables in scope, as in PyTorch: weight [out, C, kernel, kernel] (cfg.Init, or else [HeNormal]) and bias [out] (0).
func Conv2DLayer(scope *model.Scope, x *graph.Node, out, kernel int, cfg Conv) *graph.Node {
	init := cfg.Init
	if init == nil {
		init = HeNormal
	}
	cfg.Frozen = cfg.Frozen || model.GetRootParamOr(scope.Store(), FrozenParam, false)
	y := Conv2D(x, Param(scope, x, "weight", init, out, x.Shape().Dim(-1), kernel, kernel), cfg)
	if !cfg.NoBias {
		y = graph.Add(y, channelwise(Param(scope, x, "bias", Zeros, out), y))
	}
	return y
}

// Linear is a fully connected layer: x [..., in] to [..., out]. Variables in scope, as in PyTorch: weight [out, in] and,
// when asked for, bias [out]. The weight starts from [FanIn]'s uniform distribution, the bias at 0.
func Linear(scope *model.Scope, x *graph.Node, out int, bias bool) *graph.Node {
	weight := Param(scope, x, "weight", FanIn, out, x.Shape().Dim(-1))
	if !bias {
		return Affine(x, weight, nil)
	}
	return Affine(x, weight, Param(scope, x, "bias", Zeros, out))
}

// Affine is x [..., in] * transposed(weight [out, in]) + bias [out], which may be nil: [..., out].
func Affine(x, weight, bias *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	in := x.Shape().Dim(-1)
	if weight.Rank() != 2 || weight.Shape().Dimensions[1] != in {
		panic(fmt.Errorf("Affine: expected a weight [out, in] for inputs %s, found %s", x.Shape(), weight.Shape()))
	}
	out := weight.Shape().Dimensions[0]
	y := linear(graph.Reshape(x, x.Shape().Size()/in, in), weight)
	if bias != nil { // while it is a matrix: ONNX Runtime makes one operation of product and bias then
		y = graph.Add(y, channelwise(bias, y))
	}
	return graph.Reshape(y, append(append([]int(nil), d[:len(d)-1]...), out)...)
}

// Embedding looks up rows of a table: ids [...] (whole numbers below vocab) to [..., dim]. Variable in scope, as in PyTorch:
// weight [vocab, dim], starting from init.
func Embedding(scope *model.Scope, ids *graph.Node, vocab, dim int, init Init) *graph.Node {
	return Lookup(Param(scope, ids, "weight", init, vocab, dim), ids)
}

// Lookup is [Embedding] with the table [vocab, dim] handed in.
//
// On ONNX Runtime the table's gradient is made of products. The scatter that plain differentiation builds there loses
// contributions when an id occurs twice, its threads overwriting each other (ScatterND with reduction "add" of onnxruntime 1.30;
// docs/upstream.md).
func Lookup(table, ids *graph.Node) *graph.Node {
	at := graph.InsertAxes(ids, -1)
	if familyOf(table) != familyONNX {
		return graph.Gather(table, at)
	}
	var gradient *graph.Node // of what is looked up, by the time the table's is asked for
	known := graph.IdentityWithCustomGradient(table, func(table, _ *graph.Node) *graph.Node {
		vocab, dim, n := table.Shape().Dimensions[0], table.Shape().Dimensions[1], ids.Shape().Size()
		flat, rows := graph.Reshape(ids, n), graph.Reshape(gradient, n, dim)
		if n < vocab {
			return gathered(flat, rows, vocab)
		}
		every := graph.Iota(table.Graph(), shapes.Make(ids.DType(), vocab), 0)
		return graph.MatMul(equal(every, flat, table.DType()), rows)
	})
	return graph.IdentityWithCustomGradient(graph.Gather(known, at), func(_, g *graph.Node) *graph.Node {
		gradient = g
		return g
	})
}

// equal is the matrix [n, m] that has 1 where a [n] and b [m] are the same, else 0.
func equal(a, b *graph.Node, dtype dtypes.DType) *graph.Node {
	n, m := a.Shape().Size(), b.Shape().Size()
	return graph.ConvertDType(graph.Equal(graph.Reshape(a, n, 1), graph.Reshape(b, 1, m)), dtype)
}

// gathered sums rows [n, dim] with the same id, ids [n], into the row of that id: [vocab, dim]. Every row is first replaced by
// the sum of all rows with its id, a product of n x n; then each id takes the row of one place where it occurs. Where in the
// text that is does not matter, so threads that overwrite each other do no harm.
func gathered(ids, rows *graph.Node, vocab int) *graph.Node {
	g, n := rows.Graph(), ids.Shape().Size()
	sums := graph.MatMul(equal(ids, ids, rows.DType()), rows)
	none := graph.Zeros(g, shapes.Make(rows.DType(), 1, rows.Shape().Dim(1)))
	from1 := graph.AddScalar(graph.Iota(g, shapes.Make(dtypes.Int32, n), 0), 1)
	place := graph.ScatterMax(graph.Zeros(g, shapes.Make(dtypes.Int32, vocab)), graph.InsertAxes(ids, -1), from1, false, false)
	return graph.Gather(graph.Concatenate([]*graph.Node{none, sums}, 0), graph.InsertAxes(place, -1))
}

// Dropout sets each value to 0 with probability rate in training, and scales the others by 1/(1-rate) (Srivastava et al.
// 2014). The random numbers come from the store's generator, whose stream differs between backends.
func Dropout(scope *model.Scope, x *graph.Node, rate float64, training bool) *graph.Node {
	if rate < 0 || rate >= 1 {
		panic(fmt.Errorf("Dropout: expected a rate of at least 0 and below 1, found %g", rate))
	}
	return DropoutOver(scope, x, rate, training, x.Shape().Dimensions...)
}

// DropoutOver is [Dropout] that draws once for each number of a shape that x's is broadcast from: with axes of 1, what is left out is left out all along
// them ("Efficient Object Localization Using Convolutional Networks", Tompson et al. 2015, section 3.2, for the places of a picture).
func DropoutOver(scope *model.Scope, x *graph.Node, rate float64, training bool, drawn ...int) *graph.Node {
	if !training || rate == 0 {
		return x
	}
	g := x.Graph()
	random := scope.RandomUniform(g, shapes.Make(dtypes.Float32, drawn...))
	keep := graph.ConvertDType(graph.GreaterOrEqual(random, graph.Scalar(g, dtypes.Float32, rate)), x.DType())
	return graph.Mul(x, graph.MulScalar(graph.StopGradient(keep), 1/(1-rate)))
}
