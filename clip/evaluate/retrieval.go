package evaluate

import (
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Retrieval is recall in both directions: whether one of a picture's captions is among the k texts nearest to it, and
// whether a caption's picture is among the k pictures nearest to it. Pictures are what the intervals count as
// independent: where a picture has several texts, those from text to picture are a bootstrap over pictures, because the
// texts of one picture are found or missed together.
type Retrieval struct {
	ImageToText  map[int]stats.Proportion `json:"image_to_text"` // by k
	TextToImage  map[int]stats.Proportion `json:"text_to_image"`
	ImageToTexts RankFigures              `json:"image_to_text_rank"`
	TextToImages RankFigures              `json:"text_to_image_rank"`
	Images       int                      `json:"images"`
	Texts        int                      `json:"texts"`
}

// RankFigures are what the ranks of one direction come to besides recall, each with a bootstrap over pictures.
type RankFigures struct {
	Median stats.Mean `json:"median_rank"` // a picture without a text of its own finds it behind all others
	MRR    stats.Mean `json:"mrr"`         // mean reciprocal rank
}

// RecallAt are the k that retrieval is reported for.
func RecallAt() []int { return []int{1, 5, 10} }

// Retrieve measures retrieval among the examples of e, by cosine.
func (e *Embedded) Retrieve() Retrieval {
	return e.RetrieveBy(clip.Similarities(e.Images, e.Texts), clip.Similarities(e.Texts, e.Images))
}

// RetrieveBy is [Embedded.Retrieve] by scores of one's own: of the texts (columns) for each picture (row), and of the pictures for each text.
func (e *Embedded) RetrieveBy(texts, images [][]float32) Retrieval {
	r := Retrieval{ImageToText: map[int]stats.Proportion{}, TextToImage: map[int]stats.Proportion{}, Images: len(e.Images), Texts: len(e.Texts)}
	toText := clip.Ranks(texts, func(image, text int) bool { return e.Owner[text] == image })
	toImage := clip.Ranks(images, func(text, image int) bool { return e.Owner[text] == image })
	textsOf := make([][]int, len(e.Images))
	for text, image := range e.Owner {
		textsOf[image] = append(textsOf[image], text)
	}
	single := len(e.Texts) == len(e.Images)
	for _, texts := range textsOf {
		single = single && len(texts) == 1
	}
	for _, k := range RecallAt() {
		r.ImageToText[k] = clip.AtK(toText, k)
		r.TextToImage[k] = clip.AtK(toImage, k)
		if !single && len(toImage) > 0 {
			r.TextToImage[k] = byPicture(r.TextToImage[k], toImage, textsOf, k)
		}
	}
	itself := make([][]int, len(e.Images))
	for i := range itself {
		itself[i] = []int{i}
	}
	r.ImageToTexts, r.TextToImages = rankFigures(toText, itself, len(e.Texts)), rankFigures(toImage, textsOf, len(e.Images))
	return r
}

// byPicture gives a share of texts an interval that takes pictures, with all their texts, as what was sampled.
func byPicture(p stats.Proportion, ranks []int, textsOf [][]int, k int) stats.Proportion {
	hits := make([]int, len(textsOf))
	for image, texts := range textsOf {
		for _, text := range texts {
			if ranks[text] <= k {
				hits[image]++
			}
		}
	}
	m := stats.Bootstrap(len(textsOf), func(pick []int) float64 {
		found, of := 0, 0
		for _, image := range pick {
			found += hits[image]
			of += len(textsOf[image])
		}
		return float64(found) / float64(max(of, 1))
	})
	p.Low, p.High = m.Low, m.High
	return p
}

// rankFigures summarises the ranks of queries among so many candidates; queriesOf are those of each picture. Pictures without
// queries are not drawn: they have no rank.
func rankFigures(ranks []int, queriesOf [][]int, candidates int) RankFigures {
	if len(ranks) == 0 || candidates == 0 {
		return RankFigures{}
	}
	queriesOf = slices.DeleteFunc(slices.Clone(queriesOf), func(queries []int) bool { return len(queries) == 0 })
	median := func(ranks []int) float64 { return min(clip.MedianRank(ranks), float64(candidates+1)) }
	var picked []int
	of := func(statistic func([]int) float64) stats.Mean {
		m := stats.Bootstrap(len(queriesOf), func(pick []int) float64 {
			picked = picked[:0]
			for _, image := range pick {
				for _, q := range queriesOf[image] {
					picked = append(picked, ranks[q])
				}
			}
			return statistic(picked)
		})
		m.N = len(ranks)
		return m
	}
	return RankFigures{Median: of(median), MRR: of(clip.MRR)}
}
