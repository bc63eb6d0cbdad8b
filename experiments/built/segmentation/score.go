package segmentation

import (
	"slices"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// iou is intersection over union of where a map reaches the threshold with the truth. Where nothing is there, it is the share of the pixels that are
// marked instead.
func iou(found, truth []float32, threshold float64) float64 {
	both, either, marked := 0, 0, 0
	for i, v := range found {
		is, should := float64(v) >= threshold, truth[i] > 0
		if is && should {
			both++
		}
		if is || should {
			either++
		}
		if is {
			marked++
		}
	}
	if !slices.Contains(truth, 1) {
		return float64(marked) / float64(len(truth))
	}
	return float64(both) / float64(either)
}

// scores of maps [scene][phrase][pixel]; phrases without a map have none: below 0.
func (t test) scores(maps [][][]float32, threshold float64) (all [][]float64) {
	for i, list := range maps {
		row := make([]float64, len(list))
		for k, found := range list {
			row[k] = -1
			if found != nil {
				row[k] = iou(found, t.asked[i].truths[k], threshold)
			}
		}
		all = append(all, row)
	}
	return all
}

// each hands on every score with its phrase and the scene that it is about.
func (t test) each(scores [][]float64, do func(p phrase, scene scenes.Scene, score float64)) {
	for i, row := range scores {
		for k, score := range row {
			if score >= 0 {
				do(t.asked[i].phrases[k], t.asked[i].scene, score)
			}
		}
	}
}

// mean is over the phrases that are taken, with a bootstrap over the scenes: phrases about one scene go together.
func (t test) mean(scores [][]float64, take func(p phrase, scene scenes.Scene) bool) stats.Mean {
	var sums, counts []float64 // by scene
	for i := range scores {
		sum, n := 0.0, 0.0
		test{t.split, t.asked[i : i+1]}.each(scores[i:i+1], func(p phrase, scene scenes.Scene, score float64) {
			if take(p, scene) {
				sum, n = sum+score, n+1
			}
		})
		if n > 0 {
			sums, counts = append(sums, sum), append(counts, n)
		}
	}
	if len(sums) == 0 {
		return stats.Mean{}
	}
	return stats.Bootstrap(len(sums), func(pick []int) float64 {
		sum, n := 0.0, 0.0
		for _, i := range pick {
			sum, n = sum+sums[i], n+counts[i]
		}
		return sum / n
	})
}

// best is the threshold with the largest mean IoU of the phrases that something fits, among 40 between the smallest and the largest value.
func (t test) best(maps [][][]float32) float64 {
	low, high := float32(0), float32(0)
	first := true
	for _, list := range maps {
		for _, found := range list {
			if found == nil {
				continue
			}
			if least, most := slices.Min(found), slices.Max(found); first {
				low, high, first = least, most, false
			} else {
				low, high = min(low, least), max(high, most)
			}
		}
	}
	best, at := -1.0, 0.0
	for i := 1; i < 40; i++ {
		threshold := float64(low) + float64(high-low)*float64(i)/40
		sum, n := 0.0, 0
		t.each(t.scores(maps, threshold), func(p phrase, scene scenes.Scene, score float64) {
			if !nothing(p, scene) {
				sum, n = sum+score, n+1
			}
		})
		if sum/float64(n) > best {
			best, at = sum/float64(n), threshold
		}
	}
	return at
}
