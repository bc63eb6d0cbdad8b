package search

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Origin says what the embeddings of an index are of.
type Origin struct {
	Model    string // the folder of the model that made them
	Identity string // what tells the model from every other: see [Encoder]
	Pictures string // the folder that the paths are below
	Dims     int    // numbers in an embedding
	DType    DType  // empty for Float16
}

// Create writes the index dir from embeddings that were computed elsewhere: row i, a unit vector of of.Dims numbers, is
// of the picture entries[i]. Paths are below of.Pictures, with slashes, and come in ascending order; entries have no Problem.
// dir must not exist; it is there whole or not at all.
func Create(ctx context.Context, dir string, of Origin, entries []Entry, row func(i int) ([]float32, error)) error {
	if of.DType == "" {
		of.DType = Float16
	}
	switch {
	case of.DType.Size() == 0:
		return fmt.Errorf("expected the type %s or %s, found %q", Float16, Float32, of.DType)
	case len(entries) == 0:
		return errors.New("expected the embeddings of at least one picture, found none")
	}
	if err := checkDims(of.Dims); err != nil {
		return err
	}
	for i, e := range entries {
		if !e.valid() || e.Problem != "" {
			return fmt.Errorf("expected pictures with paths below the folder of pictures, with slashes and of at most %d bytes, found %.200q with the problem %.200q", maxText, e.Path, e.Problem)
		}
		if i > 0 && e.Path <= entries[i-1].Path {
			return fmt.Errorf("expected paths in ascending order, found %q behind %q", entries[i].Path, entries[i-1].Path)
		}
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("expected no file or folder at %s, found one", dir)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-*")
	if err != nil {
		return fmt.Errorf("cannot make the index %s: %w", dir, err)
	}
	defer os.RemoveAll(work)
	meta := Meta{Generation: 1, Model: of.Model, Identity: of.Identity, Pictures: of.Pictures, Dims: of.Dims, DType: of.DType, Rows: len(entries)}
	err = writeIndex(ctx, work, &meta, entries, nil, func(i int) ([]byte, error) {
		v, err := row(i)
		if err == nil {
			err = checkVector(v, of.Dims)
		}
		if err != nil {
			return nil, fmt.Errorf("row %d, %s: %w", i, entries[i].Path, err)
		}
		return encode(v, of.DType)
	})
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(work, 0o755), os.Rename(work, dir)); err != nil {
		return fmt.Errorf("cannot give the index its name %s: %w", dir, err)
	}
	return nil
}

func checkDims(dims int) error {
	if dims < 1 || dims > maxDims {
		return fmt.Errorf("expected embeddings of 1 to %d numbers, found %d", maxDims, dims)
	}
	return nil
}

// writeIndex puts rows and tables into target, and then the meta.json that makes an index of them.
func writeIndex(ctx context.Context, target string, meta *Meta, entries, bad []Entry, row func(i int) ([]byte, error)) (err error) {
	ending := map[DType]string{Float16: "f16", Float32: "f32"}[meta.DType]
	meta.Vectors, err = writePart(target, fmt.Sprintf("vectors-%d.%s", meta.Generation, ending), func(w io.Writer) error {
		for i := range entries {
			if i%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			data, err := row(i)
			if err != nil {
				return err
			}
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	meta.Files, err = writePart(target, fmt.Sprintf("files-%d.table", meta.Generation), func(w io.Writer) error {
		_, err := w.Write(appendTable(nil, entries, bad))
		return err
	})
	if err != nil {
		return err
	}
	content, err := meta.encode()
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(target, MetaFile), content)
}
