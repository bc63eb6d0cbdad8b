package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// shapesOf answers with the dimensions of a tensor of a file.
type shapesOf func(name string) (dims []int, ok bool)

// architectureOf reads a model's sizes from the shapes of a file in OpenAI's naming, as OpenAI's build_model does. Heads are
// in no shape: they are the width over 64. The activation is in none either: OpenAI's models have QuickGELU.
func architectureOf(names []string, shape shapesOf) (Config, error) {
	r := shapeReader{shape: shape}
	text := TextConfig{
		VocabSize:     r.dim("token_embedding.weight", 0, 2),
		ContextLength: r.dim("positional_embedding", 0, 2),
		Width:         r.dim("positional_embedding", 1, 2),
		Layers:        countIndices(names, "transformer.resblocks."),
	}
	if text.Layers > 0 {
		text.MLP = unlessDefault(r.dim("transformer.resblocks.0.mlp.c_fc.weight", 0, 2), 4*text.Width)
	}
	text.Heads = max(text.Width/headWidth, 1)
	cfg := Config{EmbedDim: r.dim("text_projection", 1, 2), Text: text}
	_, isViT := shape("visual.proj")
	var err error
	if isViT {
		cfg.Vision, err = r.visionTransformer(names)
	} else {
		cfg.Vision, err = r.modifiedResNet(names)
	}
	return cfg, errors.Join(r.err, err)
}

func (r *shapeReader) visionTransformer(names []string) (VisionConfig, error) {
	width, patch := r.dim("visual.conv1.weight", 0, 4), r.dim("visual.conv1.weight", 3, 4)
	vit := &ViTConfig{Width: width, Layers: countIndices(names, "visual.transformer.resblocks."), Heads: max(width/headWidth, 1)}
	if vit.Layers > 0 {
		vit.MLP = unlessDefault(r.dim("visual.transformer.resblocks.0.mlp.c_fc.weight", 0, 2), 4*width)
	}
	grid, err := r.grid("visual.positional_embedding")
	v := publishedVision(patch * grid)
	v.Patch, v.ViT = patch, vit
	return v, err
}

func (r *shapeReader) modifiedResNet(names []string) (VisionConfig, error) {
	width := r.dim("visual.layer1.0.conv1.weight", 0, 4)
	res := &ResNetConfig{Width: width, Heads: max(width*resNetReduction/headWidth, 1)}
	for i := range 4 {
		res.Blocks = append(res.Blocks, countIndices(names, fmt.Sprintf("visual.layer%d.", i+1)))
	}
	grid, err := r.grid("visual.attnpool.positional_embedding")
	v := publishedVision(grid * resNetReduction)
	v.ResNet = res
	return v, err
}

// shapeReader reads dimensions and keeps the first thing that is wrong.
type shapeReader struct {
	shape shapesOf
	err   error
}

// dim is one of a tensor's dimensions, of which there are rank.
func (r *shapeReader) dim(name string, axis, rank int) int {
	dims, ok := r.shape(name)
	switch {
	case r.err != nil:
	case !ok:
		r.err = fmt.Errorf("expected the tensor %s, from which the architecture is read, found none", name)
	case len(dims) != rank:
		r.err = fmt.Errorf("expected %d dimensions of the tensor %s, found %v", rank, name, dims)
	default:
		return dims[axis]
	}
	return 0
}

// grid is the side of the square grid that a positional embedding with one more position is for.
func (r *shapeReader) grid(name string) (int, error) {
	n := r.dim(name, 0, 2) - 1
	if r.err != nil {
		return 0, nil
	}
	side := 1
	for side*side < n {
		side++
	}
	if n < 1 || side*side != n {
		return 0, fmt.Errorf("expected one position and a square grid of positions in %s, found %d positions", name, n+1)
	}
	return side, nil
}

// unlessDefault is v, or 0 when it is the default, which 0 stands for.
func unlessDefault(v, standard int) int {
	if v == standard {
		return 0
	}
	return v
}

// countIndices is how many different numbers follow prefix among the names: "layer1.0.conv", "layer1.1.conv" are 2.
func countIndices(names []string, prefix string) int {
	seen := map[int]bool{}
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			digits, _, _ := strings.Cut(rest, ".")
			if i, err := strconv.Atoi(digits); err == nil {
				seen[i] = true
			}
		}
	}
	return len(seen)
}

// readMeta takes the head counts from a file meta.json, where there is one: its vision_heads and
// constructor.transformer_heads.
func (c *Config) readMeta(path string) error {
	var meta struct {
		VisionHeads int `json:"vision_heads"`
		Constructor struct {
			Heads int `json:"transformer_heads"`
		} `json:"constructor"`
	}
	if found, err := readJSONFile(path, &meta); err != nil || !found {
		return err
	}
	if n := meta.Constructor.Heads; n != 0 {
		c.Text.Heads = n
	}
	if n := meta.VisionHeads; n != 0 && c.Vision.ViT != nil {
		c.Vision.ViT.Heads = n
	} else if n != 0 {
		c.Vision.ResNet.Heads = n
	}
	return nil
}

// meta is the content of meta.json.
func (c Config) meta() map[string]any {
	return map[string]any{"vision_heads": c.Vision.heads(), "constructor": map[string]any{"transformer_heads": c.Text.Heads}}
}

// heads is the number of attention heads, 0 for a tower without attention.
func (v VisionConfig) heads() int {
	switch {
	case v.ViT != nil:
		return v.ViT.Heads
	case v.ResNet != nil:
		return v.ResNet.Heads
	}
	return 0
}

// readJSONFile reads a file if there is one.
func readJSONFile(path string, into any) (found bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return false, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return true, nil
}
