package language

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Step reads one more token in each of N K texts, K of each of N that begin alike: those share prefix, every block's keys and values [N, P, W] of the P
// vectors before their first token, as [Run] returns them. x [N K, W] are the tokens' vectors, at [N K] (int32) how many tokens
// of the text were read before; own are every block's keys and values [N K, S, W] of those, with places for S. It returns what is behind the
// last layer norm [N K, W], as Run would for the whole text, and own with the token in it.
func Step(scope *model.Scope, cfg Config, x, at *Node, prefix, own []KeysValues, between Between) (h *Node, after []KeysValues) {
	rows, S, P := x.Shape().Dim(0), own[0].K.Shape().Dim(1), prefix[0].K.Shape().Dim(1)
	x.AssertDims(rows, cfg.Width)
	at.AssertDims(rows)
	if P+S > cfg.Context {
		panic(fmt.Errorf("expected at most n_positions = %d vectors, found %d before the text and places for %d tokens", cfg.Context, P, S))
	}
	place := graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, rows, S), 1)
	here := graph.ConvertDType(graph.Equal(place, graph.InsertAxes(at, -1)), dtypes.Float32)        // [rows, S]
	later := graph.ConvertDType(graph.GreaterThan(place, graph.InsertAxes(at, -1)), dtypes.Float32) // not there yet
	bias := graph.MulScalar(later, never)

	x = graph.Add(x, graph.Gather(positions(scope, cfg, x), graph.InsertAxes(graph.AddScalar(at, P), -1)))
	x = graph.InsertAxes(x, 1) // [rows, 1, W]
	for i := range cfg.Layers {
		b := cfg.block(scope, i)
		x = between.before(i, x)
		q, token := b.queries(x)
		kept := KeysValues{Put(own[i].K, token.K, here), Put(own[i].V, token.V, here)}
		x = b.finish(x, b.attendStep(q, prefix[i], kept, bias))
		after = append(after, kept)
	}
	return graph.Squeeze(nn.LayerNorm(scope.At("ln_f"), x, cfg.Eps), 1), after
}

// Put writes vectors [rows, 1, W] into the places of kept [rows, S, W] where here [rows, S] is 1.
func Put(kept, vectors, here *Node) *Node {
	here = graph.InsertAxes(here, -1)
	return graph.Add(graph.Mul(kept, graph.OneMinus(here)), graph.Mul(vectors, here))
}

// attendStep lets one query a row, [N K, 1, W], read the prefix of its text and its own tokens: [N K, 1, W]. The prefix is not copied for each row: the
// rows that share it ask it together.
func (b block) attendStep(q *Node, prefix, own KeysValues, bias *Node) *Node {
	rows, N, w := q.Shape().Dim(0), prefix.K.Shape().Dim(0), b.cfg.Width
	P, S, heads := prefix.K.Shape().Dim(1), own.K.Shape().Dim(1), b.cfg.Heads
	K := rows / N
	q = graph.MulScalar(q, 1/math.Sqrt(float64(w/heads)))

	together := b.heads(graph.Reshape(q, N, K, w))                // [N heads, K, w]
	of := nn.ProductsTransposed(together, b.heads(prefix.K))      // [N heads, K, P]
	of = graph.Transpose(graph.Reshape(of, N, heads, K, P), 1, 2) // [N, K, heads, P]
	mine := graph.Reshape(nn.ProductsTransposed(b.heads(q), b.heads(own.K)), rows, heads, S)
	mine = graph.Add(mine, graph.InsertAxes(bias, 1))
	weights := graph.Softmax(graph.Concatenate([]*Node{graph.Reshape(of, rows, heads, P), mine}, -1), -1) // [rows, heads, P+S]

	ofPrefix := graph.SliceAxis(weights, -1, graph.AxisRange(0, P))
	ofPrefix = graph.Reshape(graph.Transpose(graph.Reshape(ofPrefix, N, K, heads, P), 1, 2), N*heads, K, P)
	read := nn.Products(ofPrefix, b.heads(prefix.V)) // [N heads, K, w]
	read = graph.Reshape(graph.Transpose(graph.Reshape(read, N, heads, K, w/heads), 1, 2), rows, 1, w)

	ofOwn := graph.Reshape(graph.SliceAxis(weights, -1, graph.AxisRangeToEnd(P)), rows*heads, 1, S)
	said := nn.Products(ofOwn, b.heads(own.V)) // [rows heads, 1, w]
	return graph.Add(read, graph.Reshape(said, rows, 1, w))
}
