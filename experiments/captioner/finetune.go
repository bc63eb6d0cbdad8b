package captioner

import (
	"path"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// LearningRates says what the learning rate is multiplied by: 1 for the decoder, factor for an encoder that is fine-tuned, times
// layerDecay for each layer that lies below its last one ([experiments.LayerDecay]; 1 for none).
func (c *Model) LearningRates(factor, layerDecay float64) (func(variable string) float64, error) {
	layers, err := experiments.LayerDecay(c.Store, layerDecay)
	if err != nil {
		return nil, err
	}
	return func(variable string) float64 {
		if !strings.HasPrefix(variable, "/"+publishedScope+"/") {
			return 1
		}
		return factor * layers(variable)
	}, nil
}

// startFrom puts the published weights of a network that is trained further into a new store.
func (e *Encoder) startFrom(store *model.Store) error {
	if !e.fineTuned() || e.net.weights == nil {
		return nil
	}
	tensors := map[string]safetensors.Tensor{}
	for name, t := range e.net.weights {
		tensors[publishedScope+"."+name] = t
	}
	if err := weights.IntoStore(store, tensors); err != nil {
		return err
	}
	lockNorms(store)
	return nil
}

// lockNorms keeps the batch norms of an encoder as they are: those are the variables that have running statistics beside them.
func lockNorms(store *model.Store) {
	var norms []string
	for v := range store.IterVariables() {
		if strings.HasPrefix(v.Path(), "/"+publishedScope+"/") && path.Base(v.Path()) == "running_mean" {
			norms = append(norms, path.Dir(v.Path()))
		}
	}
	for _, norm := range norms {
		for _, name := range []string{"weight", "bias", "running_mean", "running_var"} {
			if v := store.GetVariable(norm + "/" + name); v != nil {
				v.SetTrainable(false)
			}
		}
	}
}
