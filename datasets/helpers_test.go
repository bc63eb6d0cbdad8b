package datasets

import (
	"archive/tar"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// jpg and pngFile are tiny pictures of one grey level.
func jpg(grey uint8) string {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, uniform(grey), nil); err != nil {
		panic(err)
	}
	return b.String()
}

func pngFile(grey uint8) string {
	var b bytes.Buffer
	if err := png.Encode(&b, uniform(grey)); err != nil {
		panic(err)
	}
	return b.String()
}

func uniform(grey uint8) image.Image {
	g := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range g.Pix {
		g.Pix[i] = grey
	}
	return g
}

// tree writes files into a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// member is one file of a made-up shard; kind 0 is a plain file.
type member struct {
	name, data string
	kind       byte
}

func tarball(members ...member) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Size: int64(len(m.data)), Mode: 0o644, Typeflag: tar.TypeReg}
		if m.kind != 0 {
			h.Typeflag, h.Size, h.Linkname = m.kind, 0, m.data
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if m.kind == 0 {
			w.Write([]byte(m.data))
		}
	}
	w.Close()
	return b.String()
}

// summary is what a data set says of its examples, a line each.
func summary(ds Dataset) []string {
	var lines []string
	for i := range ds.Len() {
		e := ds.At(i)
		lines = append(lines, fmt.Sprintf("%s %q %q %v", e.ID, e.Captions, e.Label, e.Attributes))
	}
	return lines
}

func problemLines(ds Dataset) []string {
	var lines []string
	for _, p := range Problems(ds) {
		lines = append(lines, p.String())
	}
	return lines
}

// wantProblems checks that each problem contains what is expected of it, and that there are no others.
func wantProblems(t *testing.T, ds Dataset, want ...string) {
	t.Helper()
	got := problemLines(ds)
	if len(got) != len(want) {
		t.Errorf("%d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
		return
	}
	for i := range got {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("problem %d is %q, want %q in it", i, got[i], want[i])
		}
	}
}

func greyOf(t *testing.T, e Example) uint8 {
	t.Helper()
	img, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	return color.GrayModel.Convert(img.At(3, 3)).(color.Gray).Y
}
