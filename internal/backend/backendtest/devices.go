package backendtest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Devices is the pure Go backend in the guise of several devices, for tests of computations that are spread over them by
// automatic sharding ([compute.Builder.DistributedAutoSharding]). What automatic sharding computes is what one device would compute of
// the whole inputs: so the program runs once, on inputs that are put together from the devices' shards, and the outputs are handed out as the
// program's sharding says. Replicas that differ are an error. It knows shards of the first axis alone.
type Devices struct {
	compute.Backend
	n int

	mu       sync.Mutex
	compiled []Sharded
}

// Sharded says how the inputs of a compiled computation lie on the devices, by their names.
type Sharded struct {
	Devices int
	Inputs  map[string]bool // whether the input is cut along its first axis; otherwise every device has all of it
	Outputs []bool          // likewise, of the outputs in their order
}

// OpenDevices opens n devices until the test ends.
func OpenDevices(t testing.TB, n int) (*backend.Backend, *Devices) {
	t.Helper()
	b := Open(t, "go")
	d := &Devices{Backend: b.Backend, n: n}
	b.Backend = d
	return b, d
}

// Compiled are the computations that were compiled for several devices, in their order.
func (d *Devices) Compiled() []Sharded {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.compiled)
}

func (d *Devices) NumDevices() int { return d.n }

func (d *Devices) DeviceDescription(device compute.DeviceNum) string {
	return fmt.Sprintf("pure Go in the guise of device %d of %d", device, d.n)
}

func (d *Devices) HasSharedBuffers() bool { return false }

func (d *Devices) NewSharedBuffer(compute.DeviceNum, shapes.Shape) (compute.Buffer, any, error) {
	return nil, nil, fmt.Errorf("shared buffers: %w", compute.ErrNotImplemented)
}

func (d *Devices) BufferFromFlatData(device compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	if int(device) < 0 || int(device) >= d.n {
		return nil, fmt.Errorf("expected a device from 0 to %d, found %d", d.n-1, device)
	}
	b, err := d.Backend.BufferFromFlatData(0, flat, shape)
	return &placed{b, d, device}, err
}

func (d *Devices) Builder(name string) compute.Builder {
	return &builder{Builder: d.Backend.Builder(name), d: d}
}

// placed is a buffer on one of the devices.
type placed struct {
	compute.Buffer
	d      *Devices
	device compute.DeviceNum
}

func (p *placed) Backend() compute.Backend              { return p.d }
func (p *placed) DeviceNum() (compute.DeviceNum, error) { return p.device, nil }
func (p *placed) flat() (any, error)                    { return flatOf(p.Buffer) }
func (p *placed) CopyToDevice(device compute.DeviceNum) (compute.Buffer, error) {
	flat, err := p.flat()
	if err != nil {
		return nil, err
	}
	shape, err := p.Shape()
	if err != nil {
		return nil, err
	}
	return p.d.BufferFromFlatData(device, flat, shape)
}

// flatOf are a buffer's values, a slice of their type.
func flatOf(b compute.Buffer) (any, error) {
	shape, err := b.Shape()
	if err != nil {
		return nil, err
	}
	flat := reflect.MakeSlice(reflect.SliceOf(shape.DType.GoType()), shape.Size(), shape.Size()).Interface()
	return flat, b.ToFlatData(flat)
}

// builder builds a computation for one device, and notes how it is to be spread over several.
type builder struct {
	compute.Builder
	d       *Devices
	sharded bool
	devices int
	inputs  []*compute.ShardingSpec
	names   []string
	outputs []*compute.ShardingSpec
}

func (b *builder) DistributedAutoSharding(meshes ...compute.Mesh) error {
	b.sharded, b.devices = true, 1
	for _, size := range meshes[0].AxesSizes {
		b.devices *= size
	}
	if len(meshes) != 1 || b.devices > b.d.n {
		return fmt.Errorf("expected one mesh of at most %d devices, found %v", b.d.n, meshes)
	}
	return nil
}

// DeviceAssignment takes the devices in their order alone.
func (b *builder) DeviceAssignment(devices ...compute.DeviceNum) error {
	for i, device := range devices {
		if int(device) != i {
			return fmt.Errorf("expected the devices in their order, found %v", devices)
		}
	}
	return nil
}

func (b *builder) Main() compute.Function { return &mainFunction{b.Builder.Main(), b} }

func (b *builder) Compile() (compute.Executable, error) {
	e, err := b.Builder.Compile()
	if err != nil {
		return nil, err
	}
	all := &executable{Executable: e, d: b.d, devices: 1}
	if !b.sharded {
		return all, nil
	}
	all.devices = b.devices
	s := Sharded{Devices: b.devices, Inputs: map[string]bool{}}
	for i, spec := range b.inputs {
		cut, err := cutOf(spec)
		if err != nil {
			return nil, err
		}
		all.cutInputs, s.Inputs[b.names[i]] = append(all.cutInputs, cut), cut
	}
	for _, spec := range b.outputs {
		cut, err := cutOf(spec)
		if err != nil {
			return nil, err
		}
		all.cutOutputs, s.Outputs = append(all.cutOutputs, cut), append(s.Outputs, cut)
	}
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	b.d.compiled = append(b.d.compiled, s)
	return all, nil
}

