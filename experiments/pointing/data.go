package pointing

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// Drawing says which scenes are drawn.
type Drawing struct {
	MinObjects int     `json:"min_objects"` // in a scene
	MaxObjects int     `json:"max_objects"`
	Noise      float64 `json:"noise"`     // standard deviation as a share of the full scale
	Occlusion  bool    `json:"occlusion"` // objects may hide up to 30% of others
	Relations  bool    `json:"relations"` // captions say how two objects lie to each other, and nothing else
	// InOrder, if true, trains on captions that begin with the object on the left or above: which one is named first then
	// follows from the picture. Otherwise it is either, and the attention of the step behind "a red", which the paper's
	// decoder computes before it has read "red", does not know at which object to look.
	InOrder bool `json:"in_order"`
}

// Seeds of the three sets are far apart and, for dev and test, the same in every run. Test and dev scenes are of another
// split than training ones besides: no layout is in two of them.
const (
	devSeed  = 1_000_001
	testSeed = 3_000_017
)

func (d Drawing) open(size int, split scenes.Split, seed uint64, count int) (*scenes.Scenes, error) {
	cfg := scenes.Config{Size: size, Seed: seed, Split: split, Count: count,
		MinObjects: d.MinObjects, MaxObjects: d.MaxObjects, Noise: d.Noise, Occlusion: d.Occlusion}
	if d.Relations {
		cfg.Phrasing = scenes.SayRelations
	}
	return scenes.New(cfg)
}

// caption is one of the captions that are trained on.
func (d Drawing) caption(scene scenes.Scene, rng *rand.Rand) string {
	caption := scene.Caption(rng)
	for d.InOrder && d.Relations && d.MinObjects > 1 && (strings.Contains(caption, string(scenes.RightOf)) || strings.Contains(caption, string(scenes.Below))) {
		caption = scene.Caption(rng)
	}
	return caption
}

// vocabulary is that of the scenes' grammar.
func vocabulary() *captioning.Vocabulary {
	return captioning.NewVocabulary([][]string{scenes.Words()}, 1)
}

// endless draws a fresh scene for every example: none is seen twice.
type endless struct {
	*datasets.Loader[captioner.Item]
	c   *captioner.Model
	cut int // captions so far that were longer than the model allows
}

func newEndless(c *captioner.Model, drawing Drawing, set *scenes.Scenes, batch int, seed int64) (*endless, error) {
	loader, err := datasets.NewLoader(set.Len(), datasets.LoaderConfig{BatchSize: batch, Seed: uint64(seed), DropLast: true},
		func(_ context.Context, i int, rng *rand.Rand) (captioner.Item, error) {
			scene := set.Scene(i)
			inputs, err := c.Inputs([]image.Image{scene.Image()})
			if err != nil {
				return captioner.Item{}, err
			}
			ids, _ := c.Vocabulary.Encode(scenes.WordsOf(drawing.caption(scene, rng)), c.Config.MaxLen)
			return captioner.Item{Input: inputs[0], IDs: ids}, nil
		})
	return &endless{Loader: loader, c: c}, err
}

func (s *endless) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	for _, item := range batch.Items {
		if item.IDs[len(item.IDs)-1] != captioning.End {
			s.cut++
		}
	}
	return s.c.Batch(batch.Items)
}

// endlessPosition is where the source is, and what it has counted on the way.
type endlessPosition struct {
	Loader datasets.Position `json:"loader"`
	Cut    int               `json:"cut"`
}

func (s *endless) SavePosition() (json.RawMessage, error) {
	return json.Marshal(endlessPosition{s.Loader.Position(), s.cut})
}

func (s *endless) RestorePosition(position json.RawMessage) error {
	var at endlessPosition
	if err := json.Unmarshal(position, &at); err != nil {
		return fmt.Errorf("expected the place of a source of scenes, found %q", position)
	}
	s.cut = at.Cut
	return s.Loader.Restore(at.Loader)
}

// Epoch is always 0: there is no end of scenes.
func (s *endless) Epoch() int { return 0 }
