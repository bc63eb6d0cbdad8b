package devise

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Model is what decides the sizes and the loss.
type Model struct {
	Dim    int     `json:"dim"`    // D, of word vectors
	Margin float64 `json:"margin"` // 0.1 in the paper
}

// Map takes pictures [N, H, W, 3], red, green and blue in -1..1, into the space of words: M v [N, D]. v is the mean colour, and M [D, 3] starts at 0.
func (m Model) Map(scope *model.Scope, pictures *graph.Node) *graph.Node {
	weight := nn.Param(scope.At("M"), pictures, "weight", nn.Zeros, m.Dim, 3)
	return nn.Affine(nn.GlobalMean(pictures), weight, nil)
}

// Similarities are t_j M v for every picture of mapped [N, D] and every label of vectors [K, D]: [N, K].
func Similarities(mapped, vectors *graph.Node) *graph.Node {
	return graph.MatMul(mapped, graph.Transpose(vectors, 0, 1))
}

// Loss is the hinge rank loss (equation 1), the mean over N pictures, a scalar: similarities [N, K], labels [N] in 0..K-1.
func (m Model) Loss(similarities, labels *graph.Node) *graph.Node {
	classes := similarities.Shape().Dimensions[1]
	own := graph.OneHot(labels, classes, similarities.DType())                            // [N, K]
	right := graph.ReduceAndKeep(graph.Mul(similarities, own), graph.ReduceSum, -1)       // [N, 1]
	hinge := nn.ReLU(graph.AddScalar(graph.Sub(similarities, right), m.Margin))           // [N, K]
	return graph.ReduceAllMean(graph.ReduceSum(graph.Mul(hinge, graph.OneMinus(own)), 1)) // the own label does not count
}

// Vectors are unit vectors [K][D] of labels, each the sum of the vectors of its words: labels that share a word are near each other.
func Vectors(labels []string, dim int, seed int64) [][]float32 {
	words := map[string][]float64{}
	rng := rand.New(rand.NewPCG(uint64(seed), 2013))
	all := make([][]float32, len(labels))
	for k, label := range labels {
		sum := make([]float64, dim)
		for _, word := range strings.Fields(label) {
			if words[word] == nil {
				for range dim {
					words[word] = append(words[word], rng.NormFloat64())
				}
			}
			for i, v := range words[word] {
				sum[i] += v
			}
		}
		norm := 0.0
		for _, v := range sum {
			norm += v * v
		}
		for _, v := range sum {
			all[k] = append(all[k], float32(v/math.Sqrt(norm)))
		}
	}
	return all
}
