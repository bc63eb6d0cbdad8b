package clip

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// LoadFrozen is [Load] for a model that is to encode: the fast way. Weights are read when a tower is first used.
// On ONNX Runtime's processor backend they become constants of its graphs, which are laid out once as the kernels want them and not at every call, batch
// norms go into the convolutions before them, and memory holds the towers that are used, once for each shape of inputs: batches of 1 and of 16, and
// three lengths of texts. The files have to stay where they are until the model is closed. What trains or writes the model ([Model.Embed], [Model.Loss],
// [Model.Save], [Model.Export], [Model.Evaluate]) reads the rest of the weights first, and makes it a model like that of Load.
func LoadFrozen(dir string) (*Model, error) {
	c, err := openAny(dir, "")
	if err != nil {
		return nil, err
	}
	m, err := c.loadFrozen()
	if err == nil {
		err = m.addVocabulary(c.Dir)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return m, nil
}

func (c *Checkpoint) loadFrozen() (*Model, error) {
	m, err := c.empty()
	if err != nil {
		return nil, err
	}
	m.frozen = &frozen{checkpoint: c, loaded: map[Tower]bool{}}
	m.Store.SetParam("/"+nn.FixedParam, true) // no weight is ever a fresh one
	return m, m.frozen.load(m.Store, Both)
}

// frozen is where the weights of a model are that is only to encode.
type frozen struct {
	checkpoint *Checkpoint
	loaded     map[Tower]bool // sides whose weights are in the model's store
}

// load puts the weights of a side into a store, once.
func (f *frozen) load(store *model.Store, side Tower) error {
	if f.loaded[side] {
		return nil
	}
	err := f.checkpoint.loadSide(store, side)
	f.loaded[side] = err == nil
	return err
}

func (f *frozen) close() {
	if f != nil {
		f.checkpoint.Close()
	}
}

// thaw reads the weights that are still in the files, for what needs them all, and closes the files.
func (m *Model) thaw() error {
	if m.frozen == nil {
		return nil
	}
	for _, side := range []Tower{ImageSide, TextSide} {
		if err := m.frozen.load(m.Store, side); err != nil {
			return err
		}
	}
	m.frozen.close()
	m.frozen = nil
	m.Store.SetParam("/"+nn.FixedParam, false) // training adds variables of its own
	return nil
}

// EachWeight calls do with the path and the value of every weight, in the order of the paths. Those of a frozen model are read from its files, one at
// a time.
func (m *Model) EachWeight(do func(path string, value *tensors.Tensor) error) error {
	values := map[string]func() (*tensors.Tensor, error){}
	for v := range m.Store.IterVariables() {
		if IsWeight(v.Path()) {
			values[v.Path()] = v.Value
		}
	}
	if m.frozen != nil {
		for _, w := range m.Config.Weights() {
			values[weights.Path(w.Name)] = func() (*tensors.Tensor, error) { return m.frozen.checkpoint.weight(w) }
		}
	}
	for _, path := range slices.Sorted(maps.Keys(values)) {
		value, err := values[path]()
		if err == nil {
			err = do(path, value)
		}
		if err != nil {
			return fmt.Errorf("cannot read the weight %s: %w", path, err)
		}
	}
	return nil
}

// laysOut says whether a backend gains by weights that are constants: ONNX Runtime on the processor, where that was measured.
func laysOut(b compute.Backend) bool {
	return strings.HasPrefix(b.Name(), "onnx") && strings.Contains(b.Description(), "(CPU)")
}

// frozenBatch is the size of the larger batches of a frozen model, and manyLeft from how many inputs they cost less than single ones, padded.
const frozenBatch, manyLeft = 16, 12

// fixed is a graph of a tower with its weights, for batches of one shape.
type fixed struct {
	shape shapes.Shape
	exec  *model.Exec
}

// has says whether there is a graph for batches of n inputs of size numbers.
func (e *encoder) has(n, size int) bool {
	return slices.ContainsFunc(e.fixed, func(f fixed) bool { return f.shape.Dim(0) == n && f.shape.Size() == n*size })
}

// runner compiles a tower for each shape of inputs when it first comes. There are few: each holds the weights once more.
func (f *frozen) runner(e *encoder, b compute.Backend, t towerGraph) runner {
	if e.backend != b || e.exec != nil {
		e.close()
		e.backend = b
	}
	many := 0 // the size of inputs of which the call has had a large batch
	return runner{
		next: func(left, size int) int {
			if left >= manyLeft {
				many = size
			}
			if many == size && (left >= manyLeft || !e.has(1, size)) { // the last ones go where the others went
				return frozenBatch
			}
			return 1
		},
		exec: func(batch *tensors.Tensor) (*model.Exec, error) {
			for _, f := range e.fixed {
				if f.shape.Equal(batch.Shape()) {
					return f.exec, nil
				}
			}
			exec, err := f.compile(b, t, batch.Shape())
			if err == nil {
				e.fixed = append(e.fixed, fixed{batch.Shape(), exec})
			}
			return exec, err
		},
	}
}

// compile makes a graph of a tower with its weights as constants. They are read as the graph asks for them.
func (f *frozen) compile(b compute.Backend, t towerGraph, batch shapes.Shape) (*model.Exec, error) {
	store := model.NewStore()
	store.SetParam("/"+nn.FixedParam, true)
	store.SetParam("/"+nn.FrozenParam, true)
	store.SetLoader(weightLoader{f.checkpoint})
	store.WithVariableAsConst(true)
	exec, err := model.NewExec(b, store, func(scope *model.Scope, inputs *graph.Node) *graph.Node {
		features := t(scope, inputs)
		store.Finalize() // the backend has them all by now
		return features
	})
	if err != nil {
		return nil, err
	}
	if _, err := exec.Compile(batch); err != nil {
		exec.Finalize()
		return nil, fmt.Errorf("cannot compile the model: %w", err)
	}
	return exec, nil
}

// weightLoader is a [model.Loader] of a checkpoint's weights.
type weightLoader struct{ *Checkpoint }

// LoadVariable panics, as graph functions do, when the file cannot be read.
func (l weightLoader) LoadVariable(_ *model.Store, path string) (*tensors.Tensor, bool) {
	for _, w := range l.Config.Weights() {
		if weights.Path(w.Name) != path {
			continue
		}
		value, err := l.weight(w)
		if err != nil {
			panic(fmt.Errorf("%s: %w", l.Path, err))
		}
		return value, true
	}
	return nil, false
}

func (weightLoader) DeleteVariable(*model.Store, string) error { return nil }