// cutOf says whether the first axis is sharded.
func cutOf(spec *compute.ShardingSpec) (bool, error) {
	if spec == nil {
		return false, nil
	}
	for axis, names := range spec.Axes {
		if axis > 0 && len(names) > 0 {
			return false, fmt.Errorf("expected shards of the first axis alone, found axis %d cut along %s", axis, strings.Join(names, ", "))
		}
	}
	return len(spec.Axes) > 0 && len(spec.Axes[0]) > 0, nil
}

// mainFunction notes the sharding of inputs and outputs.
type mainFunction struct {
	compute.Function
	b *builder
}

func (f *mainFunction) Parameter(name string, shape shapes.Shape, sharding *compute.ShardingSpec) (compute.Value, error) {
	f.b.names, f.b.inputs = append(f.b.names, name), append(f.b.inputs, sharding)
	return f.Function.Parameter(name, shape, nil)
}

func (f *mainFunction) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	f.b.outputs = slices.Clone(shardings)
	for len(f.b.outputs) < len(outputs) {
		f.b.outputs = append(f.b.outputs, nil)
	}
	return f.Function.Return(outputs, nil)
}

// executable runs the program once, whatever the number of devices.
type executable struct {
	compute.Executable
	d                     *Devices
	devices               int
	cutInputs, cutOutputs []bool
}

func (e *executable) Execute(inputs []compute.Buffer, donate []bool, device compute.DeviceNum) (all []compute.Buffer, err error) {
	params := len(inputs) / e.devices
	whole := make([]compute.Buffer, params)
	for i := range whole {
		var shards []*placed
		for j := range e.devices {
			shards = append(shards, inputs[j*params+i].(*placed))
		}
		if whole[i], err = e.join(shards, e.devices > 1 && e.cutInputs[i]); err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
	}
	for i, given := range donate {
		if given {
			if err := inputs[i].Finalize(); err != nil {
				return nil, err
			}
		}
	}
	own := make([]bool, params) // given away: the pure Go backend leaves a part of a random state unwritten that it may not reuse (docs/upstream.md)
	for i := range own {
		own[i] = true
	}
	outputs, err := e.Executable.Execute(whole, own, 0)
	if err != nil {
		return nil, err
	}
	all = make([]compute.Buffer, len(outputs)*e.devices)
	for i, output := range outputs {
		shards, err := e.split(output, device, e.devices > 1 && e.cutOutputs[i])
		if err != nil {
			return nil, fmt.Errorf("output %d: %w", i, err)
		}
		for j, shard := range shards {
			all[j*len(outputs)+i] = shard
		}
	}
	return all, nil
}

// join puts an input together, for the pure Go backend.
func (e *executable) join(shards []*placed, cut bool) (compute.Buffer, error) {
	shape, err := shards[0].Shape()
	if err != nil {
		return nil, err
	}
	shape = shape.Clone()
	flat, err := shards[0].flat()
	if err != nil {
		return nil, err
	}
	for j, shard := range shards[1:] {
		next, err := shard.flat()
		if err != nil {
			return nil, err
		}
		if num, _ := shard.DeviceNum(); int(num) != j+1 {
			return nil, fmt.Errorf("expected a buffer on device %d, found one on %d", j+1, num)
		}
		if cut {
			flat = reflect.AppendSlice(reflect.ValueOf(flat), reflect.ValueOf(next)).Interface()
		} else if !reflect.DeepEqual(flat, next) {
			return nil, fmt.Errorf("expected the same on every device, found other values on device %d", j+1)
		}
	}
	if cut {
		shape.Dimensions[0] *= len(shards)
	}
	return e.d.Backend.BufferFromFlatData(0, flat, shape)
}

// split hands an output out.
func (e *executable) split(whole compute.Buffer, device compute.DeviceNum, cut bool) (shards []compute.Buffer, err error) {
	if e.devices == 1 {
		return []compute.Buffer{&placed{whole, e.d, device}}, nil
	}
	shape, err := whole.Shape()
	if err != nil {
		return nil, err
	}
	shape = shape.Clone()
	flat, err := flatOf(whole)
	if err != nil {
		return nil, err
	}
	if err := whole.Finalize(); err != nil {
		return nil, err
	}
	if cut {
		shape.Dimensions[0] /= e.devices
	}
	for j := range e.devices {
		part := flat
		if cut {
			part = reflect.ValueOf(flat).Slice(j*shape.Size(), (j+1)*shape.Size()).Interface()
		}
		shard, err := e.d.BufferFromFlatData(compute.DeviceNum(j), part, shape)
		if err != nil {
			return nil, err
		}
		shards = append(shards, shard)
	}
	return shards, nil
}
