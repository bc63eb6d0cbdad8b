package experiments

import (
	"fmt"

	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"
	"github.com/gomlx/gomlx/ml/model"
)

// spread is a training step on several devices, by automatic sharding ("GSPMD", Xu et al. 2021, arXiv 2105.04663; XLA's Shardy): the batch is
// cut along its first axis, a part for each device, and every device has all variables. The graph is that of one device with the whole
// batch, and so are its loss and its gradients but for the rounding of sums: a contrastive loss compares every pair of the batch, on whichever device
// its embeddings are. What has to travel between devices is the compiler's matter.
type spread struct {
	exec    *model.Exec
	devices int
	cut     *distributed.ShardingSpec // along the first axis
	copied  *distributed.ShardingSpec // the same on every device
	ready   bool
}

// batchAxis is the mesh's only axis.
const batchAxis = "batch"

func newSpread(exec *model.Exec, store *model.Store, devices int) (*spread, error) {
	mesh, err := meshOf(store, devices)
	if err != nil {
		return nil, fmt.Errorf("cannot arrange %d devices: %w", devices, err)
	}
	s := &spread{exec: exec, devices: devices, copied: distributed.NewReplicatedShardingSpec(mesh)}
	if s.cut, err = distributed.NewShardingSpec(mesh, distributed.AxisSpec{batchAxis}); err != nil {
		return nil, fmt.Errorf("cannot arrange %d devices: %w", devices, err)
	}
	exec.AutoSharding(mesh).WithOutputShardingSpecs(s.copied)
	if err := exec.SetDefaultShardingSpec(s.copied); err != nil {
		return nil, fmt.Errorf("cannot arrange %d devices: %w", devices, err)
	}
	return s, copyAll(store, s.copied)
}

// meshOf is the arrangement of devices that the variables of a store are on from an earlier training, or a new one.
func meshOf(store *model.Store, devices int) (*distributed.DeviceMesh, error) {
	for v := range store.IterVariables() {
		if spec := v.ShardingSpec(); spec != nil && spec.Mesh.NumDevices() == devices {
			return spec.Mesh, nil
		}
	}
	return distributed.NewDeviceMesh([]int{devices}, []string{batchAxis})
}

// copyAll puts the variables that there are on every device. GoMLX does so by itself, but for the state of the random numbers, which does not know
// its store (docs/upstream.md): this can go when it does.
func copyAll(store *model.Store, copied *distributed.ShardingSpec) error {
	for v := range store.IterVariables() {
		if v.ShardingSpec() == nil {
			if err := v.SetShardingSpec(copied); err != nil {
				return fmt.Errorf("cannot put %s on every device: %w", v.Path(), err)
			}
		}
	}
	return nil
}

// step is [trainer]'s. Tensors with axes are a batch's, one row an example; scalars are the same for all.
func (s *spread) step(batch []*tensors.Tensor, hyper *tensors.Tensor) ([]*tensors.Tensor, error) {
	specs := []*distributed.ShardingSpec{s.copied}
	for _, t := range batch {
		spec := s.copied
		if t.Shape().Rank() > 0 {
			if n := t.Shape().Dim(0); n%s.devices != 0 {
				return nil, fmt.Errorf("batch_size: expected a multiple of the %d devices, found %d; take another batch_size or another number of --devices", s.devices, n)
			}
			spec = s.cut
		}
		specs = append(specs, spec)
	}
	if !s.ready {
		s.exec.WithInputShardingSpecs(specs...)
		s.ready = true
	}
	var args []any
	for i, t := range append([]*tensors.Tensor{hyper}, batch...) {
		sharded, err := dtensor.ShardTensor(specs[i], t)
		if err != nil {
			return nil, fmt.Errorf("cannot spread a batch over %d devices: %w", s.devices, err)
		}
		defer sharded.FinalizeAll()
		args = append(args, sharded)
	}
	outputs, err := s.exec.Call(args...)
	if err != nil {
		return nil, err
	}
	each := len(outputs) / s.devices
	for _, copied := range outputs[each:] {
		copied.MustFinalizeAll()
	}
	return outputs[:each], nil
}
