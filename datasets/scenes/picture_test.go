package scenes

import (
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// The hash is of pictures, captions and questions made by this package; it has no other source. If it changes,
// every data set changes: raise version in dataset.go, so that caches are not mistaken for the new one's.
func TestSameBytes(t *testing.T) {
	if got, want := digest(must(t, Default()), slices.Collect(upTo(256))), "d71aae76b25d389de09ccf871f72445e"; got != want {
		t.Errorf("the first 256 scenes hash to %s, not to %s; if that is meant, raise version in dataset.go", got, want)
	}
}

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// digest asks for the scenes in the given order, and hashes them in their own.
func digest(s *Scenes, order []int) string {
	parts := make([]string, len(order))
	for _, i := range order {
		parts[i] = one(s, i)
	}
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, parts)))[:32]
}

func one(s *Scenes, i int) string {
	scene := s.Scene(i)
	return fmt.Sprintf("%x %q %q", sha256.Sum256(scene.Image().Pix), scene.Captions(), scene.Questions())
}

func TestOrderAndWorkersDoNotMatter(t *testing.T) {
	s := must(t, Default())
	order := slices.Collect(upTo(64))
	want := digest(s, order)
	slices.Reverse(order)
	if digest(s, order) != want {
		t.Error("asked for backwards, the scenes differ")
	}
	if again := must(t, Default()); digest(again, order) != want {
		t.Error("another data set of the same Config differs")
	}
	parts := make([]string, len(order))
	var group sync.WaitGroup
	for w := range 7 {
		group.Go(func() {
			for i := w; i < len(parts); i += 7 {
				parts[i] = one(s, i)
			}
		})
	}
	group.Wait()
	if got := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, parts)))[:32]; got != want {
		t.Error("made by seven workers, the scenes differ")
	}
}

func TestSeedSplitAndNoise(t *testing.T) {
	base := Default()
	same := one(must(t, base), 5)
	for name, change := range map[string]func(*Config){
		"Seed": func(c *Config) { c.Seed++ }, "Split": func(c *Config) { c.Split = Test },
		"Noise": func(c *Config) { c.Noise *= 2 }, "Size": func(c *Config) { c.Size = 65 },
	} {
		cfg := base
		change(&cfg)
		if one(must(t, cfg), 5) == same {
			t.Errorf("another %s gives the same scene", name)
		}
	}
	cfg := base
	cfg.Noise, cfg.Count = 0.2, 77
	a, b := must(t, base).Scene(5), must(t, cfg).Scene(5)
	if !slices.Equal(a.Captions(), b.Captions()) || a.Objects[0].Full != b.Objects[0].Full {
		t.Error("another Noise or Count changes what is in the scene")
	}
}

// The noise has the deviation asked for and no drift.
func TestNoise(t *testing.T) {
	for _, want := range []float64{0.02, 0.1} {
		img := image.NewRGBA(image.Rect(0, 0, 128, 128))
		for i := range img.Pix {
			img.Pix[i] = 127
		}
		addNoise(img, want, rand.NewPCG(1, 2))
		var sum, squares, n float64
		for i, v := range img.Pix {
			if i%4 == 3 {
				if v != 127 {
					t.Fatal("noise reached the alpha channel")
				}
				continue
			}
			d := float64(v) - 127
			sum, squares, n = sum+d, squares+d*d, n+1
		}
		if mean, deviation := sum/n, math.Sqrt(squares/n)/255; math.Abs(mean) > 0.3 || math.Abs(deviation/want-1) > 0.03 {
			t.Errorf("noise of %g has mean %.2f and deviation %.4f", want, mean, deviation)
		}
	}
}

// The covered area is that of geometry: pi r^2, or the shoelace formula over the outline.
func TestAreas(t *testing.T) {
	for _, shape := range Shapes() {
		for _, r := range []int{5 * subpixels, 2900, 20 * subpixels} {
			for _, k := range []int{-30, 0, 17} {
				pixels := float64(r) / subpixels
				want := math.Pi * pixels * pixels
				if shape == Ring {
					want *= (ringOuter*ringOuter - ringInner*ringInner) / 1e6
				}
				if polygon := outlines[shape]; polygon != nil {
					want = 0
					for i, a := range polygon {
						b := polygon[(i+1)%len(polygon)]
						want += float64(a.x*b.y-b.x*a.y) / 2e6 * pixels * pixels
					}
				}
				s := cut(shape, r, k, 77, 200)
				got := 0.0
				for _, cover := range s.cover {
					got += float64(cover) / 255
				}
				if math.Abs(got/want-1) > 0.015 {
					t.Errorf("a %s of radius %.1f turned by %d covers %.1f pixels; by geometry %.1f", shape, pixels, k, got, want)
				}
			}
		}
	}
}

