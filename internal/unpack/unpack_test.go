package unpack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is a member of a made-up archive; kind is a tar type, 0 for a plain file.
type entry struct {
	name, data string
	kind       byte
}

func makeTar(entries []entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o4777, Size: int64(len(e.data)), Typeflag: tar.TypeReg, Format: tar.FormatGNU}
		if e.kind != 0 {
			h.Typeflag, h.Linkname, h.Size = e.kind, e.data, 0
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if e.kind == 0 {
			w.Write([]byte(e.data))
		}
	}
	w.Close()
	return b.Bytes()
}

func makeGz(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func makeZip(entries []entry) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		switch e.kind {
		case tar.TypeSymlink:
			h.SetMode(fs.ModeSymlink | 0o777)
		case tar.TypeDir:
			h.SetMode(fs.ModeDir | 0o755)
		case tar.TypeChar:
			h.SetMode(fs.ModeDevice | fs.ModeCharDevice | 0o666)
		default:
			h.SetMode(0o644)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			panic(err)
		}
		if e.kind != tar.TypeDir {
			f.Write([]byte(e.data))
		}
	}
	w.Close()
	return b.Bytes()
}

// formats runs the same members through all three kinds of archive.
var formats = map[string]func(ctx context.Context, entries []entry, dest string, limits Limits) error{
	"tar": func(ctx context.Context, e []entry, dest string, l Limits) error {
		return Tar(ctx, bytes.NewReader(makeTar(e)), dest, l)
	},
	"tar.gz": func(ctx context.Context, e []entry, dest string, l Limits) error {
		return TarGz(ctx, bytes.NewReader(makeGz(makeTar(e))), dest, l)
	},
	"zip": func(ctx context.Context, e []entry, dest string, l Limits) error {
		data := makeZip(e)
		return Zip(ctx, bytes.NewReader(data), int64(len(data)), dest, l)
	},
}

// contents lists every file and folder below dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			found[name+"/"] = ""
			return nil
		}
		data, err := os.ReadFile(path)
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestUnpack(t *testing.T) {
	entries := []entry{
		{name: "a/", kind: tar.TypeDir}, {name: "a/one.txt", data: "one"}, {name: "./b/deep/two.txt", data: strings.Repeat("two", 50_000)},
		{name: "empty/", kind: tar.TypeDir}, {name: "...dots", data: ""},
	}
	want := map[string]string{"a/": "", "a/one.txt": "one", "b/": "", "b/deep/": "", "b/deep/two.txt": strings.Repeat("two", 50_000), "empty/": "", "...dots": ""}
	for name, unpack := range formats {
		parent := t.TempDir()
		dest := filepath.Join(parent, "new", "data")
		if err := unpack(t.Context(), entries, dest, Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, contents(t, dest)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if info, _ := os.Stat(filepath.Join(dest, "a/one.txt")); info.Mode() != 0o644 {
			t.Errorf("%s: a file has mode %v, want no setuid and no execution", name, info.Mode())
		}
		if others := contents(t, filepath.Join(parent, "new")); len(others) != len(want)+1 {
			t.Errorf("%s: something is left beside the folder: %v", name, others)
		}
		if err := unpack(t.Context(), entries, dest, Limits{}); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: unpacking over a folder gives %v", name, err)
		}
	}
}

