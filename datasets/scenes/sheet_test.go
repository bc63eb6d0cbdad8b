package scenes

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/sheet.png anew")

// sheet lays the first cols*rows scenes side by side, two pixels apart on white.
func sheet(t testing.TB, cfg Config, cols, rows int) *image.RGBA {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	step := s.cfg.Size + 2
	img := image.NewRGBA(image.Rect(0, 0, cols*step-2, rows*step-2))
	draw.Draw(img, img.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	for i := range cols * rows {
		at := image.Pt(i%cols*step, i/cols*step)
		one := s.Scene(i).Image()
		draw.Draw(img, one.Rect.Add(at), one, image.Point{}, draw.Src)
	}
	return img
}

// The golden picture is drawn without noise, which would not compress; TestSameBytes holds the noise fast.
// To change it on purpose: go test ./datasets/scenes -run Sheet -update, and look at it.
func TestSheet(t *testing.T) {
	cfg := Default()
	cfg.Noise = 0
	got := sheet(t, cfg, 7, 3)
	path := filepath.Join("testdata", "sheet.png")
	if *update {
		var b bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, got); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if got.Rect != want.Bounds() {
		t.Fatalf("the sheet is %v, the golden one %v", got.Rect, want.Bounds())
	}
	wrong := 0
	for y := range got.Rect.Max.Y {
		for x := range got.Rect.Max.X {
			if got.RGBAAt(x, y) != color.RGBAModel.Convert(want.At(x, y)) {
				wrong++
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d pixels differ from %s; if that is meant, raise version in dataset.go and run with -update", wrong, path)
	}
}
