package experiments

import (
	"fmt"
	"strconv"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// SaveCheckpoint writes every variable of store, the optimiser's state included, to checkpoints/step-N.safetensors.
// position is the state of the data source, which restores it.
func (r *Run) SaveCheckpoint(step int, store *model.Store, position string) error {
	tensors, err := weights.FromStore(store, func(string) bool { return true })
	if err != nil {
		return err
	}
	meta := map[string]string{"step": strconv.Itoa(step), "position": position}
	return safetensors.Write(r.checkpointPath(step), tensors, meta)
}

// LoadCheckpoint reads a checkpoint into store and returns the position of the data source.
func (r *Run) LoadCheckpoint(step int, store *model.Store) (position string, err error) {
	file, err := safetensors.Load(r.checkpointPath(step))
	if err != nil {
		return "", err
	}
	if got := file.Metadata["step"]; got != strconv.Itoa(step) {
		return "", fmt.Errorf("%s: expected the state of step %d, found step %q", r.checkpointPath(step), step, got)
	}
	if err := weights.IntoStore(store, file.Tensors); err != nil {
		return "", fmt.Errorf("%s: %w", r.checkpointPath(step), err)
	}
	return file.Metadata["position"], nil
}

func (r *Run) checkpointPath(step int) string {
	return r.Path("checkpoints", fmt.Sprintf("step-%07d.safetensors", step))
}
