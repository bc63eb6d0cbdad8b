package contrastive

import (
	"context"
	"math/rand/v2"
	"strings"
	"unicode"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
)

// newProductSource yields batches of augmented pictures [N, H, W, 3], of parts of their titles as ids [N, L], and of masks [N, N].
func newProductSource(m *clip.Model, data *productData, cfg ProductsConfig, seed int64) (*titleSource, error) {
	v, length := m.Config.Vision, m.Config.Text.ContextLength
	s := &titleSource{masked: cfg.masks(), titles: make([]map[string]bool, data.train.Len())}
	for i := range s.titles {
		s.titles[i] = wordSet(data.train.At(i).Captions[0])
	}
	load := func(_ context.Context, i int, rng *rand.Rand) (pair, error) {
		pixels := m.Normalize(cfg.Augment.Apply(data.pictures[i], v.Width, v.Height, rng))
		captions := data.train.At(i).Captions
		text := someWords(captions[rng.IntN(len(captions))], cfg.KeepWords, rng)
		return pair{pixels, m.Tokenizer.EncodeBatch([]string{text}, length), text}, nil
	}
	var err error
	s.pairSource, err = newPairSource(data.train.Len(), cfg.BatchSize, seed, []int{v.Height, v.Width, 3}, length, load)
	return s, err
}

// titleSource is a source of pairs, and of masks: 1 where the words of the column's text are all in the title of the row's
// picture, so that the text would be right for both.
type titleSource struct {
	*pairSource
	titles []map[string]bool // the words of every training picture's title
	masked bool              // whether the loss goes by the masks
}

var _ experiments.Source = (*titleSource)(nil)

func (s *titleSource) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.next(ctx)
	if err != nil {
		return nil, err
	}
	n := len(batch.Items)
	mask := make([]float32, n*n)
	for j, item := range batch.Items {
		words := wordSet(item.text)
		for i, index := range batch.Indices {
			if containsAll(s.titles[index], words) {
				mask[i*n+j] = 1
			}
		}
	}
	inputs := append(s.tensors(batch.Items), tensors.FromFlatDataAndDimensions(mask, n, n))
	if s.masked { // equal texts are no negatives
		s.said[learning.Floor], s.said[learning.Chance] = 0, learning.MaskedChance(mask, n)
	}
	return inputs, nil
}

func containsAll(all, some map[string]bool) bool {
	for word := range some {
		if !all[word] {
			return false
		}
	}
	return true
}

// wordSet are the words of a title as far as they differ in meaning: "T-shirts", "Tshirt" and "TSHIRT" are one.
func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(strings.ToLower(text)) {
		word = strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return r
			}
			return -1
		}, word)
		if word = strings.TrimSuffix(word, "s"); word != "" {
			set[word] = true
		}
	}
	return set
}

// someWords keeps a random share of a text's words, the share itself drawn between keep[0] and keep[1]; at least one.
func someWords(text string, keep [2]float64, rng *rand.Rand) string {
	words := strings.Fields(text)
	share := keep[0] + (keep[1]-keep[0])*rng.Float64()
	sure := rng.IntN(max(len(words), 1))
	var kept []string
	for i, word := range words {
		if i == sure || rng.Float64() < share {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}
