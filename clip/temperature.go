package clip

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// SetTemperature makes the training that follows begin with the temperature tau, from 0.01 to 1, the bounds that training keeps
// it in; 0.07 is where it begins otherwise. Unless it is to be learned it stays there.
func (m *Model) SetTemperature(tau float64, learned bool) error {
	return setTemperature(m.Store, tau, learned)
}

// CheckTemperature says what is wrong with a temperature to begin with, if anything is.
func CheckTemperature(tau float64) error {
	if least := math.Exp(-MaxLogitScale); !(tau >= least*(1-1e-9) && tau <= 1) {
		return fmt.Errorf("temperature: expected %.2f to 1, found %g", least, tau)
	}
	return nil
}

// SetTemperature is [Model.SetTemperature].
func (m *LiT) SetTemperature(tau float64, learned bool) error {
	return setTemperature(m.Store, tau, learned)
}

func setTemperature(store *model.Store, tau float64, learned bool) error {
	if err := CheckTemperature(tau); err != nil {
		return err
	}
	v := nn.Variable(store.RootScope(), "logit_scale", nn.Constant(InitialLogitScale))
	v.SetTrainable(learned)
	if err := v.SetValue(tensors.FromScalar(float32(-math.Log(tau)))); err != nil {
		return fmt.Errorf("cannot set the temperature: %w", err)
	}
	return nil
}
