package picture

import (
	"encoding/binary"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var ratios = []image.YCbCrSubsampleRatio{
	image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
	image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
}

// pictures makes one of every image type that a decoder may hand over, with bounds that need not begin at zero.
func pictures(t *rapid.T, w, h int) map[string]image.Image {
	rect := image.Rect(0, 0, w, h)
	if rapid.Bool().Draw(t, "shifted") {
		rect = rect.Add(image.Pt(3, 6))
	}
	pal := image.NewPaletted(rect, color.Palette{color.NRGBA{9, 8, 7, 0}, color.White, color.NRGBA{200, 10, 10, 255}})
	all := map[string]image.Image{
		"rgb": photo(w, h), "gray": image.NewGray(rect), "gray16": image.NewGray16(rect), "rgba": image.NewRGBA(rect), "nrgba": image.NewNRGBA(rect),
		"cmyk": image.NewCMYK(rect), "rgba64": image.NewRGBA64(rect), "nrgba64": image.NewNRGBA64(rect), "paletted": pal,
	}
	fill := func(pix []uint8, below int) {
		for i := range pix {
			pix[i] = uint8(rapid.IntRange(0, below-1).Draw(t, "value"))
		}
	}
	for _, img := range all {
		switch m := img.(type) {
		case *image.Gray:
			fill(m.Pix, 256)
		case *image.RGBA: // premultiplied: no channel above alpha
			for i := range m.Pix {
				m.Pix[i] = uint8(i%4*20 + i%7)
			}
		case *image.NRGBA:
			fill(m.Pix, 256)
		case *image.CMYK:
			fill(m.Pix, 256)
		case *image.Paletted:
			fill(m.Pix, 3)
		}
	}
	for _, ratio := range ratios {
		m := image.NewYCbCr(rect, ratio)
		fill(m.Cb, 256)
		fill(m.Cr, 256)
		all["ycbcr "+ratio.String()] = m
	}
	return all
}

func bytesOf(wide []int32) []uint8 {
	var out []uint8
	for _, v := range wide {
		out = binary.LittleEndian.AppendUint32(out, uint32(v))
	}
	return out
}

// TestPartsOfPictures: reading a part gives what the whole holds there, for every type, ratio and place.
func TestPartsOfPictures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 9).Draw(t, "w"), rapid.IntRange(1, 9).Draw(t, "h")
		x0, y0 := rapid.IntRange(0, w-1).Draw(t, "x0"), rapid.IntRange(0, h-1).Draw(t, "y0")
		part := image.Rect(x0, y0, rapid.IntRange(x0+1, w).Draw(t, "x1"), rapid.IntRange(y0+1, h).Draw(t, "y1"))
		for name, img := range pictures(t, w, h) {
			whole, got := load(img, image.Rect(0, 0, w, h)), load(img, part)
			ch := whole.mode.channels()
			if whole.mode == modeI {
				whole.pix, got.pix = bytesOf(whole.wide), bytesOf(got.wide)
				ch = 4
			}
			var want []uint8
			for y := part.Min.Y; y < part.Max.Y; y++ {
				want = append(want, whole.pix[(y*w+part.Min.X)*ch:(y*w+part.Max.X)*ch]...)
			}
			if !slices.Equal(got.pix, want) {
				t.Errorf("%s: part %v of %dx%d is %v, want %v", name, part, w, h, got.pix, want)
			}
			// Grey is grey in any ratio; otherwise the colours are those Go's own conversion gives, but for
			// smoothed chroma.
			if rgb, at := whole.rgb(), straight(img.At(img.Bounds().Min.X, img.Bounds().Min.Y)); !strings.HasPrefix(name, "ycbcr") && name != "cmyk" {
				if rgb.Pix[0] != at.R || rgb.Pix[1] != at.G || rgb.Pix[2] != at.B {
					t.Errorf("%s: first pixel %v, want %v", name, rgb.Pix[:3], at)
				}
			}
		}
	})
}

// TestConstantStaysConstant: weights add up to one, so that resizing one colour gives that colour.
func TestConstantStaysConstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := color.NRGBA{rapid.Byte().Draw(t, "r"), rapid.Byte().Draw(t, "g"), rapid.Byte().Draw(t, "b"), 255}
		p := NewRGB(rapid.IntRange(1, 50).Draw(t, "w"), rapid.IntRange(1, 50).Draw(t, "h"))
		for i := range p.W * p.H {
			p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2] = c.R, c.G, c.B
		}
		filter := Filter(rapid.IntRange(0, 2).Draw(t, "filter"))
		got, err := Resize(p, rapid.IntRange(1, 50).Draw(t, "toW"), rapid.IntRange(1, 50).Draw(t, "toH"), filter)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got.(*RGB).Pix {
			if want := [3]uint8{c.R, c.G, c.B}[i%3]; v != want {
				t.Fatalf("value %d is %d, want %d", i, v, want)
			}
		}
	})
}