// No shape leaves its stencil or is wider than half of the smallest picture, whatever its size and turn.
func TestStencils(t *testing.T) {
	for _, size := range []int{MinSize, 64, MaxSize} {
		for _, shape := range Shapes() {
			for k := -30; k <= 30; k += 3 {
				for thousandths := 92; thousandths <= 180; thousandths += 4 {
					s := cut(shape, size*subpixels*thousandths/1000, k, 8*k+240, 255)
					if s.w > size/2 || s.h > size/2 || !s.solid.In(image.Rect(0, 0, s.w, s.h)) || s.solid.Empty() {
						t.Fatalf("a %s of %d thousandths of %d pixels has a stencil of %d x %d", shape, thousandths, size, s.w, s.h)
					}
				}
			}
		}
	}
}

// What a picture without noise shows at a pixel agrees with the masks: plain objects have their own colour there,
// and the background is far from every colour of the palette.
func TestPixelsAgreeWithMasks(t *testing.T) {
	s := must(t, Config{Count: 400, Occlusion: true, Seed: 31})
	distance := func(img *image.RGBA, x, y int, c rgb) float64 {
		p := img.RGBAAt(x, y)
		a, b, d := float64(p.R)-float64(c[0]), float64(p.G)-float64(c[1]), float64(p.B)-float64(c[2])
		return math.Sqrt(a*a + b*b + d*d)
	}
	closest := math.Inf(1)
	for i := range s.Len() {
		scene := s.Scene(i)
		img := scene.Image()
		if !img.Opaque() {
			t.Fatalf("scene %d is not opaque", i)
		}
		for y := range scene.Side {
			for x := range scene.Side {
				k := int(scene.owner[y*scene.Side+x]) - 1
				if k < 0 {
					if touched(scene, x, y) {
						continue
					}
					for _, p := range palette {
						closest = min(closest, distance(img, x, y, p.rgb))
					}
					continue
				}
				o := scene.Objects[k]
				if o.Texture != Plain || !o.stencil.inside(x-o.corner.X, y-o.corner.Y) || touchedBy(scene, k+1, x, y) {
					continue
				}
				nearest := slices.MinFunc(palette[:], func(a, b struct {
					name     Colour
					rgb      rgb
					lightInk bool
					heldOut  Shape
				}) int {
					return int(distance(img, x, y, a.rgb) - distance(img, x, y, b.rgb))
				})
				if nearest.name != o.Colour {
					t.Fatalf("scene %d: pixel %d,%d of a %s looks %s: %v", i, x, y, Class(o.Colour, o.Shape), nearest.name, img.RGBAAt(x, y))
				}
			}
		}
	}
	t.Logf("the closest background pixel is %.0f from a colour of the palette", closest)
	if closest < 65 {
		t.Errorf("a background pixel is only %.0f from a colour of the palette", closest)
	}
}

// touched says whether any object's soft edge reaches the pixel.
func touched(s Scene, x, y int) bool { return touchedBy(s, 0, x, y) }

// touchedBy says the same of the objects from index first on.
func touchedBy(s Scene, first, x, y int) bool {
	for _, o := range s.Objects[first:] {
		if at := image.Pt(x, y); at.In(o.rect()) && o.stencil.cover[(y-o.corner.Y)*o.stencil.w+x-o.corner.X] > 0 {
			return true
		}
	}
	return false
}

// A name of a colour is a colour: the middle of those that objects are drawn in.
func TestColourOfItsName(t *testing.T) {
	for i, name := range Colours() {
		if got := color.RGBAModel.Convert(name).(color.RGBA); int(got.R) != palette[i].rgb[0] || int(got.B) != palette[i].rgb[2] || got.A != 255 {
			t.Errorf("%s is %v, expected %v", name, got, palette[i].rgb)
		}
	}
	if got := color.RGBAModel.Convert(Colour("")).(color.RGBA); got != (color.RGBA{A: 255}) {
		t.Errorf("no colour is %v, expected black", got)
	}
}
