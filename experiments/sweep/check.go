package sweep

import (
	"fmt"
	"maps"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Accepts says whether the experiment takes settings; see [experiments.Experiment.Config].
type Accepts func(overrides []experiments.Override) error

// Check completes a spec and says what is wrong with it before anything runs. All settings of a grid are tried on accepts; of other
// methods the values of each dimension, the other dimensions at their first.
func (s *Spec) Check(accepts Accepts) error {
	if len(s.Over) == 0 {
		return fmt.Errorf("expected at least one setting to search, found none; give one with --over key=values")
	}
	fixed, err := s.fixed()
	if err != nil {
		return err
	}
	keys := map[string]bool{s.Budget: true}
	for _, o := range fixed {
		keys[o.Key] = true
	}
	for _, d := range s.Over {
		if keys[d.Key] {
			return fmt.Errorf("%s: expected one place that sets it, found two (--over, --set, or the budget of successive halving)", d.Key)
		}
		keys[d.Key] = true
	}
	if s.Seeds < 1 {
		return fmt.Errorf("expected at least 1 seed, found %d", s.Seeds)
	}
	if s.Metric == "" {
		return fmt.Errorf("expected the name of a metric to compare by, found none")
	}
	if _, err := methodNamed(s.Method); err != nil {
		return err
	}
	if err := s.checkValues(accepts); err != nil {
		return err
	}
	if s.Method == "grid" {
		return s.checkGrid(accepts)
	}
	if s.Trials < 1 {
		return fmt.Errorf("expected at least 1 trial, found %d", s.Trials)
	}
	return nil
}

// checkValues tries the values of each dimension.
func (s *Spec) checkValues(accepts Accepts) error {
	first := map[string]string{}
	for _, d := range s.Over {
		first[d.Key] = d.samples()[0]
	}
	for _, d := range s.Over {
		for _, value := range d.samples() {
			settings := maps.Clone(first)
			settings[d.Key] = value
			if err := accepts(s.overrides(settings)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkGrid tries every setting of a grid and counts them.
func (s *Spec) checkGrid(accepts Accepts) error {
	n := 1
	for _, d := range s.Over {
		values, err := d.grid()
		if err != nil {
			return err
		}
		if n *= len(values); n > 100_000 {
			return fmt.Errorf("expected a grid of at most 100000 settings, found more; choose --method random")
		}
	}
	s.Trials = n
	for i := range n {
		if err := accepts(s.overrides(gridSetting(s, i))); err != nil {
			return err
		}
	}
	return nil
}
