package clip

import (
	"fmt"
	"reflect"
	"slices"
)

// openCLIPConfig is OpenCLIP's open_clip_config.json, as far as it says what the model is.
type openCLIPConfig struct {
	Model struct {
		EmbedDim  int  `json:"embed_dim"`
		QuickGELU bool `json:"quick_gelu"`
		Vision    struct {
			ImageSize int `json:"image_size"`
			HeadWidth int `json:"head_width"`
			Patch     int `json:"patch_size"`
		} `json:"vision_cfg"`
		Text struct {
			Context int `json:"context_length"`
			Vocab   int `json:"vocab_size"`
			Width   int `json:"width"`
			Heads   int `json:"heads"`
			Layers  int `json:"layers"`
		} `json:"text_cfg"`
	} `json:"model_cfg"`
	Preprocess struct {
		Mean *[3]float64 `json:"mean"`
		Std  *[3]float64 `json:"std"`
		Mode string      `json:"resize_mode"`
	} `json:"preprocess_cfg"`
}

// openCLIPSettings are the settings of a section that may stand in the file, with the values at which the towers are CLIP's own;
// nil: any value, as for what is read, what the shapes tell and what is for training alone. A setting that is null is as if it
// were not there. Others may change the features without changing a shape.
var openCLIPSettings = map[string]map[string][]any{
	"vision_cfg": {
		"image_size": nil, "layers": nil, "width": nil, "head_width": nil, "patch_size": nil, "mlp_ratio": nil, "patch_dropout": nil, "output_tokens": nil,
		"timm_model_name": {""}, "global_average_pool": {false}, "pool_type": {"tok"}, "attentional_pool": {false}, "final_ln_after_pool": {false},
		"no_ln_pre": {false}, "input_patchnorm": {false}, "ls_init_value": {}, "pos_embed_type": {"learnable"},
		"act_kwargs": {map[string]any{}}, "norm_kwargs": {map[string]any{}, map[string]any{"eps": layerNormEps}},
	},
	"text_cfg": {
		"context_length": nil, "vocab_size": nil, "width": nil, "heads": nil, "layers": nil, "mlp_ratio": nil, "output_tokens": nil, "pad_id": nil,
		"hf_model_name": {""}, "hf_tokenizer_name": {""}, "tokenizer_kwargs": {map[string]any{}}, "no_causal_mask": {false}, "embed_cls": {false},
		"pool_type": {"argmax"}, "proj_type": {"linear"}, "proj_bias": {false}, "final_ln_after_pool": {false}, "ls_init_value": {},
		"act_kwargs": {map[string]any{}}, "norm_kwargs": {map[string]any{}, map[string]any{"eps": layerNormEps}},
	},
	"preprocess_cfg": {"mean": nil, "std": nil, "resize_mode": nil, "fill_color": nil, "mode": {"RGB"}, "interpolation": {"bicubic"}},
}

// checkOpenCLIPSettings refuses what [openCLIPSettings] does not list. size is that of the pictures.
func checkOpenCLIPSettings(path string, size int) error {
	var file struct {
		Model struct {
			Vision map[string]any `json:"vision_cfg"`
			Text   map[string]any `json:"text_cfg"`
		} `json:"model_cfg"`
		Preprocess map[string]any `json:"preprocess_cfg"`
	}
	if _, err := readJSONFile(path, &file); err != nil {
		return err
	}
	for section, settings := range map[string]map[string]any{
		"vision_cfg": file.Model.Vision, "text_cfg": file.Model.Text, "preprocess_cfg": file.Preprocess,
	} {
		for name, found := range settings {
			allowed, known := openCLIPSettings[section][name]
			if name == "size" && section == "preprocess_cfg" {
				n := float64(size)
				allowed, known = []any{n, []any{n, n}}, true
			}
			if found == nil || known && allowed == nil || slices.ContainsFunc(allowed, func(a any) bool { return reflect.DeepEqual(a, found) }) {
				continue
			}
			return fmt.Errorf("%s: expected the settings of CLIP's own towers (%s.%s %s), found %v, which would change the features without a word; "+
				"this model is of another kind", path, section, name, orValues(allowed), found)
		}
	}
	return nil
}

// orValues says which values a setting may have.
func orValues(allowed []any) string {
	if len(allowed) == 0 {
		return "left out"
	}
	return fmt.Sprintf("left out or one of %v", allowed)
}

// readOpenCLIP completes what the shapes of a file say, c, with what only the configuration says: heads, the activation,
// preprocessing. Where both say something they have to agree.
func (c *Config) readOpenCLIP(path string) error {
	var oc openCLIPConfig
	found, err := readJSONFile(path, &oc)
	if err != nil || !found {
		return err
	}
	if err := checkOpenCLIPSettings(path, c.Vision.Height); err != nil {
		return err
	}
	m := oc.Model
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
	if mean := oc.Preprocess.Mean; mean != nil {
		c.Vision.Mean = *mean
	}
	if std := oc.Preprocess.Std; std != nil {
		c.Vision.Std = *std
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
