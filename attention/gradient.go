package attention

import (
	"fmt"
	"math"
)

// Picture is one picture and one step of a decoder in plain numbers, for [Walk]. The axes are those of [Attend], without N.
type Picture struct {
	A [][]float64 // [L][D] the feature vectors a_i
	H []float64   // [H] the decoder's state h

	W_a [][]float64 // [A][D]
	W_h [][]float64 // [A][H]
	B   []float64   // [A]
	V   []float64   // [A]
}

// Forward is what [Attend] computes for one picture, with what is needed for the way back.
type Forward struct {
	U     [][]float64 // [L][A] u_i = tanh(W_a a_i + W_h h + b)
	E     []float64   // [L] e_i = v . u_i
	Alpha []float64   // [L] alpha = softmax(e)
	Z     []float64   // [D] z = sum_i alpha_i a_i, which the lesson calls c_t
}

// Backward is the gradient of a loss with respect to everything on the way, in the order in which [Walk] finds it.
// Each field has the shape of what it is the gradient of.
type Backward struct {
	Z     []float64   // [D] where the walk begins: what the rest of the model wants of the context
	Alpha []float64   // [L]
	E     []float64   // [L]
	V     []float64   // [A]
	S     [][]float64 // [L][A] of s_i = W_a a_i + W_h h + b, the inside of the tanh
	W_a   [][]float64 // [A][D]
	W_h   [][]float64 // [A][H]
	B     []float64   // [A]
	A     [][]float64 // [L][D]
	H     []float64   // [H]
}

// Walk goes through attention on one picture forward, and then back from dL/dz to the weights, by hand: no graph, no
// automatic differentiation, loops over float64. It is there to be read beside [Attend]'s gradients, which it equals.
// dz [D] is dL/dz; dalpha [L] is what a term of the loss wants of alpha itself, as the doubly stochastic one does, or
// nil.
//
// It returns an error that names the first of the arguments that is missing or does not fit the others.
func Walk(p Picture, dz, dalpha []float64) (Forward, Backward, error) {
	if err := p.check(dz, dalpha); err != nil {
		return Forward{}, Backward{}, err
	}
	f := p.forward()
	return f, p.backward(f, dz, dalpha), nil
}

func (p Picture) forward() Forward {
	f := Forward{Z: make([]float64, len(p.A[0]))}
	for _, a := range p.A {
		u := make([]float64, len(p.V))
		for k := range u {
			u[k] = math.Tanh(dot(p.W_a[k], a) + dot(p.W_h[k], p.H) + p.B[k])
		}
		f.U = append(f.U, u)
		f.E = append(f.E, dot(p.V, u))
	}
	f.Alpha = softmax(f.E)
	for i, a := range p.A {
		addScaled(f.Z, f.Alpha[i], a)
	}
	return f
}

