package clip

import "slices"

// Preset is a published model: its name and its configuration.
type Preset struct {
	Name   string
	Config Config
}

// Published lists the nine models that were published with the paper, in its order. The sizes are those of open_clip's
// model configurations (mlfoundations/open_clip, src/open_clip/model_configs) and of the shapes in OpenAI's checkpoints.
func Published() []Preset {
	return []Preset{
		{"RN50", RN50()}, {"RN101", RN101()}, {"RN50x4", RN50x4()}, {"RN50x16", RN50x16()}, {"RN50x64", RN50x64()},
		{"ViT-B/32", ViTB32()}, {"ViT-B/16", ViTB16()}, {"ViT-L/14", ViTL14()}, {"ViT-L/14@336px", ViTL14At336()},
	}
}

// published is the published model with the same counts of parameters, if one has them.
func (c Config) published() (Preset, bool) {
	all, counts := Published(), c.Counts()
	if i := slices.IndexFunc(all, func(p Preset) bool { return p.Config.Counts() == counts }); i >= 0 {
		return all[i], true
	}
	return Preset{}, false
}

// RN50 is the modified ResNet-50.
func RN50() Config { return publishedResNet(1024, 224, 64, 512, 3, 4, 6, 3) }

// RN101 is the modified ResNet-101.
func RN101() Config { return publishedResNet(512, 224, 64, 512, 3, 4, 23, 3) }

// RN50x4 has about 4 times the computation of [RN50], the others likewise (section 2.4, after EfficientNet's scaling).
func RN50x4() Config { return publishedResNet(640, 288, 80, 640, 4, 6, 10, 6) }

// RN50x16 is described at [RN50x4].
func RN50x16() Config { return publishedResNet(768, 384, 96, 768, 6, 8, 18, 8) }

// RN50x64 is described at [RN50x4].
func RN50x64() Config { return publishedResNet(1024, 448, 128, 1024, 3, 15, 36, 10) }

// ViTB32 is ViT-B/32: a vision transformer of the base size on patches of 32 pixels.
func ViTB32() Config { return publishedViT(512, 224, 32, 768, 12, 512) }

// ViTB16 is ViT-B/16.
func ViTB16() Config { return publishedViT(512, 224, 16, 768, 12, 512) }

// ViTL14 is ViT-L/14.
func ViTL14() Config { return publishedViT(768, 224, 14, 1024, 24, 768) }

// ViTL14At336 is ViT-L/14@336px: trained for one more epoch at a higher resolution, the paper's best model.
func ViTL14At336() Config { return publishedViT(768, 336, 14, 1024, 24, 768) }

// PublishedMean and PublishedStd are the statistics of the pictures that OpenAI trained on: red, green, blue in 0..1.
var (
	PublishedMean = [3]float64{0.48145466, 0.4578275, 0.40821073}
	PublishedStd  = [3]float64{0.26862954, 0.26130258, 0.27577711}
)

// headWidth is the size of an attention head in all the published models.
const headWidth = 64

func publishedResNet(embedDim, resolution, width, textWidth int, blocks ...int) Config {
	v := publishedVision(resolution)
	v.ResNet = &ResNetConfig{Blocks: blocks, Width: width, Heads: width * resNetReduction / headWidth}
	return Config{EmbedDim: embedDim, Vision: v, Text: publishedText(textWidth)}
}

func publishedViT(embedDim, resolution, patch, width, layers, textWidth int) Config {
	v := publishedVision(resolution)
	v.Patch = patch
	v.ViT = &ViTConfig{Width: width, Layers: layers, Heads: width / headWidth}
	return Config{EmbedDim: embedDim, Vision: v, Text: publishedText(textWidth)}
}

func publishedVision(resolution int) VisionConfig {
	return VisionConfig{Height: resolution, Width: resolution, Mean: PublishedMean, Std: PublishedStd, Resize: ShortSide}
}

func publishedText(width int) TextConfig {
	return TextConfig{VocabSize: 49408, ContextLength: 77, Width: width, Layers: 12, Heads: width / headWidth}
}
