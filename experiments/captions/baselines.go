package captions

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/parallel"
)

// Baseline is a way of captioning that learns nothing.
type Baseline struct {
	Name   string `json:"name"`
	Scored Scored `json:"scored"`
}

// consensusOf is from how many training pictures a caption is chosen by consensus. Each has five captions.
const consensusOf = 10

// baselines caption a set of pictures without a model: with the commonest caption of the training pictures, and with a
// caption of those training pictures that look most alike to the encoder, by the cosine of their meanFeatures ("Exploring
// Nearest Neighbor Approaches for Image Captioning", Devlin et al. 2015, arXiv 1505.04467). Of their captions the one is
// taken that agrees best with the others, by CIDEr-D.
func baselines(ctx context.Context, cfg Config, c *captioner.Model, train, set *captioner.Set) ([]Baseline, error) {
	var known [][]string // captions of every training picture, tokenised
	for _, example := range train.Examples {
		var captions []string
		for _, caption := range example.Captions {
			captions = append(captions, metrics.Tokenize(caption))
		}
		known = append(known, captions)
	}
	frequencies := metrics.CountDocuments(known)
	commonest := commonest(known)
	looks := meanFeatures(c, train)
	own := meanFeatures(c, set)

	ways := []struct {
		name    string
		caption func(i int) string
	}{
		{"the commonest training caption", func(int) string { return commonest }},
		{"a caption of the nearest training picture", func(i int) string { return consensus(frequencies, known, nearest(looks, own[i], 1)) }},
		{"consensus of the 10 nearest training pictures", func(i int) string {
			return consensus(frequencies, known, nearest(looks, own[i], consensusOf))
		}},
	}
	var found []Baseline
	for _, way := range ways {
		pictures, errs := parallel.Map(ctx, len(set.Examples), func(i int) (metrics.Picture, error) {
			return captioner.Picture(set.Examples[i], way.caption(i)), nil
		})
		if err := firstOf(ctx, errs); err != nil {
			return nil, err
		}
		scored, err := scorePictures(pictures, set, cfg.Examples)
		if err != nil {
			return nil, err
		}
		found = append(found, Baseline{way.name, scored})
	}
	return found, nil
}

func firstOf(ctx context.Context, errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// commonest is the caption that occurs most often; of several the first by the alphabet.
func commonest(captions [][]string) string {
	counts := map[string]int{}
	for _, own := range captions {
		for _, caption := range own {
			counts[caption]++
		}
	}
	best := ""
	for caption, n := range counts {
		if n > counts[best] || n == counts[best] && caption < best {
			best = caption
		}
	}
	return best
}

// meanFeatures are, for every picture, the means over all places of what a frozen encoder sees, with length 1; its pixels, likewise
// with length 1, where the encoder is trained.
func meanFeatures(c *captioner.Model, set *captioner.Set) [][]float32 {
	out := make([][]float32, len(set.Examples))
	for i := range out {
		input := set.Inputs(i)
		channels := len(input)
		if c.Encoder.Frozen() {
			channels = c.Encoder.Channels
		}
		sum, square := make([]float32, channels), 0.0
		for k, v := range input {
			sum[k%channels] += v
		}
		for _, v := range sum {
			square += float64(v) * float64(v)
		}
		for k := range sum {
			sum[k] /= float32(math.Sqrt(max(square, 1e-30)))
		}
		out[i] = sum
	}
	return out
}

// nearest are the k pictures with the largest cosine, the largest first.
func nearest(looks [][]float32, to []float32, k int) []int {
	cosines, order := make([]float32, len(looks)), make([]int, len(looks))
	for i, look := range looks {
		order[i] = i
		for j, v := range look {
			cosines[i] += v * to[j]
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(cosines[b], cosines[a]), a-b)
	})
	return order[:min(k, len(order))]
}

// consensus is, among the captions of some pictures, the one with the highest CIDEr-D against all others.
func consensus(frequencies *metrics.DocumentFrequencies, captions [][]string, pictures []int) string {
	var all []string
	for _, i := range pictures {
		all = append(all, captions[i]...)
	}
	// Against all, itself included: that adds the same to each, its score against itself.
	target := frequencies.Target(all)
	best, score := "", math.Inf(-1)
	for _, caption := range all {
		if s := target.CIDEr(caption); s > score {
			best, score = caption, s
		}
	}
	return best
}
