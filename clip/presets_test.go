package clip

import (
	"math"
	"testing"
)

// The exact counts and the GFLOPs of open_clip's profile table (mlfoundations/open_clip, docs/model_profile.csv).
func TestPublishedSizes(t *testing.T) {
	want := map[string]struct {
		counts Counts
		gflops float64
	}{
		"RN50":           {Counts{38_316_896, 63_690_240, 102_007_137}, 18.18},
		"RN101":          {Counts{56_259_936, 63_428_096, 119_688_033}, 25.50},
		"RN50x4":         {Counts{87_137_080, 91_163_520, 178_300_601}, 51.82},
		"RN50x16":        {Counts{167_328_912, 123_650_304, 290_979_217}, 162.69},
		"RN50x64":        {Counts{420_380_352, 202_877_952, 623_258_305}, 552.65},
		"ViT-B/32":       {Counts{87_849_216, 63_428_096, 151_277_313}, 14.78},
		"ViT-B/16":       {Counts{86_192_640, 63_428_096, 149_620_737}, 41.09},
		"ViT-L/14":       {Counts{303_966_208, 123_650_304, 427_616_513}, 175.33},
		"ViT-L/14@336px": {Counts{304_293_888, 123_650_304, 427_944_193}, 395.22},
	}
	for _, preset := range Published() {
		if err := preset.Config.Check(); err != nil {
			t.Errorf("%s: %v", preset.Name, err)
		}
		w := want[preset.Name]
		if got := preset.Config.Counts(); got != w.counts {
			t.Errorf("%s: expected the counts %v, found %v", preset.Name, w.counts, got)
		}
		if got := preset.Config.GFLOPs(); math.Abs(got-w.gflops) > 0.005 {
			t.Errorf("%s: expected %.2f GFLOPs, found %.3f", preset.Name, w.gflops, got)
		}
	}
	if len(want) != len(Published()) {
		t.Errorf("expected %d models, found %d", len(want), len(Published()))
	}
}

// What the towers leave out of RN50: with it the numbers are those that the comment of [Config.GFLOPs] has.
func TestSpared(t *testing.T) {
	image, _ := RN50().Spared()
	if got := (RN50().ImageOperations() - image + RN50().TextOperations()) / 1e9; math.Abs(got-17.55) > 0.005 {
		t.Errorf("RN50 takes %.3f GFLOP, expected 17.55", got)
	}
}
