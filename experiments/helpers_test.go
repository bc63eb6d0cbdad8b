package experiments

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// A linear regression: y = x W + b with x [N, in], W [in, out], and a fixed offset that is no parameter.
const (
	rows, in, out = 8, 3, 2
	fixedOffset   = 0.25
)

// points makes the k-th batch: x [rows, in] and y [rows, out], which lie near a plane.
func points(k int) (x, y []float64) {
	rng := rand.New(rand.NewPCG(uint64(k), 11))
	truth := []float64{1, -2, 0.5, 3, -1, 2}
	for range rows {
		at := make([]float64, in)
		for i := range at {
			at[i] = rng.NormFloat64()
		}
		x = append(x, at...)
		for j := range out {
			v := 0.7
			for i := range in {
				v += at[i] * truth[i*out+j]
			}
			y = append(y, v+0.01*rng.NormFloat64())
		}
	}
	return x, y
}

// batches is a source of points that may stop with an error.
type batches struct {
	next  int
	limit int // batches before fail; 0 for no limit
	fail  error
	delay time.Duration
	wait  time.Duration
}

func (s *batches) Next(context.Context) ([]*tensors.Tensor, error) {
	if s.limit > 0 && s.next >= s.limit {
		return nil, s.fail
	}
	start := time.Now()
	time.Sleep(s.delay)
	s.wait += time.Since(start)
	x, y := points(s.next)
	s.next++
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(single(x), rows, in), tensors.FromFlatDataAndDimensions(single(y), rows, out),
	}, nil
}

func (s *batches) SavePosition() (json.RawMessage, error) { return json.Marshal(s.next) }
func (s *batches) RestorePosition(position json.RawMessage) error {
	return json.Unmarshal(position, &s.next)
}

func (s *batches) Waited() time.Duration { return s.wait }
func (s *batches) Epoch() int            { return s.next / 4 }

func single(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}

// regression is the mean squared error.
func regression() Task {
	return Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
		x, y := inputs[0], inputs[1]
		line := scope.At("line")
		weight := nn.Param(line, x, "weight", nn.Normal(0.5), in, out)
		bias := nn.Param(line, x, "bias", nn.Constant(0.1), out)
		offset := nn.Variable(line, "offset", nn.Constant(fixedOffset)).SetTrainable(false).NodeValue(x)
		guess := graph.Add(graph.Add(graph.MatMul(x, weight), graph.ExpandAxes(bias, 0)), offset)
		loss := graph.ReduceAllMean(graph.Square(graph.Sub(guess, y)))
		return loss, []Metric{{"root", graph.Sqrt(loss)}}
	}}
}

// wrap is what [Train] takes, around a test's backend.
func wrap(b compute.Backend) *backend.Backend {
	return &backend.Backend{Backend: b, Kind: backend.Go, Config: "test"}
}

func seeded(seed int64) *model.Store {
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, seed)
	return store
}

func values(t *testing.T, store *model.Store, path string) []float64 {
	t.Helper()
	v := store.GetVariable(path)
	if v == nil {
		t.Fatalf("there is no variable %s", path)
	}
	var out []float64
	for _, f := range tensors.MustCopyFlatData[float32](v.MustValue()) {
		out = append(out, float64(f))
	}
	return out
}

// near fails the test where |got - want| > tolerance * (1 + |want|).
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: expected %d numbers, found %d", what, len(want), len(got))
	}
	for i := range want {
		if d := math.Abs(got[i] - want[i]); !(d <= tolerance*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: expected %v, found %v", what, want, got)
		}
	}
}

func toFloats(v *model.Variable) (out []float64) {
	for _, f := range tensors.MustCopyFlatData[float32](v.MustValue()) {
		out = append(out, float64(f))
	}
	return out
}

// sentence fails the test when err is none, or does not say what it should, or says more than one line.
func sentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("expected an error with %q, found none", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), ".go:") {
		t.Errorf("the error is no sentence: %q", err)
	}
}

// sameValues fails the test when two stores do not hold the same variables with the same bits.
func sameValues(t *testing.T, got, want map[string][]float64) {
	t.Helper()
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("expected the variables %q, found %q", w, g)
	}
	for path := range want {
		if !slices.Equal(got[path], want[path]) {
			t.Errorf("%s: expected %v, found %v", path, want[path], got[path])
		}
	}
}

// contents are all variables of a store.
func contents(t *testing.T, store *model.Store) map[string][]float64 {
	t.Helper()
	all := map[string][]float64{}
	for v := range store.IterVariables() {
		switch value := v.MustValue(); {
		case v.DType().IsFloat():
			all[v.Path()] = toFloats(v)
		default:
			for _, bits := range tensors.MustCopyFlatData[uint64](value) {
				all[v.Path()] = append(all[v.Path()], float64(bits>>32), float64(bits&math.MaxUint32))
			}
		}
	}
	return all
}
