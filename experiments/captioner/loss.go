package captioner

import (
	"context"
	"io"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Loss says how well a captioner foretells what people say of pictures.
type Loss struct {
	Loss     stats.Mean `json:"heldout_loss"` // cross-entropy in nats a word, the mean over pictures
	Captions int        `json:"captions"`     // all of every picture
	Words    int        `json:"words"`        // that are foretold, the ends of sentences included
	Unknown  float64    `json:"unknown"`      // share of words that are not in the vocabulary, 0..1: they count as one word
	Examples []Example  `json:"examples"`     // the first pictures
	Problems []string   `json:"problems"`     // pictures that were left out, each named
}

// HeldOutLoss measures the captioner on all captions of a data set, and describes its first pictures. Remarks and
// progress go to messages, if it is not nil.
func (c *Model) HeldOutLoss(ctx context.Context, set datasets.Dataset, examples int, messages io.Writer) (*Loss, error) {
	env := &experiments.Env{Backend: c.backend, Messages: messages}
	prepared, problems, err := c.Prepare(ctx, env, set)
	if err != nil {
		return nil, err
	}
	result := &Loss{Problems: problems}
	unknown, most := 0, 0
	for _, texts := range prepared.Texts {
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
	env.Say("captioner: measuring the loss on %d captions of %d pictures", result.Captions, len(prepared.Examples))
	losses, err := c.LossPerPicture(ctx, prepared, most)
	if err != nil {
		return nil, err
	}
	result.Loss = stats.NewMean(losses)
	n := min(examples, len(prepared.Examples))
	if n == 0 {
		return result, nil
	}
	result.Examples, err = c.Examples(&Set{prepared.Examples[:n], prepared.Indices[:n], prepared.Texts[:n], prepared.Inputs}, n)
	return result, err
}
