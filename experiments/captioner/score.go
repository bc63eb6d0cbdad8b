package captioner

import (
	"context"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning/metrics"
)

// Scored are captions that the model wrote for the pictures of a set, in their order, and what they score against people's.
type Scored struct {
	Pictures []metrics.Picture // candidates and references, tokenised as coco-caption does
	Captions []string          // as they were written
	metrics.Evaluation
}

// scoreBatch is how many pictures are described together.
const scoreBatch = 16

// Score describes every picture of a set and scores the captions against people's. done, if it is not nil, is told now and then
// how many pictures are described.
func (c *Model) Score(ctx context.Context, set *Set, how Writing, done func(pictures int)) (*Scored, error) {
	writer, err := c.NewWriter(how, scoreBatch)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	s := &Scored{}
	const group = 8 * scoreBatch // a batch's empty places are filled with the group's next pictures
	for from := 0; from < len(set.Examples); from += group {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+group, len(set.Examples))
		var inputs [][]float32
		keys := make([]uint64, to-from)
		for i := from; i < to; i++ {
			inputs, keys[i-from] = append(inputs, set.Inputs(i)), uint64(i)
		}
		written, err := writer.WriteInputs(inputs, keys, how.Seed)
		if err != nil {
			return nil, err
		}
		for i, captions := range written {
			caption := strings.Join(c.Vocabulary.Decode(captions[0].IDs), " ")
			s.Captions = append(s.Captions, caption)
			s.Pictures = append(s.Pictures, Picture(set.Examples[from+i], caption))
		}
		if done != nil {
			done(to)
		}
	}
	evaluation, err := metrics.Evaluate(s.Pictures)
	if err != nil {
		return nil, err
	}
	s.Evaluation = *evaluation
	return s, nil
}
