package scenes

import (
	"image"
	"math/rand/v2"
	"testing"
)

// checkScene checks what holds for every scene, from the masks alone where they tell it.
func checkScene(t *testing.T, scene Scene, occlusion bool) {
	t.Helper()
	inner := image.Rect(0, 0, scene.Side, scene.Side).Inset(1)
	union := image.NewAlpha(image.Rect(0, 0, scene.Side, scene.Side))
	for k, mask := range scene.Masks() {
		o := scene.Objects[k]
		var box image.Rectangle
		seen := 0
		for y := range scene.Side {
			for x := range scene.Side {
				if mask.AlphaAt(x, y).A == 0 {
					continue
				}
				seen++
				box = box.Union(image.Rect(x, y, x+1, y+1))
				if union.AlphaAt(x, y).A != 0 {
					t.Errorf("scene %d: pixel %d,%d is in two masks", scene.Index, x, y)
				}
				union.SetAlpha(x, y, mask.AlphaAt(x, y))
			}
		}
		if box != o.Box || !o.Box.In(o.Full) || !o.Full.In(inner) {
			t.Errorf("scene %d, object %d: the mask's box is %v, Box %v, Full %v", scene.Index, k, box, o.Box, o.Full)
		}
		if seen != o.seen || o.Visible < MinVisible || o.Visible > 1 || !occlusion && o.Visible != 1 {
			t.Errorf("scene %d, object %d: %d pixels in the mask, %d counted, %g visible", scene.Index, k, seen, o.seen, o.Visible)
		}
		// The front object is never hidden, so the largest index has all its pixels.
		if k == len(scene.Objects)-1 && (o.Visible != 1 || o.Box != o.Full) {
			t.Errorf("scene %d: the object in front is %g visible", scene.Index, o.Visible)
		}
		for j, other := range scene.Objects[:k] {
			if !scene.apart(o, other) {
				t.Errorf("scene %d: no relation between objects %d and %d", scene.Index, j, k)
			}
			if (!occlusion || o.Colour == other.Colour) && o.rect().Overlaps(other.rect()) {
				t.Errorf("scene %d: objects %d and %d touch", scene.Index, j, k)
			}
		}
	}
}

func TestLayout(t *testing.T) {
	for _, size := range []int{32, 48, 64, 101, 256} {
		for _, occlusion := range []bool{false, true} {
			n := 600 * 64 / (size + 32)
			s := must(t, Config{Size: size, Occlusion: occlusion, Count: n, Seed: 41})
			objects, hidden, several := 0, 0, 0
			for i := range n {
				scene := s.Scene(i)
				checkScene(t, scene, occlusion)
				objects += len(scene.Objects)
				if len(scene.Objects) > 1 {
					several++
				}
				for _, o := range scene.Objects {
					if o.Visible < 1 {
						hidden++
						break
					}
				}
			}
			if mean := float64(objects) / float64(n); mean < 2.2 || mean > 2.8 {
				t.Errorf("size %d: %.2f objects in a scene, should be 2.5", size, mean)
			}
			t.Logf("size %d, occlusion %v: something is hidden in %d of %d scenes with several objects", size, occlusion, hidden, several)
			if occlusion && hidden*8 < several {
				t.Errorf("size %d: something is hidden in only %d of %d scenes", size, hidden, several)
			}
		}
	}
}

// The layout of last resort holds the same promises, at the smallest size and with the largest objects too.
func TestQuarter(t *testing.T) {
	for _, size := range []int{MinSize, 33, 64} {
		cfg := Config{Size: size, MinObjects: 4}.withDefaults()
		r := rand.New(rand.NewPCG(1, 1))
		for range 200 {
			things := cfg.choose(r, 4)
			for k := range things {
				shape := shapes[r.IntN(len(shapes))]
				things[k].Shape, things[k].Colour = shape, Red
				things[k].stencil = cut(shape, size*subpixels*180/1000, r.IntN(61)-30, r.IntN(256), r.IntN(256))
			}
			scene := Scene{Side: size, cfg: cfg, owner: make([]uint8, size*size)}
			scene.quarter(things)
			scene.measure()
			checkScene(t, scene, false)
		}
	}
}

// Small and large do not meet, and every object's size can be told from its area.
func TestSizesDiffer(t *testing.T) {
	s := must(t, Config{Count: 2000, MaxObjects: 1, Seed: 42})
	smallest, largest := map[Shape]int{}, map[Shape]int{}
	for i := range s.Len() {
		o := s.Scene(i).Objects[0]
		if o.Size == Small {
			largest[o.Shape] = max(largest[o.Shape], o.pixels)
		} else if n := smallest[o.Shape]; n == 0 || o.pixels < n {
			smallest[o.Shape] = o.pixels
		}
	}
	for _, shape := range Shapes() {
		if 2*smallest[shape] < 3*largest[shape] || largest[shape] == 0 {
			t.Errorf("%s: small ones have up to %d pixels, large ones %d and more", shape, largest[shape], smallest[shape])
		}
	}
}

func TestSplits(t *testing.T) {
	held := 0
	perColour := map[Colour]int{}
	for _, c := range Colours() {
		for _, sh := range Shapes() {
			if HeldOut(c, sh) {
				held++
				perColour[c]++
			}
		}
	}
	if share := float64(held) / 48; share < 0.15 || share > 0.2 || len(perColour) != 8 {
		t.Errorf("%d of 48 pairs are held out, in %d colours", held, len(perColour))
	}
	if HeldOut("mauve", Circle) || HeldOut("", "") {
		t.Error("a colour that does not exist is held out")
	}
	for _, split := range []Split{Train, Test, Unseen} {
		s := must(t, Config{Split: split, Count: 3000, Seed: 43})
		pairs := map[string]int{}
		objects := 0
		for i := range s.Len() {
			unseen := 0
			for _, o := range s.Scene(i).Objects {
				pairs[Class(o.Colour, o.Shape)]++
				objects++
				if HeldOut(o.Colour, o.Shape) {
					unseen++
				}
			}
			if (unseen > 0) != (split == Unseen) {
				t.Fatalf("%s scene %d has %d held-out pairs", split, i, unseen)
			}
		}
		if want := map[Split]int{Train: 40, Test: 40, Unseen: 48}[split]; len(pairs) != want {
			t.Errorf("%s has %d different pairs, should have %d", split, len(pairs), want)
		}
		for name, n := range pairs {
			if split != Unseen && (n*40*2 < objects || n*40 > objects*2) {
				t.Errorf("%s: %s appears %d times among %d objects", split, name, n, objects)
			}
		}
	}
}
