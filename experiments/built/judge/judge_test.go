package judge

import (
	"bytes"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Windows show the whole object: its pixels are all there, whatever the window, and the prompt is true of the scene.
func TestWindows(t *testing.T) {
	for _, split := range []scenes.Split{scenes.Train, scenes.Unseen} {
		pictures, err := Draw(16, split, 3, 40)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for _, p := range pictures {
			if is, err := p.Scene.True(p.Label.Prompt()); err != nil || !is {
				t.Errorf("%q is not true of the scene (%v)", p.Label.Prompt(), err)
			}
			if p.Label.HeldOut() != (split == scenes.Unseen) {
				t.Errorf("%s: found %s", split, p.Label)
			}
			object := p.Scene.Objects[0]
			mask := p.Scene.Mask(0)
			for range 5 {
				x, y := p.corner(rng, object.Full.Min.X, object.Full.Max.X), p.corner(rng, object.Full.Min.Y, object.Full.Max.Y)
				if x < 0 || y < 0 || x+16 > 32 || y+16 > 32 {
					t.Fatalf("the window at %d, %d leaves the scene", x, y)
				}
				for i, m := range mask.Pix {
					if px, py := i%32, i/32; m > 0 && (px < x || px >= x+16 || py < y || py >= y+16) {
						t.Fatalf("%s: the window at %d, %d cuts off the object at %d, %d", p.Label, x, y, px, py)
					}
				}
			}
			if values := p.Window(rng); len(values) != 16*16*3 {
				t.Fatalf("found %d values", len(values))
			}
		}
	}
}

// What a window has at a place is what the scene has there, in -1..1.
func TestPixels(t *testing.T) {
	pictures, err := Draw(16, scenes.Train, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := pictures[0]
	box := p.Scene.Objects[0].Full
	same := func() *rand.Rand { return rand.New(rand.NewPCG(9, 9)) }
	rng := same()
	x, y := p.corner(rng, box.Min.X, box.Max.X), p.corner(rng, box.Min.Y, box.Max.Y)
	window := Pixels(p.Window(same()), 16)
	for row := range 16 {
		for col := range 16 {
			if got, want := window.RGBAAt(col, row), p.image.RGBAAt(x+col, y+row); got != want {
				t.Fatalf("row %d, column %d: expected %v, found %v", row, col, want, got)
			}
		}
	}
}

// All 48 pairs come once, and neighbours differ in colour.
func TestLabels(t *testing.T) {
	seen, heldOut := map[Label]bool{}, 0
	all := Labels()
	for i, l := range all {
		if seen[l] {
			t.Errorf("%s comes twice", l)
		}
		seen[l] = true
		if l.HeldOut() {
			heldOut++
		}
		if i > 0 && l.Colour == all[i-1].Colour {
			t.Errorf("%s stands beside %s", all[i-1], l)
		}
	}
	if len(all) != 48 || heldOut != 8 {
		t.Errorf("expected 48 pairs, 8 of them held out, found %d and %d", len(all), heldOut)
	}
	if got := (Label{1, 0}).Prompt(); got != "an orange circle" {
		t.Errorf("found %q", got)
	}
}

func TestCount(t *testing.T) {
	var c Count
	seen, unseen := Label{0, 0}, Label{0, 4} // a red circle; red crosses are held out
	if seen.HeldOut() || !unseen.HeldOut() {
		t.Fatal("the wrong pairs are held out")
	}
	c.Add([]Label{seen, seen, unseen, unseen}, []Verdict{{seen, 1}, {Label{0, 1}, 0.5}, {unseen, 1}, {Label{1, 4}, 0.5}})
	if c.Seen().Value != 0.5 || c.Seen().N != 2 || c.Unseen().Value != 0.5 || c.Colour().Value != 0.75 || c.Shape().Value != 0.75 || c.Sure() != 0.75 {
		t.Errorf("found %+v", c)
	}
}

// A strip keeps the first pictures in their order, and frames those that are what was asked for.
func TestStrip(t *testing.T) {
	const side, n = 2, 3
	values := make([]float32, 3*side*side*n)
	for i := range values {
		values[i] = float32(i/(3*side*side)) - 1 // black, grey, white
	}
	labels := []Label{{0, 0}, {1, 1}, {2, 2}}
	strip, err := NewStrip(values, side, 2, labels, []Verdict{{Label{0, 0}, 1}, {Label{0, 1}, 1}, {Label{2, 2}, 1}})
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(strip.PNG))
	if err != nil || img.Bounds().Dx() != 2*side || img.Bounds().Dy() != side {
		t.Fatalf("found %v (%v)", img.Bounds(), err)
	}
	row, err := strip.Row("first", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(row.Pictures) != 2 || !row.Pictures[0].Marked || row.Pictures[1].Marked || row.Pictures[1].Note != "orange square" {
		t.Errorf("found %+v", row.Pictures)
	}
	if r, _, _, _ := row.Pictures[1].Picture.At(0, 0).RGBA(); r>>8 != 128 {
		t.Errorf("expected the second picture grey, found %d", r>>8)
	}
	tiled := Tiled(values, side, 2, 1)
	if size := tiled.Bounds().Size(); size.X != 5 || size.Y != 5 || tiled.RGBAAt(2, 0).R != 255 || tiled.RGBAAt(0, 3).R != 255 || tiled.RGBAAt(3, 0).R != 128 {
		t.Errorf("found %v tiled as %v", size, tiled.Pix)
	}
}

func TestConfigCheck(t *testing.T) {
	c := Config{Channels: []int{8}, Pictures: 4, Tested: 1, BatchSize: 8}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "at least a batch") {
		t.Errorf("found %v", err)
	}
}

// A round asks for each seen pair once and for each unseen one three times.
func TestAsked(t *testing.T) {
	times := map[string]int{}
	for _, prompt := range Prompts(Asked()) {
		times[prompt]++
	}
	if len(times) != 48 || times["a red circle"] != 1 {
		t.Errorf("found %v", times)
	}
	for _, l := range Labels() {
		want := 1
		if l.HeldOut() {
			want = 3
		}
		if times[l.Prompt()] != want {
			t.Errorf("%s: expected %d, found %d", l, want, times[l.Prompt()])
		}
	}
}

func TestCheckScales(t *testing.T) {
	for want, scales := range map[string][]float64{"rising": {0, 2, 2}, "expected 0": {1, 2}, "at least one other": {0}} {
		if err := CheckScales(scales); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: expected %q, found %v", scales, want, err)
		}
	}
	if err := CheckScales([]float64{0, 1.5}); err != nil {
		t.Error(err)
	}
}

