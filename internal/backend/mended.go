package backend

import (
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
)

// mended works around two traps of GoMLX v0.28 and one of compute-onnx v0.1.5 (docs/upstream.md has them; the wrapper can go when they are gone).
//
// It leaves out transposes that change nothing: GoMLX puts one behind every gradient of a matrix product
// (core/graph/ops_dotgeneral.go), and the pure Go backend copies the whole tensor for it, one element at a time.
//
// It does not say that the backend prefers variables as constants: on ONNX Runtime, GoMLX otherwise compiles the
// values that non-trainable variables happen to have (a batch norm's running mean) into every graph that is not a
// training step, where they stay when training changes them.
//
// On ONNX Runtime, large constants are kept outside the models (spill.go).
//
// All but Transpose, Constant, Compile and Capabilities below is passing through: buffers and executables have to name the wrapper as
// their backend, or GoMLX takes them for another's.
func mended(b compute.Backend) compute.Backend {
	return &mendedBackend{Backend: b, spills: strings.HasPrefix(b.Name(), "onnx")}
}

// Capabilities are those of the backend, but for constants in the place of variables.
func (b *mendedBackend) Capabilities() compute.Capabilities {
	c := b.Backend.Capabilities()
	c.PreferConstantsForVariables = false
	return c
}

// Transpose passes x through when nothing changes places.
func (f *mendedFunction) Transpose(x compute.Value, permutation ...int) (compute.Value, error) {
	for i, axis := range permutation {
		if i != axis {
			return f.Function.Transpose(x, permutation...)
		}
	}
	return x, nil
}

type mendedBackend struct {
	compute.Backend
	spills bool // large constants are kept outside the models
}

func (b *mendedBackend) Builder(name string) compute.Builder {
	m := &mendedBuilder{Builder: b.Backend.Builder(name), backend: b}
	if b.spills {
		m.spill = &spill{}
	}
	return m
}

func (b *mendedBackend) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	buffer, err := b.Backend.BufferFromFlatData(device, flat, shape)
	return b.wrap(buffer, err)
}

func (b *mendedBackend) NewSharedBuffer(device compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	buffer, flat, err := b.Backend.NewSharedBuffer(device, shape)
	wrapped, err := b.wrap(buffer, err)
	return wrapped, flat, err
}

func (b *mendedBackend) wrap(buffer compute.Buffer, err error) (compute.Buffer, error) {
	if err != nil {
		return nil, err
	}
	return &mendedBuffer{Buffer: buffer, backend: b}, nil
}

type mendedBuffer struct {
	compute.Buffer
	backend *mendedBackend
}

func (b *mendedBuffer) Backend() compute.Backend { return b.backend }

func (b *mendedBuffer) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	buffer, err := b.Buffer.CopyToDevice(device)
	return b.backend.wrap(buffer, err)
}

// mendedFunction is the main function of a graph. Closures and further functions stay the backend's own.
type mendedFunction struct {
	compute.Function
	builder compute.Builder
	spill   *spill
}

// Constant keeps large constants outside the model, on ONNX Runtime.
func (f *mendedFunction) Constant(flat any, dims ...int) (compute.Value, error) {
	if numbers, ok := flat.([]float32); ok && f.spill != nil && 4*len(numbers) >= spillFrom {
		flat = f.spill.put(numbers)
	}
	return f.Function.Constant(flat, dims...)
}

func (f *mendedFunction) Builder() compute.Builder { return f.builder }

type mendedBuilder struct {
	compute.Builder
	backend *mendedBackend
	main    compute.Function
	spill   *spill
}

func (b *mendedBuilder) Main() compute.Function {
	if b.main == nil {
		b.main = &mendedFunction{Function: b.Builder.Main(), builder: b, spill: b.spill}
	}
	return b.main
}

func (b *mendedBuilder) Compile() (executable compute.Executable, err error) {
	compile := func() error {
		executable, err = b.Builder.Compile()
		return err
	}
	if b.spill != nil {
		err = b.spill.compile(compile)
	} else {
		err = compile()
	}
	if err != nil {
		return nil, err
	}
	return &mendedExecutable{Executable: executable, backend: b.backend}, nil
}

type mendedExecutable struct {
	compute.Executable
	backend *mendedBackend
}

func (e *mendedExecutable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) ([]compute.Buffer, error) {
	inner := make([]compute.Buffer, len(inputs))
	for i, input := range inputs {
		inner[i] = input
		if wrapped, ok := input.(*mendedBuffer); ok {
			inner[i] = wrapped.Buffer
		}
	}
	outputs, err := e.Executable.Execute(inner, donate, device)
	for i := range outputs {
		outputs[i] = &mendedBuffer{Buffer: outputs[i], backend: e.backend}
	}
	return outputs, err
}