func TestHostile(t *testing.T) {
	many := make([]entry, 20)
	for i := range many {
		many[i] = entry{name: fmt.Sprintf("f%d", i)}
	}
	for _, tc := range []struct {
		name    string
		entries []entry
		limits  Limits
		want    string
		tarOnly bool
	}{
		{name: "parent", entries: []entry{{name: "../evil", data: "x"}}, want: `found "../evil"`},
		{name: "parent inside", entries: []entry{{name: "a/../../evil", data: "x"}}, want: "expected paths inside"},
		{name: "absolute", entries: []entry{{name: "/evil", data: "x"}}, want: "expected paths inside"},
		{name: "backslash", entries: []entry{{name: `..\evil`, data: "x"}}, want: "expected paths inside"},
		{name: "folder out", entries: []entry{{name: "../evil/", kind: tar.TypeDir}}, want: "expected paths inside"},
		{name: "symlink out", entries: []entry{{name: "l", data: "/etc", kind: tar.TypeSymlink}, {name: "l/passwd", data: "x"}}, want: "link"},
		{name: "hard link", entries: []entry{{name: "l", data: "/etc/passwd", kind: tar.TypeLink}}, want: `found the link "l" to "/etc/passwd"`, tarOnly: true},
		{name: "device", entries: []entry{{name: "dev", kind: tar.TypeChar}}, want: "special file"},
		{name: "fifo", entries: []entry{{name: "pipe", kind: tar.TypeFifo}}, want: "special file", tarOnly: true},
		{name: "twice", entries: []entry{{name: "a", data: "1"}, {name: "./a", data: "2"}}, want: `found "./a" again`},
		{name: "too many", entries: many, limits: Limits{Files: 10}, want: "expected at most 10 files"},
		{name: "too large", entries: []entry{{name: "a", data: strings.Repeat("x", 5000)}}, limits: Limits{Bytes: 1000}, want: "expected at most 1000 bytes"},
	} {
		for format, unpack := range formats {
			if tc.tarOnly && format == "zip" {
				continue
			}
			parent := t.TempDir()
			err := unpack(t.Context(), tc.entries, filepath.Join(parent, "in", "data"), tc.limits)
			if !errors.Is(err, ErrHostile) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s in %s: error %v, want %q", tc.name, format, err, tc.want)
			}
			if left := contents(t, parent); len(left) != 1 {
				t.Errorf("%s in %s left %v", tc.name, format, left)
			}
		}
	}
}

func TestBombs(t *testing.T) {
	zeros := []entry{{name: "zeros", data: strings.Repeat("\x00", 8<<20)}} // packs to about a thousandth
	for _, format := range []string{"tar.gz", "zip"} {
		err := formats[format](t.Context(), zeros, filepath.Join(t.TempDir(), "data"), Limits{})
		if !errors.Is(err, ErrHostile) || !strings.Contains(err.Error(), "it may be a bomb") {
			t.Errorf("%s: error %v, want that it may be a bomb", format, err)
		}
		if err := formats[format](t.Context(), zeros, filepath.Join(t.TempDir(), "data"), Limits{Ratio: 2000}); err != nil {
			t.Errorf("%s with a higher limit: %v", format, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	entries := []entry{{name: "a", data: strings.Repeat("abc", 10_000)}, {name: "b", data: "end"}}
	packed := makeGz(makeTar(entries))
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 1 // in gzip's checksum
	zipped := makeZip(entries)
	open := func(data []byte) func(string) error {
		return func(dest string) error {
			return Zip(t.Context(), bytes.NewReader(data), int64(len(data)), dest, Limits{})
		}
	}
	gz := func(data []byte) func(string) error {
		return func(dest string) error { return TarGz(t.Context(), bytes.NewReader(data), dest, Limits{}) }
	}
	for name, tc := range map[string]struct {
		unpack func(string) error
		want   string
	}{
		"cut tar": {func(dest string) error {
			return Tar(t.Context(), bytes.NewReader(makeTar(entries)[:5000]), dest, Limits{})
		}, "it is cut"},
		"cut tar.gz":     {gz(packed[:len(packed)/2]), "it is cut"},
		"cut at the end": {gz(packed[:len(packed)-4]), "it is cut"},
		"bad checksum":   {gz(flipped), "checksum"},
		"no gzip":        {gz([]byte("<html>not an archive</html>")), "expected gzip-compressed data"},
		"no tar":         {gz(makeGz(bytes.Repeat([]byte("text"), 1000))), "expected a tar archive"},
		"empty tar":      {gz(makeGz(makeTar(nil))), "found an empty archive"},
		"cut zip":        {open(zipped[:len(zipped)-30]), "expected a zip archive"},
	} {
		parent := t.TempDir()
		if err := tc.unpack(filepath.Join(parent, "data")); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", name, err, tc.want)
		}
		if left := contents(t, parent); len(left) != 0 {
			t.Errorf("%s left %v", name, left)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	parent := t.TempDir()
	err := formats["tar.gz"](ctx, []entry{{name: "a", data: "x"}}, filepath.Join(parent, "data"), Limits{})
	if !errors.Is(err, context.Canceled) || len(contents(t, parent)) != 0 {
		t.Errorf("cancelled: %v, left %v", err, contents(t, parent))
	}
}
