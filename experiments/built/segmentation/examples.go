package segmentation

import (
	"fmt"
	"image"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// bank finds example pictures: for each pair of colour and shape, the objects in some scenes.
type bank struct {
	set *scenes.Scenes
	at  map[phrase][]shown
}

// shown is an object of a scene.
type shown struct{ scene, object int }

func newBank(cfg Config, split scenes.Split, seed uint64) (*bank, error) {
	set, err := cfg.CLIP.Scenes(split, seed, cfg.Examples)
	if err != nil {
		return nil, err
	}
	b := &bank{set, map[phrase][]shown{}}
	for i := range set.Len() {
		for k, o := range set.Scene(i).Objects {
			pair := of(o, byPair)
			b.at[pair] = append(b.at[pair], shown{i, k})
		}
	}
	for _, p := range every() {
		if p.kind() == byPair && p.heldOut() == (split == scenes.Unseen) && len(b.at[p]) == 0 {
			return nil, fmt.Errorf("expected an example of %s among %d scenes, found none; draw more", p, set.Len())
		}
	}
	return b, nil
}

// draw is an example of a pair of colour and shape: another scene, dark but for one such object.
func (b *bank) draw(pair phrase, rng *rand.Rand) (*image.RGBA, error) {
	list := b.at[pair]
	at := list[rng.IntN(len(list))]
	scene := b.set.Scene(at.scene)
	return segmenting.Spotlight(scene.Image(), scene.Mask(at.object), segmenting.Light)
}