// The table has the share at which the scale is chosen where there is one, and the best scale is the one with the largest.
func TestRuns(t *testing.T) {
	type report struct{ scales []Scaled }
	dev := []stats.Proportion{stats.NewProportion(1, 4), stats.NewProportion(3, 4)}
	scales := []Scaled{{Scale: 0, Dev: &dev[0], Seen: stats.NewProportion(4, 5)}, {Scale: 2, Dev: &dev[1], Seen: stats.NewProportion(1, 5), Sure: 0.25}}
	of := Runs[int, report]{Runs: []lesson.Run[int, report]{{Report: report{scales}}}, Of: func(r report) []Scaled { return r.scales }}
	if of.Best(Dev) != 1 || of.Best(Seen) != 0 {
		t.Errorf("found the best scales %d and %d", of.Best(Dev), of.Best(Seen))
	}
	if table := of.Table(); !strings.Contains(table, "where the scale is chosen") || !strings.Contains(table, "75.0%") || strings.Count(table, "0.25") != 1 {
		t.Errorf("found %s", table)
	}
	scales[0].Dev, scales[1].Dev = nil, nil
	if table := of.Table(); strings.Contains(table, "chosen") {
		t.Errorf("found %s", table)
	}
	out := map[string]float64{}
	PutScales(out, scales)
	if out["scale_2_seen"] != 0.2 || out["scale_2_seen_n"] != 5 || out["scale_2_sure"] != 0.25 {
		t.Errorf("found %v", out)
	}
}
