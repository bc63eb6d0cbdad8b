package scenes

import (
	"math"
	"strings"
	"testing"
)

func TestConfigErrors(t *testing.T) {
	for want, cfg := range map[string]Config{
		"Size is 31":        {Size: 31},
		"Size is 513":       {Size: 513},
		"Size is -1":        {Size: -1},
		`Split is "val"`:    {Split: "val"},
		"Count is -1":       {Count: -1},
		"MaxObjects is 5":   {MaxObjects: 5},
		"MaxObjects is -1":  {MaxObjects: -1},
		"MinObjects is 3":   {MinObjects: 3, MaxObjects: 2},
		"MinObjects is -2":  {MinObjects: -2},
		"Noise is 0.3":      {Noise: 0.3},
		"Noise is -0.1":     {Noise: -0.1},
		"Noise is NaN":      {Noise: math.NaN()},
		"Phrasing is 0x80":  {Phrasing: 0x80},
		"Phrasing is 0xff,": {Phrasing: 0xff},
	} {
		s, err := New(cfg)
		if err == nil || s != nil || !strings.HasPrefix(err.Error(), "scenes: "+want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("New(%+v) gives %v, %v; want an error that says %q", cfg, s, err, want)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	got := must(t, Config{}).Config()
	want := Config{Size: 64, Split: Train, Count: 10000, MinObjects: 1, MaxObjects: 4, Phrasing: AllPhrasings}
	if got != want {
		t.Errorf("the defaults are %+v, should be %+v", got, want)
	}
	for name, cfg := range map[string]Config{"Default": Default(), "Single": Single(), "Pairs": Pairs()} {
		s := must(t, cfg)
		for i := range 50 {
			n := len(s.Scene(i).Objects)
			if name == "Single" && n != 1 || name == "Pairs" && n != 2 {
				t.Errorf("%s: scene %d has %d objects", name, i, n)
			}
		}
	}
}

func TestExamples(t *testing.T) {
	s := must(t, Config{Split: Test, Count: 200, Seed: 7, Occlusion: true, Noise: 0.02})
	if s.Name() != "scenes/test" || s.Len() != 200 {
		t.Errorf("name %q, length %d", s.Name(), s.Len())
	}
	ids := map[string]bool{}
	labelled := 0
	for i := range s.Len() {
		e, scene := s.At(i), s.Scene(i)
		ids[e.ID] = true
		img, err := e.Open()
		if err != nil || img.Bounds().Dx() != 64 || img.Bounds().Dy() != 64 {
			t.Fatalf("example %d opens as %v, %v", i, img, err)
		}
		best, most := 0, 0
		for k, mask := range scene.Masks() {
			n := 0
			for _, a := range mask.Pix {
				n += int(a) / 255
			}
			if n > most {
				best, most = k, n
			}
		}
		o := scene.Objects[best]
		if e.Attributes["shape"] != string(o.Shape) || e.Attributes["colour"] != string(o.Colour) ||
			e.Attributes["size"] != string(o.Size) || e.Attributes["texture"] != string(o.Texture) {
			t.Errorf("example %d: attributes %v, but the biggest object is %s", i, e.Attributes, Class(o.Colour, o.Shape))
		}
		if (e.Label != "") != (len(scene.Objects) == 1) || e.Label != "" && e.Label != string(o.Colour)+" "+string(o.Shape) {
			t.Errorf("example %d with %d objects has the label %q", i, len(scene.Objects), e.Label)
		}
		if e.Label != "" {
			labelled++
		}
		if len(e.Captions) == 0 || e.Captions[0] != scene.Captions()[0] {
			t.Errorf("example %d has captions %q", i, e.Captions)
		}
	}
	if len(ids) != s.Len() || labelled == 0 {
		t.Errorf("%d different names, %d labels for %d examples", len(ids), labelled, s.Len())
	}
}

func TestSceneOutOfRange(t *testing.T) {
	s := must(t, Config{Count: 3})
	for _, i := range []int{-1, 3} {
		func() {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.Contains(text, "scenes 0 to 2") {
					t.Errorf("Scene(%d) panics with %q", i, text)
				}
			}()
			s.Scene(i)
		}()
	}
}

func TestFingerprint(t *testing.T) {
	seen := map[string]Config{}
	for _, cfg := range []Config{
		{}, {Size: 65}, {Seed: 1}, {Split: Test}, {Count: 5}, {MinObjects: 2}, {MaxObjects: 3},
		{Noise: 0.1}, {Occlusion: true}, {Phrasing: SayOne},
	} {
		print := must(t, cfg).Fingerprint()
		if other, twice := seen[print]; twice {
			t.Errorf("%+v and %+v have one fingerprint", cfg, other)
		}
		seen[print] = cfg
	}
	if must(t, Config{}).Fingerprint() != must(t, Config{Size: 64, Split: Train, Count: 10000}).Fingerprint() {
		t.Error("a default written out has another fingerprint")
	}
}

// raceEnabled is set by race_test.go: the race detector slows everything down.
var raceEnabled bool

// drawAll does what a loader does, on the goroutine that calls it: compose, put into words, draw.
func drawAll(s *Scenes, n int) {
	for i := range n {
		scene := s.Scene(i % s.Len())
		scene.Image()
		if len(scene.Captions()) == 0 {
			panic("no caption")
		}
	}
}

// BenchmarkDraw is held to 3,000 pictures a second on one core. It counts processor time, that of the garbage
// collector included; ns/op is the time of day, which also depends on what else runs.
func BenchmarkDraw(b *testing.B) {
	s := must(b, Default())
	b.ReportAllocs()
	b.ResetTimer()
	start := clock()
	drawAll(s, b.N)
	b.ReportMetric(float64(b.N)/(clock()-start).Seconds(), "pictures/s")
}

// BenchmarkAtOpen is the same through datasets.Dataset.
func BenchmarkAtOpen(b *testing.B) {
	s := must(b, Default())
	start := clock()
	for i := range b.N {
		if _, err := s.At(i % s.Len()).Open(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/(clock()-start).Seconds(), "pictures/s")
}

// TestSpeed asks for half of what BenchmarkDraw is held to, and takes the best of several tries, since
// other programs may be using the caches and the other half of the core.
func TestSpeed(t *testing.T) {
	if testing.Short() || raceEnabled || testing.CoverMode() != "" {
		t.Skip("no timing with -short, -race or -cover")
	}
	s := must(t, Default())
	const n, floor = 500, 1500.0
	best := 0.0
	for range 6 {
		start := clock()
		drawAll(s, n)
		if best = max(best, n/(clock()-start).Seconds()); best > 2*floor {
			break
		}
	}
	t.Logf("%.0f pictures in a second of processor time", best)
	if best < floor {
		t.Errorf("%.0f pictures a second, should be %.0f even on a busy machine", best, floor)
	}
}
