package pointing

import (
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

func TestScenesGoOn(t *testing.T) {
	cfg := Defaults(experiments.Quick, backend.Go)
	c, err := open(&experiments.Env{Backend: openBackend(t, "go"), Seed: 1}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	set, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Train, 1, 60)
	if err != nil {
		t.Fatal(err)
	}
	resumetest.Source(t, func() experiments.Resumable {
		s, err := newEndless(c, cfg.Drawing, set, 4, 7)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}, 6)
}

// The captions that were cut are counted on.
func TestCountOfCutCaptionsGoesOn(t *testing.T) {
	cfg := Defaults(experiments.Quick, backend.Go)
	cfg.Model.MaxLen = 3
	c, err := open(&experiments.Env{Backend: openBackend(t, "go"), Seed: 1}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	set, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Train, 1, 60)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]int
	for i := range ends {
		s, err := newEndless(c, cfg.Drawing, set, 4, 7)
		if err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			if _, err := s.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if i == 0 || k > 0 {
				continue
			}
			place, err := s.SavePosition()
			if err != nil {
				t.Fatal(err)
			}
			s.cut = 1000 // as of another training
			if err := s.RestorePosition(place); err != nil {
				t.Fatal(err)
			}
		}
		ends[i] = s.cut
		s.Close()
	}
	if ends[0] == 0 || ends[0] != ends[1] {
		t.Errorf("undisturbed %d captions were cut, with a place restored %d", ends[0], ends[1])
	}
}
