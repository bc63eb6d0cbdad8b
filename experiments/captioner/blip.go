package captioner

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// NewBLIP makes a captioner that is BLIP's third head, beside which the two others are trained where they have weights. What the configuration leaves to
// data and encoder (sizes of vocabulary, features and context) is set from them.
func NewBLIP(b *backend.Backend, cfg captioning.BLIPConfig, vocabulary *captioning.Vocabulary, encoder *Encoder, seed int64) (*Model, error) {
	fit := cfg.Fit(vocabulary.Len(), encoder.Grid*encoder.Grid, encoder.Channels)
	if err := fit.Validate(); err != nil {
		return nil, err
	}
	c, err := New(b, ofAnyMake(cfg.MaxLen), vocabulary, encoder, seed)
	if err != nil {
		return nil, err
	}
	c.BLIP = &fit
	return c, nil
}

// blipLosses is [Model.losses] for BLIP: while training all losses that have weights, otherwise the words' alone.
func (c *Model) blipLosses(scope *model.Scope, features, captions, lengths *graph.Node, said func(logits *graph.Node) *graph.Node) captioning.Losses {
	cfg := *c.BLIP
	if !scope.IsTraining(features.Graph()) {
		cfg.ITC, cfg.ITM = 0, 0
	}
	l := captioning.BLIPAs(scope, cfg, features, captions, lengths, said)
	losses := captioning.Losses{Total: l.Total, CrossEntropy: l.Words, DoublyStochastic: graph.ZerosLike(l.Words), PerExample: l.PerExample, Steps: l.Steps}
	if cfg.ITC > 0 {
		losses.Others = append(losses.Others, captioning.NamedLoss{Name: "itc", Value: l.ITC})
	}
	if cfg.ITM > 0 {
		losses.Others = append(losses.Others, captioning.NamedLoss{Name: "itm", Value: l.ITM}, captioning.NamedLoss{Name: "itm_accuracy", Value: l.Accuracy})
	}
	return losses
}

// pairBatch is how many pictures, texts or pairs BLIP's heads are asked about at a time.
const pairBatch = 64

// Contrast embeds the pictures and all texts of a set by BLIP's first head. It names no captions: some of the examples' may have no text.
func (c *Model) Contrast(ctx context.Context, set *Set) (*evaluate.Embedded, error) {
	if err := c.hasHead("itc_weight", func(b *captioning.BLIPConfig) float64 { return b.ITC }); err != nil {
		return nil, err
	}
	e := &evaluate.Embedded{Examples: set.Examples}
	var texts []Item // with the input of their picture, which is not looked at
	var pictures []Item
	for i, of := range set.Texts {
		pictures = append(pictures, Item{set.Inputs(i), of[0]})
		for _, ids := range of {
			texts, e.Owner = append(texts, Item{pictures[i].Input, ids}), append(e.Owner, i)
		}
	}
	var err error
	if e.Images, err = c.ask(ctx, pictures, func(scope *model.Scope, features, _, _ *graph.Node) *graph.Node {
		return c.BLIP.EmbedPictures(scope, features)
	}); err != nil {
		return nil, err
	}
	e.Texts, err = c.ask(ctx, texts, func(scope *model.Scope, _, captions, lengths *graph.Node) *graph.Node {
		return c.BLIP.EmbedTexts(scope, captions, lengths)
	})
	return e, err
}

// Matches are, for pairs of a picture and a text, log p / (1 - p) of BLIP's second head that the text is the picture's.
func (c *Model) Matches(ctx context.Context, pairs []Item) ([]float32, error) {
	if err := c.hasHead("itm_weight", func(b *captioning.BLIPConfig) float64 { return b.ITM }); err != nil {
		return nil, err
	}
	scores, err := c.ask(ctx, pairs, func(scope *model.Scope, features, captions, lengths *graph.Node) *graph.Node {
		scores := c.BLIP.Match(scope, features, captions, lengths)
		side := func(i int) *graph.Node { return graph.SliceAxis(scores, 1, graph.AxisRange(i, i+1)) }
		return graph.Sub(side(1), side(0))
	})
	odds := make([]float32, len(scores))
	for i, s := range scores {
		odds[i] = s[0]
	}
	return odds, err
}

// hasHead is an error unless the captioner is BLIP's and was trained with a head, whose weight in the loss is what weight returns.
func (c *Model) hasHead(name string, weight func(*captioning.BLIPConfig) float64) error {
	if c.BLIP == nil {
		return fmt.Errorf("expected a captioner with BLIP's heads, found one of another make; `glimpse train built/blip` makes one")
	}
	if weight(c.BLIP) == 0 {
		return fmt.Errorf("expected a captioner that was trained with %s above 0, found one that has not learned this head", name)
	}
	return nil
}

// ask runs a head on items, all in batches of one shape, so that its graph is compiled once.
func (c *Model) ask(ctx context.Context, items []Item, head func(scope *model.Scope, features, captions, lengths *graph.Node) *graph.Node) (rows [][]float32, err error) {
	exec, err := model.NewExec(c.backend.Backend, c.Store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		return head(scope.At("decoder"), c.Encoder.features(scope, inputs[0]), inputs[1], inputs[2])
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	for from := 0; from < len(items); from += pairBatch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		chunk := append([]Item(nil), items[from:min(from+pairBatch, len(items))]...)
		n := len(chunk)
		for len(chunk) < pairBatch {
			chunk = append(chunk, chunk[0])
		}
		batch, err := c.Batch(chunk)
		if err != nil {
			return nil, err
		}
		out, err := exec.Call1(batch[0], batch[1], batch[2])
		giveBack(batch)
		if err != nil {
			return nil, fmt.Errorf("cannot ask BLIP's head: %w", err)
		}
		flat, err := tensors.CopyFlatData[float32](out)
		out.MustFinalizeAll()
		if err != nil {
			return nil, err
		}
		width := len(flat) / pairBatch
		for i := range n {
			rows = append(rows, flat[i*width:(i+1)*width])
		}
	}
	return rows, nil
}
