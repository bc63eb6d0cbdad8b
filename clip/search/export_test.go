package search

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// readNPY reads an array of two axes as NumPy's format describes it.
func readNPY(t *testing.T, path string) (descr string, rows, dims int, data []byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(file, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("the file begins with %q", file[:10])
	}
	n := 10 + int(binary.LittleEndian.Uint16(file[8:]))
	if n%64 != 0 || file[n-1] != '\n' {
		t.Errorf("the header is %d bytes and ends in %q", n, file[n-1])
	}
	m := regexp.MustCompile(`^\{'descr': '(<f\d)', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n$`).FindSubmatch(file[10:n])
	if m == nil {
		t.Fatalf("the header is %q", file[10:n])
	}
	fmt.Sscan(string(m[2]), &rows)
	fmt.Sscan(string(m[3]), &dims)
	return string(m[1]), rows, dims, file[n:]
}

// An export is read back by a reader of its own and by the parquet library: every embedding with its path and its caption.
func TestExport(t *testing.T) {
	for dtype, descr := range map[DType]string{Float16: "<f2", Float32: "<f4"} {
		for _, captioned := range []bool{false, true} {
			f := newFolder(t, 20)
			f.dtype = dtype
			if captioned {
				if err := os.WriteFile(f.pictures+"/03/003.txt", []byte("a \xff picture\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f.mustUpdate()
			x, err := Open(f.index)
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			out := filepath.Join(t.TempDir(), "out")
			if err := x.Export(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			d, rows, dims, data := readNPY(t, filepath.Join(out, ExportVectors))
			if d != descr || rows != 20 || dims != testDims || !bytes.Equal(data, x.data) {
				t.Errorf("found %d bytes of %s [%d, %d]", len(data), d, rows, dims)
			}
			read, err := parquet.ReadFile[captionedRow](filepath.Join(out, ExportMetadata))
			if err != nil || len(read) != 20 {
				t.Fatalf("found %d rows (%v)", len(read), err)
			}
			for i, row := range read {
				e, err := x.Entry(i)
				if err != nil {
					t.Fatal(err)
				}
				want := captionedRow{ImagePath: filepath.Join(f.pictures, e.Path)}
				if captioned && strings.HasSuffix(e.Path, "003.png") {
					want.Caption = "a \uFFFD picture"
				}
				if row != want {
					t.Errorf("row %d: expected %+v, found %+v", i, want, row)
				}
			}
			if columns := columnsOf(t, filepath.Join(out, ExportMetadata)); captioned != strings.Contains(columns, "caption") || !strings.Contains(columns, "image_path") {
				t.Errorf("captioned is %v, found the columns %s", captioned, columns)
			}
			if err := x.Export(t.Context(), out); err == nil || !strings.Contains(err.Error(), "new or empty folder") {
				t.Errorf("a second export: %v", err)
			}
			if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
				t.Errorf("expected the export alone, found %v", left)
			}
		}
	}
}

func columnsOf(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parquet.OpenFile(file, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return p.Schema().String()
}
