package search

import (
	"fmt"
	"io"
	"strings"
)

// writeNPYHeader begins a .npy file, version 1.0, of an array [rows][dims] in C order, whose numbers follow little-endian.
// (NumPy Enhancement Proposal 1: magic, version, length of the header, a Python dictionary filled up with blanks to a
// multiple of 64 bytes.)
func writeNPYHeader(w io.Writer, dtype DType, rows, dims int) error {
	descr := map[DType]string{Float16: "<f2", Float32: "<f4"}[dtype]
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", descr, rows, dims)
	const before = 10
	header += strings.Repeat(" ", 63-(before+len(header))%64) + "\n"
	_, err := fmt.Fprintf(w, "\x93NUMPY\x01\x00%c%c%s", len(header)&255, len(header)>>8, header)
	return err
}
