package backend

import (
	"fmt"

	"github.com/gomlx/compute"
)

// UseDevices has trainings run on so many of the backend's devices, 0 for all of them. Only XLA has several.
func (b *Backend) UseDevices(n int) error {
	there := b.NumDevices()
	if n == 0 {
		n = there
	}
	if n < 1 || n > there {
		return fmt.Errorf("devices: expected 1 to %d, as many as the backend %s has, found %d; only xla:cuda has several, on a machine with several GPUs", there, b.Kind, n)
	}
	b.Devices = n
	return nil
}

// DeviceNames are the backend's devices as it describes them, such as the GPUs of XLA, in the order of their numbers.
func (b *Backend) DeviceNames() []string {
	var names []string
	for i := range b.NumDevices() {
		names = append(names, b.DeviceDescription(compute.DeviceNum(i)))
	}
	return names
}
