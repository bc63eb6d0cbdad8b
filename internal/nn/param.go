package nn

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// SeedParam is the root hyperparameter of a model.Store with the seed (int64) of its initial weights.
const SeedParam = "glimpse_seed"

// FixedParam is the root hyperparameter of a model.Store that, when true, forbids new parameters: [Param] then panics
// with a sentence that names what is missing. Loaders use it to tell whether the weights of a file are all there.
const FixedParam = "glimpse_fixed"

// FrozenParam is the root hyperparameter of a model.Store that, when true, says that no gradient is wanted of any of its weights, which are constants:
// layers then take what is fastest for that ([Conv].Frozen).
const FrozenParam = "glimpse_frozen"

// Init fills the initial values of a new parameter of the given dimensions.
type Init func(rng *rand.Rand, values []float32, dims []int)

// Zeros leaves every value at 0, as for a bias.
func Zeros(*rand.Rand, []float32, []int) {}

// Ones sets every value to 1, as for the gain of a norm.
func Ones(_ *rand.Rand, values []float32, _ []int) { fill(values, 1) }

// Constant sets every value to v.
func Constant(v float64) Init {
	return func(_ *rand.Rand, values []float32, _ []int) { fill(values, float32(v)) }
}

// Normal draws from N(0, std^2).
func Normal(std float64) Init {
	return func(rng *rand.Rand, values []float32, _ []int) {
		for i := range values {
			values[i] = float32(std * rng.NormFloat64())
		}
	}
}

// Uniform draws evenly from [-bound, bound].
func Uniform(bound float64) Init {
	return func(rng *rand.Rand, values []float32, _ []int) {
		for i := range values {
			values[i] = float32(bound * (2*rng.Float64() - 1))
		}
	}
}

// HeNormal draws from N(0, 2/fan_in) (He et al. 2015, equation 10), fan_in being the product of all dimensions but
// the first: weights are [out, in] or [out, in, height, width].
func HeNormal(rng *rand.Rand, values []float32, dims []int) {
	Normal(math.Sqrt(2/float64(fanIn(dims))))(rng, values, dims)
}

// FanIn draws evenly from [-1/sqrt(fan_in), 1/sqrt(fan_in)], PyTorch's default for linear and convolution weights.
func FanIn(rng *rand.Rand, values []float32, dims []int) {
	Uniform(1/math.Sqrt(float64(fanIn(dims))))(rng, values, dims)
}

func fanIn(dims []int) int {
	return max(size(dims[min(1, len(dims)):]), 1)
}

func fill(values []float32, v float32) {
	for i := range values {
		values[i] = v
	}
}

// Param returns the float32 parameter called name in scope, as a node of the graph of g. A parameter that does not
// exist yet gets its values from init, by a random generator that depends on the store's seed ([SeedParam]) and
// on the parameter's path alone: the same seed gives the same weights on every backend, in whatever order
// the parts of a model are built. It panics when a parameter of that name has another type or other dimensions.
func Param(scope *model.Scope, g graph.GraphProvider, name string, init Init, dims ...int) *graph.Node {
	return Variable(scope, name, init, dims...).NodeValue(g)
}

// Variable is [Param] without the node: the variable itself, for what is set as well as read.
func Variable(scope *model.Scope, name string, init Init, dims ...int) *model.Variable {
	if v := scope.GetVariable(name); v != nil {
		if got := v.Shape(); !slices.Equal(got.Dimensions, dims) || v.DType() != dtypes.Float32 {
			panic(fmt.Errorf("parameter %s: expected the dimensions %v of float32, found %s; the weights belong to another configuration",
				v.Path(), dims, got))
		}
		return v
	}
	if model.GetRootParamOr(scope.Store(), FixedParam, false) {
		panic(fmt.Errorf("parameter %s: expected it among the weights with the dimensions %v, found none of that name; "+
			"the weights are not whole, or belong to another configuration", model.JoinPath(scope.Scope(), name), dims))
	}
	values := make([]float32, size(dims))
	init(rngFor(scope, name), values, dims)
	return scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(values, dims...))
}

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

func rngFor(scope *model.Scope, name string) *rand.Rand {
	seed := model.GetRootParamOr(scope.Store(), SeedParam, int64(0))
	h := fnv.New64a()
	h.Write([]byte(model.JoinPath(scope.Scope(), name)))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}
