package clip

import (
	"github.com/gomlx/gomlx/core/graph"
)

// InBatch says how the N pairs of a batch lie to each other. All are scalars, and none belongs to a loss.
type InBatch struct {
	ImageToText, TextToImage *graph.Node // accuracy: share of pictures whose closest text is their own, and the other way round, 0..1
	Pairs, NonPairs          *graph.Node // mean cosine of a picture and its own text, of a picture and another's, -1..1
	Gap                      *graph.Node // modality gap (Liang et al. 2022, arXiv 2203.02053): distance of the centroids, 0..2
}

// tie is a difference of cosines that is no difference: equal texts get embeddings that are equal but for rounding.
const tie = 1e-5

// CompareInBatch measures unit embeddings [N, D] of pictures and texts, row i of both being a pair. Where k texts are equally
// close to a picture and its own is among them, it is found with a share of 1/k: a model whose embeddings are all the same
// has an accuracy of 1/N.
func CompareInBatch(image, text *graph.Node) InBatch {
	n := image.Shape().Dim(0)
	text.AssertDims(image.Shape().Dimensions...)
	g := image.Graph()
	cosines := graph.DotGeneral(image, []int{1}, nil, text, []int{1}, nil)
	own := graph.Where(graph.Diagonal(g, n), cosines, graph.ZerosLike(cosines))
	pairs, all := graph.ReduceAllSum(own), graph.ReduceAllSum(cosines)
	centroids := graph.Sub(graph.ReduceMean(image, 0), graph.ReduceMean(text, 0))
	return InBatch{
		ImageToText: foundShare(cosines, own, 1), TextToImage: foundShare(cosines, own, 0),
		Pairs:    graph.DivScalar(pairs, float64(n)),
		NonPairs: graph.DivScalar(graph.Sub(all, pairs), float64(max(n*(n-1), 1))),
		Gap:      graph.Sqrt(graph.ReduceAllSum(graph.Square(centroids))),
	}
}

// foundShare is the accuracy along an axis of cosines [N, N]. own holds the diagonal, and zeros beside it.
func foundShare(cosines, own *graph.Node, axis int) *graph.Node {
	least := graph.AddScalar(graph.ReduceAndKeep(cosines, graph.ReduceMax, axis), -tie) // of the closest
	ones, zeros := graph.OnesLike(cosines), graph.ZerosLike(cosines)
	closest := graph.ReduceSum(graph.Where(graph.GreaterOrEqual(cosines, graph.BroadcastToShape(least, cosines.Shape())), ones, zeros), axis)
	diagonal := graph.ReduceSum(own, axis)
	found := graph.Where(graph.GreaterOrEqual(diagonal, graph.Squeeze(least, axis)), graph.OnesLike(diagonal), graph.ZerosLike(diagonal))
	return graph.ReduceAllMean(graph.Div(found, closest))
}
