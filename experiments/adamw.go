package experiments

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// AdamW is the optimiser of "Decoupled Weight Decay Regularization" (Loshchilov and Hutter 2019, algorithm 2) with
// PyTorch's names and meanings. GoMLX's own Adam decays every variable; here Decay decides.
type AdamW struct {
	LR          float64 `json:"lr"`                 // peak learning rate; the schedule scales it
	Beta1       float64 `json:"beta1"`              //
	Beta2       float64 `json:"beta2"`              //
	Eps         float64 `json:"eps"`                //
	WeightDecay float64 `json:"weight_decay"`       // times the learning rate, for the variables that Decay names
	ClipNorm    float64 `json:"clip_norm"`          // largest norm of all gradients together; 0 for no clipping
	WarmupSteps int     `json:"warmup_steps"`       // linear warm-up, then cosine to 0 at the last step
	Constant    bool    `json:"constant,omitempty"` // no cosine: the peak after the warm-up, so that no step knows which is the last
}

// DefaultAdamW is PyTorch's default with a short warm-up.
func DefaultAdamW() AdamW {
	return AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01, ClipNorm: 1, WarmupSteps: 50}
}

// check says what is wrong with the settings, if anything is.
func (o AdamW) check() error {
	for _, s := range []struct {
		name         string
		value, below float64
	}{
		{"lr", o.LR, math.Inf(1)}, {"beta1", o.Beta1, 1}, {"beta2", o.Beta2, 1}, {"eps", o.Eps, math.Inf(1)},
		{"weight_decay", o.WeightDecay, math.Inf(1)}, {"clip_norm", o.ClipNorm, math.Inf(1)},
	} {
		if !(s.value >= 0 && s.value < s.below) {
			return fmt.Errorf("optimizer.%s: expected at least 0 and less than %g, found %g", s.name, s.below, s.value)
		}
	}
	if o.WarmupSteps < 0 {
		return fmt.Errorf("optimizer.warmup_steps: expected 0 or more, found %d", o.WarmupSteps)
	}
	return nil
}

// optimizerScope holds the optimiser's state in the store, so that a checkpoint of the store is a whole one.
const optimizerScope = "/optimizer"

// hyper returns what the graph needs to know of a step (counted from 1): learning rate, what the mean gradient is multiplied by,
// what is added to the root of the mean square, and the decay of the average of the weights.
//
// With the bias corrections c1 = 1-beta1^step and c2 = 1-beta2^step, the algorithm's lr * (m/c1) / (sqrt(v/c2) + eps) is
// m * (lr sqrt(c2)/c1) / (sqrt(v) + eps sqrt(c2)): two passes over each variable fewer.
func (o AdamW) hyper(step, steps int, average float64) *tensors.Tensor {
	lr := o.LR * o.schedule(step, steps)
	c1, c2 := 1-math.Pow(o.Beta1, float64(step)), 1-math.Pow(o.Beta2, float64(step))
	return tensors.FromValue([]float32{
		float32(lr),
		float32(lr * math.Sqrt(c2) / c1),
		float32(o.Eps * math.Sqrt(c2)),
		float32(average),
	})
}

// schedule is the share of the peak learning rate at a step: linear warm-up, then half a cosine, unless it is constant.
func (o AdamW) schedule(step, steps int) float64 {
	if step <= o.WarmupSteps {
		return float64(step) / float64(o.WarmupSteps)
	}
	if o.Constant {
		return 1
	}
	done := float64(step-o.WarmupSteps) / float64(max(steps-o.WarmupSteps, 1))
	return 0.5 * (1 + math.Cos(math.Pi*min(done, 1)))
}

// update changes every trainable variable of the graph by one step along the gradients of loss. hyper is what
// [AdamW.hyper] returned. It returns the norm of all gradients before clipping, and those of the towers. The variables are
// taken in the order of their paths, so that sums are rounded alike however the store came to be.
func (o AdamW) update(store *model.Store, loss, hyper *graph.Node, rules rules) (norms []Metric) {
	g := loss.Graph()
	variables := trained(store, g)
	if len(variables) == 0 {
		panic(errNothingToTrain)
	}
	return o.apply(store, variables, graph.Gradient(loss, nodes(variables, g)...), hyper, rules)
}

var errNothingToTrain = errors.New("expected a loss with trainable variables, found none: there is nothing to train")

// rules are a task's per-variable rules: whether weight decay acts on it, what its learning rate is multiplied by, and the tower
// that it belongs to.
type rules struct {
	decays func(path string) bool
	lr     func(path string) float64
	tower  func(path string) string // nil for none
}

