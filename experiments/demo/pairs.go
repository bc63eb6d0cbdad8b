package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
)

// pair is a picture with one of its texts, ready for a batch.
type pair struct {
	pixels []float32 // [H, W, 3]
	ids    []int32   // [L]
}

// pictures decodes and resizes a data set's pictures once and keeps the small copies in memory.
type pictures struct {
	set  datasets.Dataset
	w, h int
	kept []atomic.Pointer[picture.RGB]
}

func newPictures(set datasets.Dataset, w, h int) *pictures {
	return &pictures{set: set, w: w, h: h, kept: make([]atomic.Pointer[picture.RGB], set.Len())}
}

func (p *pictures) at(i int) (*picture.RGB, error) {
	if rgb := p.kept[i].Load(); rgb != nil {
		return rgb, nil
	}
	img, err := p.set.At(i).Open()
	if err != nil {
		return nil, err
	}
	rgb, err := picture.ResizeCrop(img, p.w, p.h, image.Rect(0, 0, p.w, p.h), picture.Bicubic)
	if err == nil {
		p.kept[i].Store(rgb)
	}
	return rgb, err
}

// shifted is p moved by up to most pixels each way, its edges repeated, and half of the time in a mirror.
func shifted(p *picture.RGB, most int, rng *rand.Rand) *picture.RGB {
	if most == 0 {
		return p
	}
	dx, dy, mirror := rng.IntN(2*most+1)-most, rng.IntN(2*most+1)-most, rng.IntN(2) == 0
	out := picture.NewRGB(p.W, p.H)
	for y := range p.H {
		row := p.Pix[3*p.W*min(max(y+dy, 0), p.H-1):]
		for x := range p.W {
			from := min(max(x+dx, 0), p.W-1)
			if mirror {
				from = p.W - 1 - from
			}
			copy(out.Pix[3*(y*p.W+x):][:3], row[3*from:][:3])
		}
	}
	return out
}

// pairSource yields batches of pairs from one or two data sets. Every batch holds pairs of both, in fixed shares: a
// batch norm's statistics are then those of the mixture at every step, as they are in the running ones.
type pairSource struct {
	model   *clip.Model
	loaders []*datasets.Loader[pair]
	epoch   int
}

func newPairSource(m *clip.Model, sets []*pictures, cfg CLIPConfig, seed int64) (*pairSource, error) {
	s := &pairSource{model: m}
	sizes := []int{cfg.BatchSize}
	if len(sets) > 1 {
		sizes = []int{cfg.BatchSize - cfg.AlsoPairs, cfg.AlsoPairs}
	}
	for i, set := range sets {
		load := func(_ context.Context, index int, rng *rand.Rand) (pair, error) {
			rgb, err := set.at(index)
			if err != nil {
				return pair{}, err
			}
			captions := set.set.At(index).Captions
			text := captions[rng.IntN(len(captions))]
			return pair{
				pixels: m.Normalize(shifted(rgb, cfg.Shift, rng)),
				ids:    m.Tokenizer.EncodeBatch([]string{text}, m.Config.Text.ContextLength),
			}, nil
		}
		loader, err := datasets.NewLoader(set.set.Len(), datasets.LoaderConfig{
			BatchSize: sizes[i], Seed: uint64(seed) + uint64(i), Shuffle: true, DropLast: true, Prefetch: 4,
		}, load)
		if err != nil {
			return nil, err
		}
		s.loaders = append(s.loaders, loader)
	}
	return s, nil
}

func (s *pairSource) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	var items []pair
	for i, loader := range s.loaders {
		batch, err := loader.Next(ctx)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			s.epoch = batch.Epoch
		}
		items = append(items, batch.Items...)
	}
	v, length := s.model.Config.Vision, s.model.Config.Text.ContextLength
	pixels := make([]float32, 0, len(items)*v.Height*v.Width*3)
	ids := make([]int32, 0, len(items)*length)
	for _, item := range items {
		pixels = append(pixels, item.pixels...)
		ids = append(ids, item.ids...)
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(pixels, len(items), v.Height, v.Width, 3),
		tensors.FromFlatDataAndDimensions(ids, len(items), length),
	}, nil
}

func (s *pairSource) Waited() (total time.Duration) {
	for _, l := range s.loaders {
		total += l.Waited()
	}
	return total
}

func (s *pairSource) Epoch() int { return s.epoch }

var _ experiments.Resumable = (*pairSource)(nil)

func (s *pairSource) SavePosition() (json.RawMessage, error) {
	all := make([]json.RawMessage, len(s.loaders))
	for i, l := range s.loaders {
		var err error
		if all[i], err = l.SavePosition(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

func (s *pairSource) RestorePosition(position json.RawMessage) error {
	var all []json.RawMessage
	if err := json.Unmarshal(position, &all); err != nil || len(all) != len(s.loaders) {
		return fmt.Errorf("expected the places of %d loaders, found %s", len(s.loaders), position)
	}
	for i, l := range s.loaders {
		if err := l.RestorePosition(all[i]); err != nil {
			return err
		}
	}
	return nil
}

// bad names the pictures that could not be read, each once.
func (s *pairSource) bad() (problems []string) {
	for _, l := range s.loaders {
		for _, b := range l.Bad() {
			problems = append(problems, b.Err.Error())
		}
	}
	return problems
}

func (s *pairSource) close() {
	for _, l := range s.loaders {
		l.Close()
	}
}
