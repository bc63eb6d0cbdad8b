package benchmark

import "github.com/glimpse-ml/glimpse/clip"

// Kind is what a case does with its model.
type Kind string

const (
	Images   Kind = "images"   // encode pictures
	Texts    Kind = "texts"    // encode texts
	Training Kind = "training" // one step of AdamW on pairs
)

// Case is one row of the page.
type Case struct {
	Name  string      `json:"name"`
	Model string      `json:"model"` // name of the weights' folder
	Kind  Kind        `json:"kind"`
	Batch int         `json:"batch"`
	Goal  float64     `json:"goal"` // share of the measured peak to aim for; 0 for none
	cfg   clip.Config // of the model
	words int         // most tokens of a text, start and end included; 0 for as many as the context has
}

// Cases are what issue and page ask for: ViT-B/32 and RN50 on pictures, ViT-B/32's text tower on texts that fill its context and on short ones, a small CLIP's training.
func Cases() []Case {
	return []Case{
		{"ViT-B/32, pictures", "vit-b32", Images, 1, 0.6, clip.ViTB32(), 0},
		{"ViT-B/32, pictures", "vit-b32", Images, 16, 0.8, clip.ViTB32(), 0},
		{"ViT-B/32, texts", "vit-b32", Texts, 64, 0, clip.ViTB32(), 0},
		{"ViT-B/32, short texts", "vit-b32", Texts, 64, 0, clip.ViTB32(), shortTexts},
		{"RN50, pictures", "rn50", Images, 1, 0.6, clip.RN50(), 0},
		{"RN50, pictures", "rn50", Images, 16, 0.8, clip.RN50(), 0},
		{"small CLIP, training step", "small", Training, 64, 0, small(), 0},
	}
}

// shortTexts is the length in tokens of prompts and captions, at the most.
const shortTexts = 16

// QuickCases have the same forms in seconds: they test the machinery, and their figures mean nothing.
func QuickCases() []Case {
	tiny := small()
	tiny.Vision.Height, tiny.Vision.Width, tiny.Vision.ViT.Layers, tiny.Text.Layers = 32, 32, 1, 1
	return []Case{
		{"tiny, pictures", "tiny", Images, 2, 0, tiny, 0},
		{"tiny, texts", "tiny", Texts, 2, 0, tiny, 0},
		{"tiny, short texts", "tiny", Texts, 2, 0, tiny, shortTexts},
		{"tiny, training step", "tiny", Training, 2, 0, tiny, 0},
	}
}

// small is a CLIP of two transformers whose training step takes about a second on two cores.
func small() clip.Config {
	c := clip.ViTB32()
	c.EmbedDim = 128
	c.Vision.Height, c.Vision.Width, c.Vision.Patch = 64, 64, 8
	c.Vision.ViT = &clip.ViTConfig{Width: 192, Layers: 6, Heads: 3}
	c.Text = clip.TextConfig{VocabSize: 8192, ContextLength: 32, Width: 192, Layers: 4, Heads: 3}
	return c
}

// operations is what a case computes in one call, in floating-point operations; a training step counts three times the
// forward pass, as usual (the gradient of every product is two products). What lies behind a short text's end is not counted, nor what
// ours leaves out of the last block.
func (c Case) operations() float64 {
	if c.words > 0 {
		c.cfg.Text.ContextLength = c.words
	}
	sparedImage, sparedText := c.cfg.Spared()
	image, text := c.cfg.ImageOperations()-sparedImage, c.cfg.TextOperations()-sparedText
	n := float64(c.Batch)
	switch c.Kind {
	case Images:
		return n * image
	case Texts:
		return n * text
	}
	return 3 * n * (image + text)
}
