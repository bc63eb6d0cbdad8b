package safetensors

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/mmap"
)

// Checkpoint is a file, or all shards of one, that is open for reading. The Data of its tensors are views of the mapped
// files: they take memory only as far as they are read, may not be written to, and end with Close.
type Checkpoint struct {
	File
	files []*mmap.File
}

// Open maps a safetensors file, or all shards that an index (a file whose name ends in .index.json) lists. Every header
// is checked, no data is read.
func Open(path string) (*Checkpoint, error) {
	if strings.HasSuffix(path, ".index.json") {
		return openIndex(path)
	}
	c := &Checkpoint{File: File{Tensors: map[string]Tensor{}}}
	part, err := c.add(path)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.File = *part
	return c, nil
}

// openIndex opens the shards and holds their names against the index's.
func openIndex(path string) (*Checkpoint, error) {
	index, err := ReadIndex(path, ".safetensors")
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{File: File{Metadata: index.Metadata}}
	c.Tensors, err = index.Gather(func(shard string) (map[string]Tensor, error) {
		part, err := c.add(filepath.Join(filepath.Dir(path), shard))
		if err != nil {
			return nil, err
		}
		return part.Tensors, nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; fetch %s and its shards again", err, filepath.Base(path)), c.Close())
	}
	return c, nil
}

// add maps one file.
func (c *Checkpoint) add(path string) (part *File, err error) {
	file, err := mmap.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the tensors of %s: %w", path, err)
	}
	c.files = append(c.files, file)
	err = mmap.Guard(func() (err error) {
		part, err = Parse(file.Data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s is not a whole safetensors file: %w; fetch or make it again", path, err)
	}
	return part, nil
}

// Release says that the data of a tensor of this checkpoint will not be read soon, so that they need not stay in memory.
// Calling it for each tensor after its conversion keeps the peak at the converted tensors plus one.
func (c *Checkpoint) Release(t Tensor) {
	for _, file := range c.files {
		file.Release(t.Data)
	}
}

// Close ends the views. No tensor of the checkpoint may be read after.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, file := range c.files {
		errs = append(errs, file.Close())
	}
	c.files, c.Tensors = nil, nil
	return errors.Join(errs...)
}
