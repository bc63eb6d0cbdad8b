package plots

import (
	"context"
	"math"
	"math/rand/v2"
)

// umapDrawing moves the points of a UMAP map.
type umapDrawing struct {
	points []float64 // [n, 2]
	a, b   float64
	cfg    UMAPConfig
	rng    *rand.PCG
}

// umapEdge is one direction of an edge of the graph.
type umapEdge struct {
	head, tail  int32
	every, next float64 // it is drawn each so many epochs, next in this one
	debt, repay float64 // negatives are drawn each so many epochs, up to this one
}

// draw goes over the graph's edges, the stronger the more often, in epochs of falling learning rate (algorithm 5).
func (u *umapDrawing) draw(ctx context.Context, graph *sparse) error {
	edges := umapEdges(graph, u.cfg.Epochs, u.cfg.Negatives)
	for epoch := range u.cfg.Epochs {
		if err := ctx.Err(); err != nil {
			return err
		}
		rate := u.cfg.LearningRate * (1 - float64(epoch)/float64(u.cfg.Epochs))
		for i := range edges {
			e := &edges[i]
			if e.next > float64(epoch) {
				continue
			}
			e.next += e.every
			u.attract(int(e.head), int(e.tail), rate)
			for range int((float64(epoch) - e.repay) / e.debt) {
				e.repay += e.debt
				u.repel(int(e.head), u.anyPoint(), rate)
			}
		}
		if done := epoch + 1; u.cfg.Progress != nil && (done%max(1, u.cfg.Epochs/10) == 0 || done == u.cfg.Epochs) {
			u.cfg.Progress(done, u.cfg.Epochs)
		}
	}
	return nil
}

// umapEdges leaves out edges too weak to be drawn once.
func umapEdges(graph *sparse, epochs, negatives int) []umapEdge {
	strongest := 0.0
	for _, v := range graph.values {
		strongest = max(strongest, v)
	}
	var edges []umapEdge
	for i := range len(graph.start) - 1 {
		columns, values := graph.row(i)
		for k, j := range columns {
			if values[k]*float64(epochs) < strongest {
				continue
			}
			every := strongest / values[k]
			debt := every / float64(negatives)
			edges = append(edges, umapEdge{int32(i), int32(j), every, every, debt, debt})
		}
	}
	return edges
}

// anyPoint draws the index of a point; its bias, rows/2^32, does not matter here.
func (u *umapDrawing) anyPoint() int {
	return int((u.rng.Uint64() >> 32) * uint64(len(u.points)/2) >> 32)
}

// attract moves both ends of an edge along the gradient of ln(1/(1 + a d^(2b))).
func (u *umapDrawing) attract(i, j int, rate float64) {
	squared := squaredGap(u.points, i, j)
	if squared == 0 {
		return
	}
	factor := attraction(squared, u.a, u.b)
	for axis := range 2 {
		step := rate * clip4(factor*(u.points[2*i+axis]-u.points[2*j+axis]))
		u.points[2*i+axis] += step
		u.points[2*j+axis] -= step
	}
}

// repel moves point i along the gradient of ln(1 - 1/(1 + a d^(2b))) away from point j, which stays.
func (u *umapDrawing) repel(i, j int, rate float64) {
	squared := squaredGap(u.points, i, j)
	if squared == 0 {
		return
	}
	factor := repulsion(squared, u.a, u.b)
	for axis := range 2 {
		u.points[2*i+axis] += rate * clip4(factor*(u.points[2*i+axis]-u.points[2*j+axis]))
	}
}

// attraction times y_i - y_j is the gradient, by y_i, of ln w with w = 1/(1 + a d^(2b)).
func attraction(squared, a, b float64) float64 {
	power := rounded(math.Exp(b * math.Log(squared)))
	return -2 * a * b * power / squared / (1 + a*power)
}

// repulsion times y_i - y_j is the gradient, by y_i, of ln(1 - w), but for 0.001 that bounds it.
func repulsion(squared, a, b float64) float64 {
	power := rounded(math.Exp(b * math.Log(squared)))
	return 2 * b / ((0.001 + squared) * (1 + a*power))
}

// clip4 bounds a step as the paper's implementation does.
func clip4(v float64) float64 { return max(-4, min(4, v)) }