// TestResizeByHand: numbers computed by hand from the definition of the filters (Pillow, Resample.c). Bilinear
// to half of 0 0 255 255: weights .75 .75 .25 of a kernel stretched to 2, 255*.25/1.75 = 36.4. Bicubic, output 3 of 8:
// weights -.0703125 .8671875 .2265625 -.0234375, 255*(.2265625-.0234375) = 51.8.
func TestResizeByHand(t *testing.T) {
	for _, tc := range []struct {
		name     string
		filter   Filter
		from, to []uint8
	}{
		{"bilinear, twice", Bilinear, []uint8{0, 255}, []uint8{0, 64, 191, 255}},
		{"bilinear, half", Bilinear, []uint8{0, 0, 255, 255}, []uint8{36, 219}},
		{"nearest, twice", Nearest, []uint8{1, 2}, []uint8{1, 1, 2, 2}},
		{"nearest, to two fifths", Nearest, []uint8{1, 2, 3, 4, 5}, []uint8{2, 4}},
		{"bicubic overshoot is clipped", Bicubic, []uint8{0, 0, 255, 255}, []uint8{0, 0, 0, 52, 203, 255, 255, 255}},
		{"same size", Bicubic, []uint8{3, 1, 2}, []uint8{3, 1, 2}},
	} {
		across := &image.Gray{Pix: tc.from, Stride: len(tc.from), Rect: image.Rect(0, 0, len(tc.from), 1)}
		down := &image.Gray{Pix: tc.from, Stride: 1, Rect: image.Rect(0, 0, 1, len(tc.from))}
		a, err := Resize(across, len(tc.to), 1, tc.filter)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Resize(down, 1, len(tc.to), tc.filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []image.Image{a, d} {
			if diff := cmp.Diff(tc.to, got.(*image.Gray).Pix); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
		}
	}
}

// TestAlphaIsPremultiplied: the colour of transparent pixels must not bleed into what is visible.
func TestAlphaIsPremultiplied(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	m.Set(0, 0, color.NRGBA{200, 0, 0, 255})
	m.Set(1, 0, color.NRGBA{0, 255, 0, 0})
	got, err := Resize(m, 4, 1, Bilinear)
	if err != nil {
		t.Fatal(err)
	}
	if c := got.(*image.NRGBA).NRGBAAt(1, 0); c.G != 0 || c.R < 199 || c.A != 191 {
		t.Errorf("between red and transparent green lies %v, want red with alpha 191", c)
	}
}

func TestKeepsItsMode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for name, img := range pictures(t, 5, 4) {
			for _, size := range []image.Point{{5, 4}, {3, 4}, {7, 9}} {
				got, err := Resize(img, size.X, size.Y, Bicubic)
				if err != nil {
					t.Fatal(err)
				}
				if modeOf(got) != modeOf(img) && modeOf(img) != modeRGBA || got.Bounds() != image.Rect(0, 0, size.X, size.Y) {
					t.Errorf("%s of mode %d became %T of mode %d, %v", name, modeOf(img), got, modeOf(got), got.Bounds())
				}
			}
		}
	})
}

func TestGeometryRefusals(t *testing.T) {
	p := photo(10, 8)
	whole := image.Rect(0, 0, 10, 8)
	for name, call := range map[string]func() error{
		"resize to nothing":    func() error { _, err := Resize(p, 0, 5, Bicubic); return err },
		"resize to too much":   func() error { _, err := Resize(p, 100_000, 100_000, Bicubic); return err },
		"short side below 1":   func() error { _, err := ShortSideCrop(p, 0, Bicubic); return err },
		"no pixels":            func() error { _, err := ShortSideCrop(NewRGB(0, 0), 4, Bicubic); return err },
		"crop larger":          func() error { _, err := CenterCrop(p, 11, 4); return err },
		"crop outside":         func() error { _, err := ResizeCrop(p, 5, 5, whole, Bicubic); return err },
		"crop of nothing":      func() error { _, err := ResizeCrop(p, 5, 5, image.Rectangle{}, Bicubic); return err },
		"short side of a line": func() error { _, err := ShortSide(photo(20_000, 1), 500, Bicubic); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%s: error %v, want a sentence", name, err)
		}
	}
}

func TestCentreRoundsHalvesToEven(t *testing.T) {
	for _, tc := range [][3]int{{5, 4, 0}, {7, 4, 2}, {302, 224, 39}, {145, 112, 16}, {9, 4, 2}} {
		if got := centre(tc[0], tc[0], tc[1], tc[1]).Min.X; got != tc[2] {
			t.Errorf("cropping %d to %d begins at %d, want %d", tc[0], tc[1], got, tc[2])
		}
	}
}

func TestTensors(t *testing.T) {
	p := &RGB{W: 2, H: 1, Pix: []uint8{0, 51, 102, 255, 204, 153}}
	mean, std := [3]float32{0, 0.2, 0.5}, [3]float32{1, 0.5, 0.1}
	if d := maxDifference(ToCHW(p, mean, std), []float32{0, 1, 0, 1.2, -1, 1}); d > 1e-6 {
		t.Errorf("CHW is %v", ToCHW(p, mean, std))
	}
	if d := maxDifference(ToHWC(p, mean, std), []float32{0, 0, -1, 1, 1.2, 1}); d > 1e-6 {
		t.Errorf("HWC is %v", ToHWC(p, mean, std))
	}
	if diff := cmp.Diff([]uint8{255, 204, 153, 0, 51, 102}, FlipHorizontal(p).Pix); diff != "" {
		t.Error(diff)
	}
	defer func() {
		if recover() == nil {
			t.Error("a tensor of the wrong size was filled")
		}
	}()
	CHWInto(make([]float32, 5), p, mean, std)
}
