package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// fuzzLimits bound what a fuzzer's archive may become.
var fuzzLimits = Limits{Bytes: 1 << 20, Files: 50}

// whatever unpacks bytes in a folder of their own, and looks at what is there after: the target whole, or nothing; and nothing else.
// Every file costs buffers to unpack and copy it, whatever its size.
func whatever(t *testing.T, data []byte, unpack func(dest string) error) {
	t.Helper()
	dir := t.TempDir()
	var err error
	testdata.Bounded(t, len(data), 4, int64(fuzzLimits.Files)*(128<<10), func() { err = unpack(filepath.Join(dir, "dest")) })
	left, readErr := os.ReadDir(dir)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if err != nil && len(left) > 0 || err == nil && (len(left) != 1 || left[0].Name() != "dest") {
		t.Errorf("found %v (%v)", left, err)
	}
	size := int64(0)
	walkErr := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			if size += info.Size(); !info.Mode().IsRegular() {
				t.Errorf("%s is no plain file", info.Name())
			}
		}
		return err
	})
	if walkErr != nil || size > fuzzLimits.Bytes {
		t.Errorf("found %d bytes (%v)", size, walkErr)
	}
}

func FuzzTar(f *testing.F) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, name := range []string{"a/b.txt", "../c", "/d", "e"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: 3}); err != nil {
			f.Fatal(err)
		}
		if _, err := w.Write([]byte("abc")); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: "link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(packed.Bytes(), false)
	f.Add(packed.Bytes()[:1024], false)
	var z bytes.Buffer
	g := gzip.NewWriter(&z)
	if _, err := g.Write(packed.Bytes()[:1024]); err != nil {
		f.Fatal(err)
	}
	if err := g.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(z.Bytes(), true)
	f.Fuzz(func(t *testing.T, data []byte, gz bool) {
		whatever(t, data, func(dest string) error {
			if gz {
				return TarGz(t.Context(), bytes.NewReader(data), dest, fuzzLimits)
			}
			return Tar(t.Context(), bytes.NewReader(data), dest, fuzzLimits)
		})
	})
}

func FuzzZip(f *testing.F) {
	for _, names := range [][]string{{"a/b.txt", "c"}, {"../c"}, {"d", "d"}} {
		var packed bytes.Buffer
		w := zip.NewWriter(&packed)
		for _, name := range names {
			file, err := w.Create(name)
			if err != nil {
				f.Fatal(err)
			}
			if _, err := file.Write([]byte("abc")); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(packed.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whatever(t, data, func(dest string) error {
			return Zip(t.Context(), bytes.NewReader(data), int64(len(data)), dest, fuzzLimits)
		})
	})
}
