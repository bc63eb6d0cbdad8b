package captioner

import (
	"context"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Loss says how well a captioner foretells what people say of pictures.
type Loss struct {
	Loss     stats.Mean `json:"heldout_loss"` // cross-entropy in nats a word, the mean over pictures
	Captions int        `json:"captions"`     // all of every picture that hold words of the vocabulary
	Words    int        `json:"words"`        // that are foretold, the ends of sentences included
	Unknown  float64    `json:"unknown"`      // share of words that are not in the vocabulary, 0..1: they count as one word
}

// HeldOutLoss measures the captioner on all captions of a set.
func (c *Model) HeldOutLoss(ctx context.Context, set *Set) (*Loss, error) {
	result := &Loss{}
	unknown, most := 0, 0
	for _, texts := range set.Texts {
		most = max(most, len(texts))
		for _, ids := range texts {
			result.Captions++
			result.Words += len(ids) - 1 // without the start
			for _, id := range ids {
				if id == captioning.Unknown {
					unknown++
				}
			}
		}
	}
	result.Unknown = float64(unknown) / float64(max(result.Words, 1))
	losses, err := c.LossPerPicture(ctx, set, most)
	if err != nil {
		return nil, err
	}
	result.Loss = stats.NewMean(losses)
	return result, nil
}
