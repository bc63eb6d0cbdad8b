package captioner

import (
	"image"
	"image/color"
	"slices"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
)

// A crop shows a part of the picture, the same at every call, another for each picture and number; in the mirror it is turned.
func TestCrops(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 64, 64)) // red says the column, green the row
	for y := range 64 {
		for x := range 64 {
			img.Set(x, y, color.RGBA{R: uint8(4 * x), G: uint8(4 * y), A: 255})
		}
	}
	e := &Encoder{size: 32, net: nil}
	shown := func(i int, v View) *picture.RGB {
		rgb, err := e.prepareView(img, i, v)
		if err != nil {
			t.Fatal(err)
		}
		if rgb.W != 32 || rgb.H != 32 {
			t.Fatalf("got %d x %d pixels", rgb.W, rgb.H)
		}
		return rgb
	}
	seen := map[string]bool{string(shown(0, View{}).Pix): true}
	for i := range 20 {
		for crop := 1; crop <= 2; crop++ {
			rgb := shown(i, View{Crop: crop})
			seen[string(rgb.Pix)] = true
			if !slices.Equal(rgb.Pix, shown(i, View{Crop: crop}).Pix) {
				t.Errorf("picture %d, crop %d: drawn anew", i, crop)
			}
			if mirrored := shown(i, View{Crop: crop, Mirrored: true}); !slices.Equal(mirrored.Pix, picture.FlipHorizontal(rgb).Pix) {
				t.Errorf("picture %d, crop %d: its mirror image is another", i, crop)
			}
			first, last := rgb.Pix[:3], rgb.Pix[len(rgb.Pix)-3:]
			w, h := (float64(last[0])-float64(first[0]))/248, (float64(last[1])-float64(first[1]))/248 // from 2 to 250 of the whole picture
			if area := w * h; area < 0.55 || area > 1.01 || w/h < 1/1.4 || w/h > 1.4 {
				t.Errorf("picture %d, crop %d: shows %.2f x %.2f of the sides", i, crop, w, h)
			}
		}
	}
	if len(seen) < 30 { // few pixels: some fall together
		t.Errorf("40 crops and the picture itself are %d different pictures", len(seen))
	}
}

// Features of views are kept apart from each other, and what is trained sees pixels of the view.
func TestViewsAreKeptApart(t *testing.T) {
	b, set := openGo(t), someScenes(t, 5)
	for _, pool := range []int{0, 4} {
		c := aMember(t, b, set, pool, 3)
		var rows [][]float32
		for _, v := range []View{{}, {Mirrored: true}, {Crop: 1}, {Crop: 2}, {Crop: 1, Mirrored: true}} {
			for range 2 { // the second time from the cache
				prepared, _, err := c.PrepareView(t.Context(), &experiments.Env{Backend: b}, set, v)
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, slices.Clone(prepared.Inputs(1)))
			}
		}
		for i := range rows {
			for j := range i {
				if same := slices.Equal(rows[i], rows[j]); same != (i/2 == j/2) {
					t.Errorf("pool %d: views %d and %d are the same: %v", pool, i/2, j/2, same)
				}
			}
		}
	}
}
