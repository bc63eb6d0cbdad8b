package evaluate

import (
	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Retrieval is recall in both directions: whether one of a picture's captions is among the k texts nearest to it, and
// whether a caption's picture is among the k pictures nearest to it.
type Retrieval struct {
	ImageToText map[int]stats.Proportion `json:"image_to_text"` // by k
	TextToImage map[int]stats.Proportion `json:"text_to_image"`
	Images      int                      `json:"images"`
	Texts       int                      `json:"texts"`
}

// RecallAt are the k that retrieval is reported for.
func RecallAt() []int { return []int{1, 5, 10} }

// Retrieve measures retrieval among the examples of e.
func (e *Embedded) Retrieve() Retrieval {
	r := Retrieval{ImageToText: map[int]stats.Proportion{}, TextToImage: map[int]stats.Proportion{}, Images: len(e.Images), Texts: len(e.Texts)}
	toText := clip.Ranks(clip.Similarities(e.Images, e.Texts), func(image, text int) bool { return e.Owner[text] == image })
	toImage := clip.Ranks(clip.Similarities(e.Texts, e.Images), func(text, image int) bool { return e.Owner[text] == image })
	for _, k := range RecallAt() {
		r.ImageToText[k] = clip.AtK(toText, k)
		r.TextToImage[k] = clip.AtK(toImage, k)
	}
	return r
}
