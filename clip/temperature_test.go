package clip_test

import (
	"math"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
)

func TestSetTemperature(t *testing.T) {
	m, err := clip.New(clip.Tiny(10), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tau := range []float64{0.5, 0.01, 1} {
		if err := m.SetTemperature(tau, false); err != nil {
			t.Fatal(err)
		}
		if scale, err := m.Scale(); err != nil || math.Abs(scale*tau-1) > 1e-6 || m.Store.GetVariable("/logit_scale").Trainable {
			t.Errorf("temperature %g: a factor of %g (%v)", tau, scale, err)
		}
	}
	if err := m.SetTemperature(0.07, true); err != nil || !m.Store.GetVariable("/logit_scale").Trainable {
		t.Errorf("expected a temperature that is learned (%v)", err)
	}
	for _, tau := range []float64{0, -1, 0.009, 1.1, math.NaN()} {
		if err := m.SetTemperature(tau, true); err == nil || !strings.Contains(err.Error(), "temperature: expected 0.01 to 1") {
			t.Errorf("temperature %g: expected an error, found %v", tau, err)
		}
	}
}
