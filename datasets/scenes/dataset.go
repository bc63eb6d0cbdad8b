package scenes

import (
	"crypto/sha256"
	"fmt"
	"image"

	"github.com/glimpse-ml/glimpse/datasets"
)

// version is part of every fingerprint. It goes up when the same Config would give other bytes or other words.
const version = 1

// Scenes is a data set of drawn pictures. It holds its Config and nothing else, and is safe for concurrent use.
type Scenes struct{ cfg Config }

var _ datasets.Dataset = (*Scenes)(nil)

// New makes the data set; nothing is drawn yet. The error says which field of cfg is out of its bounds.
func New(cfg Config) (*Scenes, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Scenes{cfg}, nil
}

// Config is the configuration with its defaults filled in.
func (s *Scenes) Config() Config { return s.cfg }

// Name is "scenes/" and the split.
func (s *Scenes) Name() string { return "scenes/" + string(s.cfg.Split) }

// Len is the number of scenes.
func (s *Scenes) Len() int { return s.cfg.Count }

// Scene composes scene i, 0 <= i < Len(), without drawing it. The result depends on the Config and i alone: not
// on earlier calls, nor on how many run at once. Another i panics, as with a slice.
func (s *Scenes) Scene(i int) Scene {
	if i < 0 || i >= s.cfg.Count {
		panic(fmt.Sprintf("scenes: scene %d was asked for, but %s has scenes 0 to %d; ask for one of them",
			i, s.Name(), s.cfg.Count-1))
	}
	return s.cfg.compose(i)
}

// At is scene i as an example. Label is set when the scene has one object. Attributes tell colour, shape, size and
// texture of the object with most pixels in sight, and the number of objects. The picture is drawn in Open, which
// composes the scene again so that a long list of examples stays small.
func (s *Scenes) At(i int) datasets.Example {
	scene := s.Scene(i)
	o := scene.Objects[scene.biggest()]
	e := datasets.Example{
		ID:       fmt.Sprintf("%s-%d-%06d", s.cfg.Split, s.cfg.Seed, i),
		Captions: scene.Captions(),
		Attributes: map[string]string{
			"colour": string(o.Colour), "shape": string(o.Shape), "size": string(o.Size),
			"texture": string(o.Texture), "objects": numbers[len(scene.Objects)],
		},
		Open: func() (image.Image, error) { return s.Scene(i).Image(), nil },
	}
	if len(scene.Objects) == 1 {
		e.Label = Class(o.Colour, o.Shape)
	}
	return e
}

// Fingerprint is a hash of the Config and the version of the drawing code: equal fingerprints, equal bytes.
func (s *Scenes) Fingerprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "scenes %d %+v", version, s.cfg))
	return fmt.Sprintf("%x", sum[:16])
}
