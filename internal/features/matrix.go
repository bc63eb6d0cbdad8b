package features

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/float16"
	"github.com/glimpse-ml/glimpse/internal/mmap"
)

// Matrix is an open file of features. It may be read from several goroutines.
type Matrix struct {
	head  header
	path  string
	data  []byte // the whole file
	unmap func() error
}

// Rows is the number of rows.
func (m *Matrix) Rows() int { return m.head.n }

// Shape is the shape of one row, such as [49 512].
func (m *Matrix) Shape() []int { return slices.Clone(m.head.shape) }

// Width is the number of numbers in one row.
func (m *Matrix) Width() int { return m.head.width }

// Path is where the file lies.
func (m *Matrix) Path() string { return m.path }

// Row returns a copy of row i. It panics when there is no such row.
func (m *Matrix) Row(i int) []float32 {
	row := make([]float32, m.head.width)
	m.RowInto(row, i)
	return row
}

// RowInto copies row i into dst, such as one place of a batch. It panics when there is no such row, or dst is not [Matrix.Width]
// long.
func (m *Matrix) RowInto(dst []float32, i int) {
	if i < 0 || i >= m.head.n || len(dst) != m.head.width || m.data == nil {
		panic(fmt.Errorf("expected a row below %d of %d numbers of open features, found row %d of %d", m.head.n, m.head.width, i, len(dst)))
	}
	from := headerSize + 2*i*m.head.width
	float16.Decode(dst, m.data[from:from+2*m.head.width])
}

// Close gives the memory back. Rows copied before stay valid; no row may be read after.
func (m *Matrix) Close() error {
	m.data = nil
	return m.unmap()
}

// open maps a file into memory and checks all of it.
func open(path string, head header) (*Matrix, error) {
	file, err := mmap.Open(path)
	if err != nil {
		return nil, err
	}
	m := &Matrix{head: head, path: path, data: file.Data, unmap: file.Close}
	if int64(len(file.Data)) != head.size() {
		m.Close()
		return nil, fmt.Errorf("expected %d bytes, found %d", head.size(), len(file.Data))
	}
	sum, err := checksum(bytes.NewReader(file.Data[headerSize:]))
	if err == nil && !bytes.Equal(file.Data[:headerSize], head.line(sum)) {
		err = fmt.Errorf("expected the first line %q, found %q (the bytes have changed since they were written)",
			bytes.TrimSpace(head.line(sum)), bytes.TrimSpace(file.Data[:headerSize]))
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}
