package shardedloss

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/clip"
)

// way is how devices share a contrastive loss. loss is a scalar of unit embeddings [N, D] that lie on ranks devices, N/ranks pairs each, one after
// the other, whose gradient is what the devices' gradients come to once they are averaged, as data-parallel training does.
type way struct {
	name  string
	about string
	loss  func(image, text, logitScale *graph.Node, ranks int) *graph.Node
}

const (
	global     = "global"
	localWith  = "local, gathered with gradient"
	globalWout = "global, gathered without gradient"
	localWout  = "local, gathered without gradient"
	alone      = "not gathered"
	cached     = "gradient cache"
)

// ways are those of open_clip (gather_features in its loss.py, with the options local_loss and gather_with_grad; without local_loss and with
// gradients every device has the loss of the one device), the one device that they stand for, devices that know nothing of each
// other, and one device that takes the shards in turn.
func ways() []way {
	return []way{
		{global, "one device holds the whole batch: what the others are held against", func(image, text, scale *graph.Node, _ int) *graph.Node { return infoNCE(image, text, scale) }},
		{localWith, "each device compares its own pairs with all; gradients flow back through the gathering", func(image, text, scale *graph.Node, ranks int) *graph.Node {
			return perRank(image, text, ranks, func(own graph.SliceAxisSpec, offset int) *graph.Node {
				return clip.LocalInfoNCE(graph.Slice(image, own), graph.Slice(text, own), image, text, scale, offset)
			})
		}},
		{globalWout, "each device computes the whole loss, but only its own embeddings have a gradient", func(image, text, scale *graph.Node, ranks int) *graph.Node {
			return perRank(image, text, ranks, func(own graph.SliceAxisSpec, offset int) *graph.Node {
				return infoNCE(onlyLive(image, offset, ranks), onlyLive(text, offset, ranks), scale)
			})
		}},
		{localWout, "each device compares its own pairs with all; everything that was gathered, its own among it, is a constant, so that texts learn nothing as the candidates of pictures, and the other way round", func(image, text, scale *graph.Node, ranks int) *graph.Node {
			if ranks == 1 { // nothing is gathered
				return infoNCE(image, text, scale)
			}
			allImages, allTexts := graph.StopGradient(image), graph.StopGradient(text)
			return perRank(image, text, ranks, func(own graph.SliceAxisSpec, offset int) *graph.Node {
				return clip.LocalInfoNCE(graph.Slice(image, own), graph.Slice(text, own), allImages, allTexts, scale, offset)
			})
		}},
		{alone, "each device compares its own pairs with each other alone: fewer negatives", func(image, text, scale *graph.Node, ranks int) *graph.Node {
			return perRank(image, text, ranks, func(own graph.SliceAxisSpec, _ int) *graph.Node {
				return infoNCE(graph.Slice(image, own), graph.Slice(text, own), scale)
			})
		}},
		{cached, "one device takes the shards in turn: gradients of the embeddings first, then each shard again (Gao et al. 2021)", func(image, text, scale *graph.Node, ranks int) *graph.Node {
			frozen := func(x *graph.Node) *graph.Node { return graph.StopGradient(x) }
			held := []*graph.Node{graph.Identity(frozen(image)), graph.Identity(frozen(text)), graph.Identity(frozen(scale))}
			gradients := graph.Gradient(infoNCE(held[0], held[1], held[2]), held...)
			sum := graph.Mul(frozen(gradients[2]), scale)
			parts := perRank(image, text, ranks, func(own graph.SliceAxisSpec, _ int) *graph.Node {
				of := func(x, gradient *graph.Node) *graph.Node {
					return graph.ReduceAllSum(graph.Mul(graph.Slice(x, own), frozen(graph.Slice(gradient, own))))
				}
				return graph.Add(of(image, gradients[0]), of(text, gradients[1]))
			})
			return graph.Add(sum, graph.MulScalar(parts, float64(ranks)))
		}},
	}
}

func infoNCE(image, text, scale *graph.Node) *graph.Node {
	return clip.InfoNCE(clip.Logits(image, text, scale))
}

// perRank is the mean of the devices' losses.
func perRank(image, text *graph.Node, ranks int, loss func(own graph.SliceAxisSpec, offset int) *graph.Node) *graph.Node {
	n := image.Shape().Dim(0) / ranks
	var total *graph.Node
	for r := range ranks {
		part := loss(graph.AxisRange(r*n, (r+1)*n), r*n)
		if total == nil {
			total = part
		} else {
			total = graph.Add(total, part)
		}
	}
	return graph.DivScalar(total, float64(ranks))
}

// onlyLive are the embeddings of all devices, of which those of the one that begins at offset alone have a gradient.
func onlyLive(x *graph.Node, offset, ranks int) *graph.Node {
	N := x.Shape().Dim(0)
	n := N / ranks
	var parts []*graph.Node
	if offset > 0 {
		parts = append(parts, graph.StopGradient(graph.Slice(x, graph.AxisRange(0, offset))))
	}
	parts = append(parts, graph.Slice(x, graph.AxisRange(offset, offset+n)))
	if offset+n < N {
		parts = append(parts, graph.StopGradient(graph.Slice(x, graph.AxisRange(offset+n, N))))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return graph.Concatenate(parts, 0)
}
