package captioner

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Adopt takes over the weights of a captioner that [Model.Save] wrote to the folder dir, to go on from there. Its vocabulary
// has to be c's, word for word, and its weights have to have c's shapes.
func (c *Model) Adopt(dir string) error {
	vocabulary, err := captioning.LoadVocabulary(filepath.Join(dir, vocabularyFile))
	if err != nil {
		return err
	}
	if theirs, ours := vocabulary.Words(), c.Vocabulary.Words(); !slices.Equal(theirs, ours) {
		return fmt.Errorf("%s: expected the %d words that these captions have, found a vocabulary of %d, the first other one at place %d; "+
			"train on the same pictures and min_count", dir, len(ours), len(theirs), firstOther(theirs, ours))
	}
	saved, err := safetensors.Load(filepath.Join(dir, weightsFile))
	if err != nil {
		return err
	}
	if err := checkWeights(saved, c.weightShapes()); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, weightsFile), err)
	}
	return weights.IntoStore(c.Store, saved.Tensors)
}

// firstOther is the first place where two lists differ.
func firstOther(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
