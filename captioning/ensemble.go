package captioning

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Ensemble is several decoders that write one caption together: of every word the probability is the mean of theirs
// ("Show and Tell: Lessons learned from the 2015 MSCOCO Image Captioning Challenge", Vinyals et al. 2016, arXiv 1609.06647,
// on ensembling). They share the vocabulary. For the rest each may be another: trained from another seed, with attention or without, on
// the features of another network. A picture's features are those that member after member sees, side by side. Where all members look at as many places,
// the ensemble looks where they look on the mean. The weights are where [MemberScope] says.
type Ensemble []Decoder

// MemberScope is where the weights of an ensemble's member are, in the ensemble's scope: there is room beside them for those of its picture network.
func MemberScope(scope *model.Scope, member int) *model.Scope {
	return scope.At("%d", member).At("decoder")
}

// Validate returns an error that names the first member that does not fit the others.
func (e Ensemble) Validate() error {
	if len(e) == 0 {
		return fmt.Errorf("expected an ensemble of at least one decoder, found none")
	}
	for i, member := range e {
		if err := member.Validate(); err != nil {
			return fmt.Errorf("member %d of the ensemble: %w", i+1, err)
		}
		if found, want := member.sizes().vocab, e[0].sizes().vocab; found != want {
			return fmt.Errorf("member %d of the ensemble: expected a vocabulary of %d words, as the first has, found %d", i+1, want, found)
		}
	}
	return nil
}

// sizes are the members' side by side. A caption is no longer than what every member allows.
func (e Ensemble) sizes() sizes {
	all := e[0].sizes()
	all.seen, all.hidden = nil, 0
	numbers := 0
	for _, member := range e {
		s := member.sizes()
		numbers += s.numbers()
		all.seen = append(all.seen, s.seen...)
		all.hidden += s.hidden
		all.maxLen = min(all.maxLen, s.maxLen)
		if s.locations != all.locations {
			all.locations = 0
		}
	}
	all.features = []int{numbers}
	return all
}

// meet lets every member meet the pictures: what each keeps of them, and the states h and c, side by side.
func (e Ensemble) meet(scope *model.Scope, features *Node) (seen []*Node, h, c *Node) {
	var hs, cs []*Node
	from := 0 // in the features
	for i, member := range e {
		s := member.sizes()
		own := graph.SliceAxis(features, 1, graph.AxisRange(from, from+s.numbers()))
		kept, h, c := member.meet(MemberScope(scope, i), graph.Reshape(own, append([]int{features.Shape().Dim(0)}, s.features...)...))
		seen, hs, cs, from = append(seen, kept...), append(hs, h), append(cs, c), from+s.numbers()
	}
	return seen, graph.Concatenate(hs, 1), graph.Concatenate(cs, 1)
}

// next lets every member read the words. The scores are the logarithm of the mean of their probabilities.
func (e Ensemble) next(scope *model.Scope, seen []*Node, h, c, words *Node) (logits, alpha, nextH, nextC *Node) {
	var hs, cs, all, alphas []*Node
	from := 0 // in h and c
	for i, member := range e {
		s := member.sizes()
		own := graph.AxisRange(from, from+s.hidden)
		logits, alpha, h, c := member.next(MemberScope(scope, i), seen[:len(s.seen)], graph.SliceAxis(h, 1, own), graph.SliceAxis(c, 1, own), words)
		seen, from = seen[len(s.seen):], from+s.hidden
		hs, cs, all, alphas = append(hs, h), append(cs, c), append(all, logits), append(alphas, alpha)
	}
	if e.sizes().locations > 0 {
		alpha = meanOf(alphas)
	}
	return MeanProbability(all...), alpha, graph.Concatenate(hs, 1), graph.Concatenate(cs, 1)
}

// MeanProbability is the logarithm of the mean of several decoders' probabilities, given their scores [..., V] of the words.
func MeanProbability(logits ...*Node) *Node {
	var logPs []*Node
	for _, l := range logits {
		logPs = append(logPs, graph.InsertAxes(graph.LogSoftmax(l, -1), 0))
	}
	all := graph.Concatenate(logPs, 0)
	largest := graph.ReduceMax(all, 0)
	sum := graph.ReduceSum(graph.Exp(graph.Sub(all, graph.InsertAxes(largest, 0))), 0)
	return graph.AddScalar(graph.Add(largest, graph.Log(sum)), -math.Log(float64(len(logits))))
}

func meanOf(nodes []*Node) *Node {
	sum := nodes[0]
	for _, n := range nodes[1:] {
		sum = graph.Add(sum, n)
	}
	return graph.DivScalar(sum, float64(len(nodes)))
}
