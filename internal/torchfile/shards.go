package torchfile

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Shards are the archives of one state dict, such as pytorch_model-00001-of-00002.bin, that an index lists. The views of
// their tensors end with Close.
type Shards struct {
	safetensors.File
	parts []*File
}

// OpenShards opens the archives that an index such as pytorch_model.bin.index.json lists, all from its own folder, and holds their
// tensors against it: each lies in the shard that the index says, and in no other.
func OpenShards(path string) (*Shards, error) {
	index, err := safetensors.ReadIndex(path, ".bin")
	if err != nil {
		return nil, err
	}
	s := &Shards{}
	tensors, err := index.Gather(func(shard string) (map[string]safetensors.Tensor, error) {
		part, err := Open(filepath.Join(filepath.Dir(path), shard))
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, part)
		return part.Tensors, nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; fetch %s and its shards again", err, filepath.Base(path)), s.Close())
	}
	s.File = safetensors.File{Tensors: tensors, Metadata: index.Metadata}
	return s, nil
}

// Release says that the data of a tensor will not be read soon, so that they need not stay in memory.
func (s *Shards) Release(t safetensors.Tensor) {
	for _, part := range s.parts {
		part.Release(t)
	}
}

// Close ends the views. No tensor of the shards may be read after.
func (s *Shards) Close() error {
	var errs []error
	for _, part := range s.parts {
		errs = append(errs, part.Close())
	}
	s.parts, s.Tensors = nil, nil
	return errors.Join(errs...)
}