// apply is [AdamW.update] for gradients that are known.
func (o AdamW) apply(store *model.Store, variables []*model.Variable, gradients []*graph.Node, hyper *graph.Node, rules rules) (norms []Metric) {
	g := hyper.Graph()
	squares, sums := make([]*graph.Node, len(gradients)), make([]*graph.Node, len(gradients))
	for i, gradient := range gradients {
		squares[i] = graph.Square(gradient)
		sums[i] = graph.ReduceAllSum(squares[i])
	}
	norm := root(sums)
	shrink := graph.ScalarOne(g, norm.DType())
	if o.ClipNorm > 0 {
		shrink = graph.MinScalar(graph.Div(graph.Scalar(g, norm.DType(), o.ClipNorm), graph.AddScalar(norm, 1e-6)), 1)
	}
	// The clipped gradient itself is needed nowhere: a pass over memory less.
	share, squareShare := graph.MulScalar(shrink, 1-o.Beta1), graph.MulScalar(graph.Square(shrink), 1-o.Beta2)
	at := func(i int) *graph.Node { return graph.Squeeze(graph.Slice(hyper, graph.AxisElem(i))) }
	lr, rate, eps := at(0), at(1), at(2)
	for i, v := range variables {
		m, s := state(store, v, "exp_avg"), state(store, v, "exp_avg_sq")
		mean := graph.Add(graph.MulScalar(m.NodeValue(g), o.Beta1), graph.Mul(gradients[i], share))
		square := graph.Add(graph.MulScalar(s.NodeValue(g), o.Beta2), graph.Mul(squares[i], squareShare))
		m.SetNodeValue(mean)
		s.SetNodeValue(square)
		value, factor := v.NodeValue(g), rules.lr(v.Path())
		step := graph.Div(graph.Mul(mean, graph.MulScalar(rate, factor)), graph.Add(graph.Sqrt(square), eps))
		if o.WeightDecay > 0 && rules.decays(v.Path()) {
			value = graph.Mul(value, graph.OneMinus(graph.MulScalar(lr, factor*o.WeightDecay)))
		}
		v.SetNodeValue(graph.Sub(value, step))
	}
	return append([]Metric{{"grad_norm", norm}}, towerNorms(variables, sums, rules.tower)...)
}

// towerNorms are the norms of the gradients of each tower, by name, from the sums of squares of every variable.
func towerNorms(variables []*model.Variable, sums []*graph.Node, tower func(path string) string) (norms []Metric) {
	if tower == nil {
		return nil
	}
	parts := map[string][]*graph.Node{}
	for i, v := range variables {
		if name := tower(v.Path()); name != "" {
			parts[name] = append(parts[name], sums[i])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		norms = append(norms, Metric{"grad_norm_" + name, root(parts[name])})
	}
	return norms
}

// state is a part of the optimiser's state of a variable, zeros at first.
func state(store *model.Store, of *model.Variable, name string) *model.Variable {
	return notTrained(nn.Variable(store.Scope(optimizerScope+of.Path()), name, nn.Zeros, of.Shape().Dimensions...))
}

// nodes are the values of variables in a graph.
func nodes(variables []*model.Variable, g *graph.Graph) []*graph.Node {
	values := make([]*graph.Node, len(variables))
	for i, v := range variables {
		values[i] = v.NodeValue(g)
	}
	return values
}

// trained are the variables that training on the graph g changes, by path.
func trained(store *model.Store, g *graph.Graph) []*model.Variable {
	var variables []*model.Variable
	for v := range store.IterVariables() {
		if v.Trainable && v.InUseByGraph(g) && v.DType().IsFloat() {
			variables = append(variables, v)
		}
	}
	sortByPath(variables)
	return variables
}

func sortByPath(variables []*model.Variable) {
	slices.SortFunc(variables, func(a, b *model.Variable) int { return strings.Compare(a.Path(), b.Path()) })
}

func notTrained(v *model.Variable) *model.Variable {
	v.Trainable = false
	return v
}

// root is the square root of the sum of scalars.
func root(parts []*graph.Node) *graph.Node {
	var sum *graph.Node
	for _, part := range parts {
		if sum == nil {
			sum = part
		} else {
			sum = graph.Add(sum, part)
		}
	}
	return graph.Sqrt(sum)
}

// DecayMatrices is the usual rule for weight decay: matrices and kernels decay, under whatever name (weight, projection,
// the captioner's W_a and L_h); gains, biases, positions and the temperature do not (Radford et al. 2021, section 2.5). Gains are what is in a scope
// named ln, ln_1, norm2, layer_norm and the like.
func DecayMatrices(path string) bool {
	scopes := strings.Split(path, "/")
	name := scopes[len(scopes)-1]
	for _, scope := range scopes[:len(scopes)-1] {
		if scope == "ln" || strings.HasPrefix(scope, "ln_") || strings.Contains(scope, "norm") {
			return false
		}
	}
	return strings.Contains(name, "weight") || strings.HasSuffix(name, "projection") ||
		strings.HasPrefix(name, "W_") || strings.HasPrefix(name, "L_")
}
