package captions

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// stepsFor rounds the number of a batch's steps up to one of a few, so that few graphs are compiled: multiples of 3 from 9 on, and
// at most maxLen.
func stepsFor(longest, maxLen int) int {
	return min(max(9, (longest+2)/3*3), maxLen)
}

// longest is the largest number of words after the start word.
func longest(items []captioner.Item) int {
	n := 1
	for _, item := range items {
		n = max(n, len(item.IDs)-1)
	}
	return n
}

// itemSource makes batches of tensors from a loader's items. The items of a few batches are sorted by length and dealt out again,
// so that a batch has captions of nearly one length, and few of its steps are computed for nothing: half of the time of a batch
// whose captions have any length. The batches come in a random order.
type itemSource struct {
	*datasets.Loader[captioner.Item]
	c     *captioner.Model
	mixed int // batches whose items are sorted together
	rng   *rand.PCG
	ready [][]captioner.Item
	epoch int
	dealt itemPosition // where the batches that are ready began

	scheduled captioning.Scheduled // batches get a fourth tensor with the share of own words, unless there are none
	step      int
}

func (s *itemSource) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	if len(s.ready) == 0 {
		if err := s.deal(ctx); err != nil {
			return nil, err
		}
	}
	items := s.ready[0]
	s.ready = s.ready[1:]
	batch, err := s.c.BatchUpTo(items, stepsFor(longest(items), s.c.Config.MaxLen))
	if err == nil && s.scheduled.Decay != captioning.DecayNone {
		batch = append(batch, tensors.FromScalar(float32(s.scheduled.Own(s.step))))
		s.step++
	}
	return batch, err
}

// itemPosition is where the source is: where the loader was and what the random numbers were before the last deal, and how many of
// its batches were taken.
type itemPosition struct {
	Loader datasets.Position `json:"loader"`
	Random []byte            `json:"random"`
	Taken  int               `json:"taken"`
	Step   int               `json:"step"`
}

func (s *itemSource) here() (at itemPosition, err error) {
	at.Loader = s.Loader.Position()
	at.Random, err = s.rng.MarshalBinary()
	return at, err
}

func (s *itemSource) SavePosition() (json.RawMessage, error) {
	at := s.dealt
	if len(s.ready) == 0 {
		var err error
		if at, err = s.here(); err != nil {
			return nil, err
		}
	} else {
		at.Taken = max(s.mixed, 1) - len(s.ready)
	}
	at.Step = s.step
	return json.Marshal(at)
}

func (s *itemSource) RestorePosition(position json.RawMessage) error {
	var at itemPosition
	if err := json.Unmarshal(position, &at); err != nil || at.Taken < 0 || at.Taken >= max(s.mixed, 1) {
		return fmt.Errorf("expected the place of a source of captions, found %q", position)
	}
	if err := s.rng.UnmarshalBinary(at.Random); err != nil {
		return fmt.Errorf("expected the state of random numbers, found %q: %w", at.Random, err)
	}
	if err := s.Loader.Restore(at.Loader); err != nil {
		return err
	}
	s.ready, s.step = nil, at.Step
	if at.Taken == 0 {
		return nil
	}
	if err := s.deal(context.Background()); err != nil {
		return err
	}
	s.ready = s.ready[at.Taken:]
	return nil
}

func (s *itemSource) deal(ctx context.Context) (err error) {
	if s.dealt, err = s.here(); err != nil {
		return err
	}
	var items []captioner.Item
	size := 0
	for range max(s.mixed, 1) {
		batch, err := s.Loader.Next(ctx)
		if err != nil {
			return err
		}
		items, size, s.epoch = append(items, batch.Items...), len(batch.Items), batch.Epoch
	}
	slices.SortStableFunc(items, func(a, b captioner.Item) int { return len(a.IDs) - len(b.IDs) })
	for batch := range slices.Chunk(items, size) {
		s.ready = append(s.ready, batch)
	}
	rand.New(s.rng).Shuffle(len(s.ready), func(i, j int) { s.ready[i], s.ready[j] = s.ready[j], s.ready[i] })
	return nil
}

func (s *itemSource) Epoch() int { return s.epoch }
