package blip

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/captions"
)

// retrieve finds the captions of the held-out pictures by the pictures and the other way round: by the contrastive head, and by the matching head among
// its first k (Li et al. 2022, section 5.1: "first select k candidates based on the image-text feature similarity, and then rerank the selected
// candidates based on their pairwise ITM scores").
func (r *Report) retrieve(ctx context.Context, env *experiments.Env, cfg Config, l *captions.Learned) error {
	env.Say("blip: retrieval among %d pictures, %d candidates of each query matched", r.Pictures, cfg.Rerank)
	e, err := l.Model.Contrast(ctx, l.Set)
	if err != nil {
		return err
	}
	texts, images := clip.Similarities(e.Images, e.Texts), clip.Similarities(e.Texts, e.Images)
	r.Contrast = e.RetrieveBy(texts, images)
	var ids [][]int32
	for _, of := range l.Set.Texts {
		ids = append(ids, of...)
	}
	var pictures [][]float32 // each once, however many pairs it is in
	for i := range l.Set.Examples {
		pictures = append(pictures, l.Set.Inputs(i))
	}
	matches := func(pairs []captioner.Item) ([]float32, error) { return l.Model.Matches(ctx, pairs) }
	if err := rerank(texts, cfg.Rerank, func(image, text int) captioner.Item {
		return captioner.Item{Input: pictures[image], IDs: ids[text]}
	}, matches); err != nil {
		return err
	}
	if err := rerank(images, cfg.Rerank, func(text, image int) captioner.Item {
		return captioner.Item{Input: pictures[image], IDs: ids[text]}
	}, matches); err != nil {
		return err
	}
	r.Matched = e.RetrieveBy(texts, images)
	return nil
}

// rerank puts the k candidates (columns) of each query (row) with the largest cosines in the order of their matches, of equal ones in that of their cosines,
// before all others.
func rerank(scores [][]float32, k int, pair func(query, candidate int) captioner.Item, matches func([]captioner.Item) ([]float32, error)) error {
	var pairs []captioner.Item
	var first [][]int
	for query, row := range scores {
		order := make([]int, len(row))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
		first = append(first, order[:min(k, len(order))])
		for _, candidate := range first[query] {
			pairs = append(pairs, pair(query, candidate))
		}
	}
	odds, err := matches(pairs)
	if err != nil {
		return err
	}
	for query, candidates := range first {
		places := make([]int, len(candidates))
		for i := range places {
			places[i] = i
		}
		slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(odds[b], odds[a]) })
		odds = odds[len(candidates):]
		for rank, place := range places {
			scores[query][candidates[place]] = float32(2 + len(candidates) - rank) // above any cosine
		}
	}
	return nil
}

// pick scores, of the captions in each picture's beam, the one that the matching head likes best.
func pick(ctx context.Context, env *experiments.Env, cfg Config, l *captions.Learned) (Scores, error) {
	env.Say("blip: captions in beams of %d matched", cfg.Captions.Beam)
	writer, err := l.Model.NewWriter(captioner.Writing{Beam: captioning.BeamOptions{K: cfg.Captions.Beam, LengthExponent: cfg.Captions.LengthNorm}}, writeBatch)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	var beams [][]captioning.Caption
	var pairs []captioner.Item
	for from := 0; from < len(l.Set.Examples); from += group {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var inputs [][]float32
		for i := from; i < min(from+group, len(l.Set.Examples)); i++ {
			inputs = append(inputs, l.Set.Inputs(i))
		}
		written, err := writer.WriteInputs(inputs, make([]uint64, len(inputs)), env.Seed) // keys tell drawn captions apart: a beam draws none
		if err != nil {
			return nil, err
		}
		for i, beam := range written {
			for _, caption := range beam {
				pairs = append(pairs, captioner.Item{Input: inputs[i], IDs: whole(caption)})
			}
		}
		beams = append(beams, written...)
	}
	odds, err := l.Model.Matches(ctx, pairs)
	if err != nil {
		return nil, err
	}
	var pictures []metrics.Picture
	for i, beam := range beams {
		best := largest(odds[:len(beam)])
		odds = odds[len(beam):]
		pictures = append(pictures, captioner.Picture(l.Set.Examples[i], strings.Join(l.Model.Vocabulary.Decode(beam[best].IDs), " ")))
	}
	found, err := metrics.Evaluate(pictures)
	if err != nil {
		return nil, err
	}
	return found.Bootstrap(bootstrapSamples, 1)
}

const (
	writeBatch       = 16             // pictures that are described together
	group            = 8 * writeBatch // whose next pictures take the places of those that are done
	bootstrapSamples = 1000           // of pictures give the intervals
)

// largest is the place of the first of the largest values.
func largest(values []float32) (place int) {
	for i, v := range values {
		if v > values[place] {
			place = i
		}
	}
	return place
}

// whole is a caption as people's are read: from the start word to the end word, which one that was cut lacks.
func whole(c captioning.Caption) []int32 {
	ids := append([]int32{captioning.Start}, c.IDs...)
	if ids[len(ids)-1] != captioning.End {
		ids[len(ids)-1] = captioning.End
	}
	return ids
}
