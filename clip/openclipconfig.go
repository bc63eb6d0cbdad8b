package clip

import (
	"encoding/json"
	"fmt"
)

// openCLIPConfig is OpenCLIP's open_clip_config.json, as far as it says what the model is.
type openCLIPConfig struct {
	Model struct {
		EmbedDim  int  `json:"embed_dim"`
		QuickGELU bool `json:"quick_gelu"`
		Vision    struct {
			ImageSize int             `json:"image_size"`
			Layers    json.RawMessage `json:"layers"` // a number, or four for a ResNet
			Width     int             `json:"width"`
			HeadWidth int             `json:"head_width"`
			Patch     int             `json:"patch_size"`
			TimmModel string          `json:"timm_model_name"`
		} `json:"vision_cfg"`
		Text struct {
			Context   int    `json:"context_length"`
			Vocab     int    `json:"vocab_size"`
			Width     int    `json:"width"`
			Heads     int    `json:"heads"`
			Layers    int    `json:"layers"`
			HFModel   string `json:"hf_model_name"`
			NoCausal  bool   `json:"no_causal_mask"`
			EmbedCls  bool   `json:"embed_cls"`
			PoolsType string `json:"pool_type"`
		} `json:"text_cfg"`
	} `json:"model_cfg"`
	Preprocess struct {
		Mean *[3]float64 `json:"mean"`
		Std  *[3]float64 `json:"std"`
		Mode string      `json:"resize_mode"`
	} `json:"preprocess_cfg"`
}

// readOpenCLIP completes what the shapes of a file say, c, with what only the configuration says: heads, the activation,
// preprocessing. Where both say something they have to agree.
func (c *Config) readOpenCLIP(path string) error {
	var oc openCLIPConfig
	found, err := readJSONFile(path, &oc)
	if err != nil || !found {
		return err
	}
	m := oc.Model
	if m.Vision.TimmModel != "" || m.Text.HFModel != "" || m.Text.NoCausal || m.Text.EmbedCls || m.Text.PoolsType != "" && m.Text.PoolsType != "argmax" {
		return fmt.Errorf("%s: expected one of CLIP's own towers, found another kind of tower (timm_model_name, hf_model_name, no_causal_mask, "+
			"embed_cls or pool_type)", path)
	}
	for _, size := range []struct {
		name         string
		found, shape int
	}{
		{"embed_dim", m.EmbedDim, c.EmbedDim}, {"vision_cfg.image_size", m.Vision.ImageSize, c.Vision.Height},
		{"text_cfg.context_length", m.Text.Context, c.Text.ContextLength}, {"text_cfg.vocab_size", m.Text.Vocab, c.Text.VocabSize},
		{"text_cfg.width", m.Text.Width, c.Text.Width}, {"text_cfg.layers", m.Text.Layers, c.Text.Layers},
		{"vision_cfg.patch_size", m.Vision.Patch, c.Vision.Patch},
	} {
		if size.found != 0 && size.found != size.shape {
			return fmt.Errorf("%s: expected %s to be %d, as the shapes of the weights say, found %d", path, size.name, size.shape, size.found)
		}
	}
	c.Text.Heads = orElse(m.Text.Heads, c.Text.Heads)
	activation := GELU
	if m.QuickGELU {
		activation = QuickGELU
	}
	c.Text.Activation = activation
	if v := c.Vision.ViT; v != nil {
		v.Activation = activation
		v.Heads = v.Width / orElse(m.Vision.HeadWidth, headWidth)
	} else {
		c.Vision.ResNet.Heads = c.Vision.ResNet.channels() / orElse(m.Vision.HeadWidth, headWidth)
	}
	if p := oc.Preprocess; p.Mean != nil && p.Std != nil {
		c.Vision.Mean, c.Vision.Std = *p.Mean, *p.Std
	}
	switch mode := oc.Preprocess.Mode; mode {
	case "", "shortest":
	case "squash":
		c.Vision.Resize = Squash
	default:
		return fmt.Errorf("%s: expected preprocess_cfg.resize_mode to be shortest or squash, found %q", path, mode)
	}
	return nil
}

// openCLIP is the content of open_clip_config.json.
func (c Config) openCLIP() map[string]any {
	vision := map[string]any{"image_size": c.Vision.Height}
	if v := c.Vision.ViT; v != nil {
		vision["layers"], vision["width"], vision["patch_size"], vision["head_width"] = v.Layers, v.Width, c.Vision.Patch, v.Width/v.Heads
	} else {
		r := c.Vision.ResNet
		vision["layers"], vision["width"], vision["head_width"] = r.Blocks, r.Width, r.channels()/r.Heads
	}
	t := c.Text
	mode := "shortest"
	if c.Vision.Resize != ShortSide {
		mode = "squash"
	}
	return map[string]any{
		"model_cfg": map[string]any{
			"embed_dim": c.EmbedDim, "quick_gelu": t.Activation.name() == QuickGELU, "vision_cfg": vision,
			"text_cfg": map[string]any{"context_length": t.ContextLength, "vocab_size": t.VocabSize, "width": t.Width, "heads": t.Heads, "layers": t.Layers},
		},
		"preprocess_cfg": map[string]any{"mean": c.Vision.Mean, "std": c.Vision.Std, "interpolation": "bicubic", "resize_mode": mode},
	}
}
