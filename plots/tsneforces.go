package plots

import (
	"context"
	"math"

	"github.com/glimpse-ml/glimpse/internal/parallel"
)

// forces is what the gradient of t-SNE's divergence consists of. With w_ij = 1/(1 + |y_i - y_j|²) and Z the sum of w
// over all pairs, the gradient for point i is 4 (pull_i - push_i / Z) (van der Maaten, 2014, equation 8).
type forces struct {
	pull []float64 // [n, 2]: sum over j of p_ij w_ij (y_i - y_j)
	push []float64 // [n, 2]: sum over j of w_ij² (y_i - y_j)
	z    float64
}

// objective is what differs between exact and Barnes-Hut t-SNE.
type objective interface {
	// prepare is called once for each set of points, [n, 2], before pointForces.
	prepare(points []float64)
	// ordered is the i-th point to work on, so that neighbours follow each other.
	ordered(i int) int
	// pointForces returns the pull and push of point i, and its part of Z.
	pointForces(points []float64, i int) (pull, push [2]float64, z float64)
	// attraction is the sum over pairs of p_ij ln(1 + |y_i - y_j|²).
	attraction(points []float64) float64
	// entropy is the sum over pairs of p_ij ln p_ij.
	entropy() float64
}

// chunk is how many points one piece of work takes. Sums are joined chunk by chunk, whatever the number of cores.
const chunk = 64

// compute fills f for these points.
func (f *forces) compute(o objective, points []float64) {
	n := len(points) / 2
	o.prepare(points)
	sums, _ := parallel.Map(context.Background(), (n+chunk-1)/chunk, func(b int) (float64, error) {
		sum := 0.0
		for k := b * chunk; k < min((b+1)*chunk, n); k++ {
			i := o.ordered(k)
			pull, push, z := o.pointForces(points, i)
			copy(f.pull[2*i:], pull[:])
			copy(f.push[2*i:], push[:])
			sum += z
		}
		return sum, nil
	})
	f.z = 0
	for _, s := range sums {
		f.z += s
	}
}

// divergence is KL(P||Q) in nats, for the points that f was computed for.
func (f *forces) divergence(o objective, points []float64) float64 {
	return o.entropy() + o.attraction(points) + math.Log(f.z)
}

// nearObjective pulls along the pairs of a sparse P and pushes through a quadtree.
type nearObjective struct {
	p     *sparse
	theta float64
	tree  quadtree
}

func (o *nearObjective) prepare(points []float64) { o.tree.build(points, o.theta) }

func (o *nearObjective) ordered(i int) int { return int(o.tree.order[i]) }

func (o *nearObjective) pointForces(points []float64, i int) (pull, push [2]float64, z float64) {
	x, y := points[2*i], points[2*i+1]
	columns, values := o.p.row(i)
	for k, j := range columns {
		dx, dy := x-points[2*j], y-points[2*j+1]
		v := values[k] / (1 + dx*dx + dy*dy)
		pull[0] += v * dx
		pull[1] += v * dy
	}
	push[0], push[1], z = o.tree.repel(x, y)
	return pull, push, z
}

func (o *nearObjective) attraction(points []float64) (sum float64) {
	for i := range len(points) / 2 {
		columns, values := o.p.row(i)
		for k, j := range columns {
			sum += values[k] * math.Log1p(squaredGap(points, i, j))
		}
	}
	return sum
}

func (o *nearObjective) entropy() float64 { return negativeEntropy(o.p.values) }

// exactObjective goes over all pairs.
type exactObjective struct{ p []float64 } // [n, n]

func (o *exactObjective) prepare([]float64) {}

func (o *exactObjective) ordered(i int) int { return i }

func (o *exactObjective) pointForces(points []float64, i int) (pull, push [2]float64, z float64) {
	n := len(points) / 2
	x, y := points[2*i], points[2*i+1]
	for j, p := range o.p[i*n : (i+1)*n] {
		dx, dy := x-points[2*j], y-points[2*j+1]
		w := 1 / (1 + dx*dx + dy*dy)
		pull[0] += p * w * dx
		pull[1] += p * w * dy
		push[0] += w * w * dx
		push[1] += w * w * dy
		z += w
	}
	return pull, push, z - 1 // The point has met itself.
}

func (o *exactObjective) attraction(points []float64) (sum float64) {
	n := len(points) / 2
	for i := range n {
		for j := range i {
			sum += 2 * o.p[i*n+j] * math.Log1p(squaredGap(points, i, j))
		}
	}
	return sum
}

func (o *exactObjective) entropy() float64 { return negativeEntropy(o.p) }

func squaredGap(points []float64, i, j int) float64 {
	dx, dy := points[2*i]-points[2*j], points[2*i+1]-points[2*j+1]
	return dx*dx + dy*dy
}
