package features

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/float16"
)

// write computes all rows into the file path, which appears when everything is in it.
func write(ctx context.Context, path string, head header,
	compute func(ctx context.Context, emit func(i int, values []float32) error) error) error {
	file, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer file.Abort()
	w := writer{ctx: ctx, file: file, head: head, have: make([]bool, head.n)}
	if err := compute(ctx, w.emit); err != nil {
		return fmt.Errorf("cannot compute the features: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped while computing features: %w", err)
	}
	for i, ok := range w.have {
		if !ok {
			return fmt.Errorf("expected features for all %d pictures, found none for number %d", head.n, i)
		}
	}
	sum, err := checksum(io.NewSectionReader(file, headerSize, head.size()-headerSize))
	if err == nil {
		_, err = file.WriteAt(head.line(sum), 0)
	}
	if err != nil {
		return fmt.Errorf("cannot write the features to %s: %w", path, err)
	}
	return file.Commit()
}

// writer puts rows in their places.
type writer struct {
	ctx  context.Context
	file *atomicfile.File
	head header
	mu   sync.Mutex
	have []bool
}

func (w *writer) emit(i int, values []float32) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if i < 0 || i >= w.head.n || len(values) != w.head.width {
		return fmt.Errorf("expected rows 0 to %d of %d numbers, found row %d of %d", w.head.n-1, w.head.width, i, len(values))
	}
	row, err := float16.Encode(values)
	if err != nil {
		return fmt.Errorf("row %d: %w", i, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.have[i] {
		return fmt.Errorf("expected every row once, found row %d again", i)
	}
	w.have[i] = true
	if _, err := w.file.WriteAt(row, headerSize+2*int64(i)*int64(w.head.width)); err != nil {
		return fmt.Errorf("cannot write row %d of the features: %w; free some space or choose another folder", i, err)
	}
	return nil
}
