package plots_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

var update = flag.Bool("update", false, "write the golden pictures in testdata anew")

// Each example writes one picture, which is compared with testdata/<name>_golden.png. After a change that is meant:
// go test ./plots -run TestExamples -update, then look at the pictures.
func TestExamples(t *testing.T) {
	for _, example := range []struct {
		name string
		run  func()
	}{
		{"curves", ExampleCurves},
		{"curves_logarithmic", ExampleCurves_logarithmic},
		{"heatmap", ExampleHeatmap},
		{"heatmap_before_after", ExampleHeatmap_beforeAndAfter},
		{"attention", ExampleAttentionStrip},
		{"scatter", ExampleScatter},
		{"bars", ExampleBars},
		{"sheet", ExampleSheet},
		{"tsne", ExampleTSNE},
		{"umap", ExampleUMAP},
		{"diagram", ExampleDiagram},
		{"diagram_loop", ExampleDiagram_loop},
	} {
		t.Run(example.name, func(t *testing.T) {
			if descends := example.name == "tsne" || example.name == "umap"; descends && runtime.GOARCH != "amd64" {
				t.Skip("other processors round products otherwise, and a descent makes that large")
			}
			golden, err := filepath.Abs(filepath.Join("testdata", example.name+"_golden.png"))
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			example.run()
			got, err := os.ReadFile(example.name + ".png")
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, golden, got)
		})
	}
}

const maxGoldenBytes = 60_000

func checkGolden(t *testing.T, golden string, got []byte) {
	t.Helper()
	if len(got) > maxGoldenBytes {
		t.Errorf("%s: %d bytes, expected at most %d in the repository", filepath.Base(golden), len(got), maxGoldenBytes)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if err := comparePNG(want, got); err != nil {
		t.Errorf("%s: %v; if the change is meant, run with -update and look at the new picture", filepath.Base(golden), err)
	}
}

// comparePNG allows for the last bits of floating-point sums, which differ between processors: an edge that is
// smoothed may come out a shade lighter. A moved line or letter changes far more.
func comparePNG(want, got []byte) error {
	a, err := png.Decode(bytes.NewReader(want))
	if err != nil {
		return fmt.Errorf("golden picture: %w", err)
	}
	b, err := png.Decode(bytes.NewReader(got))
	if err != nil {
		return err
	}
	if a.Bounds() != b.Bounds() {
		return fmt.Errorf("expected %v pixels, found %v", a.Bounds().Size(), b.Bounds().Size())
	}
	const shade, most = 6, 20
	differ := 0
	var first image.Point
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if gap(r1, r2) > shade || gap(g1, g2) > shade || gap(b1, b2) > shade {
				if differ == 0 {
					first = image.Pt(x, y)
				}
				differ++
			}
		}
	}
	if differ > most {
		return fmt.Errorf("%d pixels differ by more than %d/255, the first at %v", differ, shade, first)
	}
	return nil
}

func gap(a, b uint32) uint32 { return max(a, b)>>8 - min(a, b)>>8 }
