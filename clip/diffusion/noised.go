package diffusion

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// NoisedCLIP describes a CLIP that looks at noised pictures, and is told how noised they are (Nichol et al. 2022, section 2.3).
type NoisedCLIP struct {
	EmbedDim int             `json:"embed_dim"`
	Image    UNet            `json:"image"` // its picture tower is the half of this network that goes down (Dhariwal and Nichol 2021, section 4.3)
	Text     clip.TextConfig `json:"text"`  // vocab_size is set from the vocabulary
}

// DefaultNoisedCLIP is one for pictures of 16 pixels.
func DefaultNoisedCLIP() NoisedCLIP {
	u := DefaultUNet()
	u.Channels = []int{48, 96}
	return NoisedCLIP{EmbedDim: 64, Image: u, Text: clip.TextConfig{ContextLength: 16, Width: 64, Layers: 2, Heads: 4}}
}

// Check says what is wrong with the sizes, if anything is.
func (c NoisedCLIP) Check() error {
	if err := c.Image.Check(); err != nil {
		return err
	}
	t := c.Text
	if min(c.EmbedDim, t.ContextLength, t.Width, t.Layers, t.Heads) < 1 || max(c.EmbedDim, t.ContextLength, t.Width, t.Layers) > MaxSize || t.Width%t.Heads != 0 {
		return fmt.Errorf("clip: expected sizes of 1 to %d and a width of the text that the heads divide, found embed_dim %d and text %+v", MaxSize, c.EmbedDim, t)
	}
	return nil
}

// EncodeImage maps pictures x [N, side, side, depth] at steps t [N] (float32) to unit embeddings [N, D].
func (c NoisedCLIP) EncodeImage(scope *model.Scope, x, t *graph.Node) *graph.Node {
	scope, u := scope.At("visual"), c.Image
	when := u.when(scope.At("time"), t, nil)
	x = nn.Conv2DLayer(scope.At("in"), Patches(x, u.Patch), u.Channels[0], 3, nn.Conv{Padding: nn.Same()})
	for level, channels := range u.Channels {
		if level > 0 {
			x = nn.AvgPool2D(x, 2)
		}
		for i := range u.Blocks {
			x = u.block(scope.At("down%d", level).At("%d", i), x, when, channels, u.attends(level))
		}
	}
	x = SiLU(nn.GroupNorm(scope.At("norm"), x, u.Groups, normEps))
	n := x.Shape().Dim(0)
	x = graph.Reshape(x, n, x.Shape().Size()/n) // where something is says what it is the outline of: no mean over places
	return clip.Normalize(nn.Linear(scope.At("proj"), x, c.EmbedDim, false))
}

// EncodeText maps token ids [N, L] to unit embeddings [N, D].
func (c NoisedCLIP) EncodeText(scope *model.Scope, ids *graph.Node) *graph.Node {
	return clip.Normalize(clip.EncodeText(scope, c.Text, c.EmbedDim, ids))
}

// Similarity is what CLIP says of pictures at steps t [N] (float32) and the unit embeddings [N, D] of their texts, row by row: the cosine
// times the learned scale, [N].
func (c NoisedCLIP) Similarity(scope *model.Scope, x, t, text *graph.Node) *graph.Node {
	cosine := graph.ReduceSum(graph.Mul(c.EncodeImage(scope, x, t), text), 1)
	return graph.Mul(cosine, graph.Exp(clip.LogitScale(scope, x.Graph())))
}