// backward undoes the lines of forward, the last first.
func (p Picture) backward(f Forward, dz, dalpha []float64) Backward {
	L, A, D, H := len(p.A), len(p.V), len(dz), len(p.H)
	g := Backward{
		Z: dz, Alpha: make([]float64, L), E: make([]float64, L), V: make([]float64, A), S: matrix(L, A),
		W_a: matrix(A, D), W_h: matrix(A, H), B: make([]float64, A), A: matrix(L, D), H: make([]float64, H),
	}

	// z = sum_i alpha_i a_i: a weight matters as much as its place points where the loss wants z to go.
	//
	//	dL/dalpha_i = dL/dz . a_i        dL/da_i = alpha_i dL/dz (the first of its two parts)
	for i, a := range p.A {
		g.Alpha[i] = dot(dz, a)
		if dalpha != nil {
			g.Alpha[i] += dalpha[i]
		}
		addScaled(g.A[i], f.Alpha[i], dz)
	}

	// alpha = softmax(e): dalpha_j/de_i = alpha_j ([i = j] - alpha_i), which sums up to
	//
	//	dL/de_i = alpha_i (dL/dalpha_i - sum_j alpha_j dL/dalpha_j)
	//
	// A score is raised where its place does better than the look as a whole. What is hardly looked at hardly learns.
	mean := dot(f.Alpha, g.Alpha)
	for i := range g.E {
		g.E[i] = f.Alpha[i] * (g.Alpha[i] - mean)
	}

	for i, a := range p.A {
		// e_i = v . u_i, and u_i = tanh(s_i) with tanh' = 1 - tanh^2.
		//
		//	dL/dv = sum_i dL/de_i u_i        dL/ds_i = dL/de_i v (1 - u_i^2)
		addScaled(g.V, g.E[i], f.U[i])
		for k, u := range f.U[i] {
			g.S[i][k] = g.E[i] * p.V[k] * (1 - u*u)
		}

		// s_i = W_a a_i + W_h h + b. The same weights are used at every place, so their gradients are sums over places.
		//
		//	dL/dW_a = sum_i dL/ds_i a_i^T    dL/dW_h = sum_i dL/ds_i h^T    dL/db = sum_i dL/ds_i
		//	dL/da_i = ... + W_a^T dL/ds_i    dL/dh = sum_i W_h^T dL/ds_i
		for k, ds := range g.S[i] {
			addScaled(g.W_a[k], ds, a)
			addScaled(g.W_h[k], ds, p.H)
			g.B[k] += ds
			addScaled(g.A[i], ds, p.W_a[k])
			addScaled(g.H, ds, p.W_h[k])
		}
	}
	return g
}

// softmax is [Softmax] of one row.
func softmax(e []float64) []float64 {
	largest, total := math.Inf(-1), 0.0
	for _, x := range e {
		largest = math.Max(largest, x)
	}
	alpha := make([]float64, len(e))
	for i, x := range e {
		alpha[i] = math.Exp(x - largest)
		total += alpha[i]
	}
	for i := range alpha {
		alpha[i] /= total
	}
	return alpha
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// addScaled adds scale x to the sum.
func addScaled(sum []float64, scale float64, x []float64) {
	for i := range x {
		sum[i] += scale * x[i]
	}
}

func matrix(rows, cols int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, cols)
	}
	return m
}

// check tests that all is there and agrees on L, D, H and A.
func (p Picture) check(dz, dalpha []float64) error {
	if len(p.A) == 0 || len(p.A[0]) == 0 || len(p.H) == 0 || len(p.V) == 0 {
		return fmt.Errorf("expected feature vectors, a state h and weights v to walk through attention, found a of %d places, h of %d numbers and v of %d",
			len(p.A), len(p.H), len(p.V))
	}
	L, D, H, A := len(p.A), len(p.A[0]), len(p.H), len(p.V)
	for _, m := range []struct {
		name, axes string
		rows       [][]float64
		want       [2]int
	}{{"a", "[L][D]", p.A, [2]int{L, D}}, {"W_a", "[A][D]", p.W_a, [2]int{A, D}}, {"W_h", "[A][H]", p.W_h, [2]int{A, H}}} {
		if len(m.rows) != m.want[0] {
			return fmt.Errorf("expected %d rows for %s %s, found %d", m.want[0], m.name, m.axes, len(m.rows))
		}
		for i, row := range m.rows {
			if len(row) != m.want[1] {
				return fmt.Errorf("expected %d numbers in row %d of %s %s, found %d", m.want[1], i, m.name, m.axes, len(row))
			}
		}
	}
	if len(p.B) != A {
		return fmt.Errorf("expected %d numbers for b [A], as v has, found %d", A, len(p.B))
	}
	if len(dz) != D {
		return fmt.Errorf("expected %d numbers for dL/dz [D], as a feature vector has, found %d", D, len(dz))
	}
	if dalpha != nil && len(dalpha) != L {
		return fmt.Errorf("expected %d numbers for dL/dalpha [L], one for each place, found %d", L, len(dalpha))
	}
	return nil
}
