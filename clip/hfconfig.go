package clip

import (
	"encoding/json"
	"fmt"
)

// hfConfig is Hugging Face's config.json of a CLIPModel, as far as it says what the model is. The defaults of
// CLIPTextConfig and CLIPVisionConfig stand where a file leaves a value out; without an eos_token_id the end token is the largest
// id.
type hfConfig struct {
	ModelType      string          `json:"model_type"`
	ProjectionDim  int             `json:"projection_dim"`
	Text           hfText          `json:"text_config"`
	Vision         hfVision        `json:"vision_config"`
	TextOverride   json.RawMessage `json:"text_config_dict"` // of older files; what it holds wins
	VisionOverride json.RawMessage `json:"vision_config_dict"`
}

type hfTransformer struct {
	Act    string  `json:"hidden_act"`
	Hidden int     `json:"hidden_size"`
	MLP    int     `json:"intermediate_size"`
	Layers int     `json:"num_hidden_layers"`
	Heads  int     `json:"num_attention_heads"`
	Eps    float64 `json:"layer_norm_eps"`
}

type hfText struct {
	hfTransformer
	Vocab   int  `json:"vocab_size"`
	Context int  `json:"max_position_embeddings"`
	End     *int `json:"eos_token_id"`
}

type hfVision struct {
	hfTransformer
	Image    int `json:"image_size"`
	Patch    int `json:"patch_size"`
	Channels int `json:"num_channels"`
}

// legacyEnd is the eos_token_id that old files have whatever the vocabulary: the end token is the largest id then.
const legacyEnd = 2

// readHuggingFace reads config.json.
func readHuggingFace(path string) (Config, error) {
	hf := hfConfig{
		ProjectionDim: 512,
		Text:          hfText{hfTransformer: hfTransformer{"quick_gelu", 512, 2048, 12, 8, layerNormEps}, Vocab: 49408, Context: 77},
		Vision:        hfVision{hfTransformer: hfTransformer{"quick_gelu", 768, 3072, 12, 12, layerNormEps}, Image: 224, Patch: 32, Channels: 3},
	}
	found, err := readJSONFile(path, &hf)
	if err != nil || !found {
		return Config{}, orElse(err, fmt.Errorf("expected Hugging Face's configuration %s, found none", path))
	}
	for _, o := range []struct {
		text json.RawMessage
		into any
	}{{hf.TextOverride, &hf.Text}, {hf.VisionOverride, &hf.Vision}} {
		if len(o.text) == 0 {
			continue
		}
		if err := json.Unmarshal(o.text, o.into); err != nil {
			return Config{}, fmt.Errorf("cannot read %s: %w", path, err)
		}
	}
	c, err := hf.config()
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (hf hfConfig) config() (Config, error) {
	if hf.ModelType != "" && hf.ModelType != "clip" {
		return Config{}, fmt.Errorf("model_type: expected clip, found %q", hf.ModelType)
	}
	if hf.Vision.Channels != 3 {
		return Config{}, fmt.Errorf("vision_config.num_channels: expected 3, found %d", hf.Vision.Channels)
	}
	textAct, err := activationCalled(hf.Text.Act)
	if err != nil {
		return Config{}, fmt.Errorf("text_config.hidden_act: %w", err)
	}
	visionAct, err := activationCalled(hf.Vision.Act)
	if err != nil {
		return Config{}, fmt.Errorf("vision_config.hidden_act: %w", err)
	}
	t, v := hf.Text, hf.Vision
	vision := publishedVision(v.Image)
	vision.Patch = v.Patch
	vision.ViT = &ViTConfig{Width: v.Hidden, Layers: v.Layers, Heads: v.Heads, MLP: unlessDefault(v.MLP, 4*v.Hidden),
		Activation: visionAct, LayerNormEps: v.Eps}
	text := TextConfig{VocabSize: t.Vocab, ContextLength: t.Context, Width: t.Hidden, Layers: t.Layers, Heads: t.Heads,
		MLP: unlessDefault(t.MLP, 4*t.Hidden), Activation: textAct, LayerNormEps: t.Eps}
	if t.End != nil && *t.End != legacyEnd {
		text.EndToken = *t.End
	}
	return Config{EmbedDim: hf.ProjectionDim, Vision: vision, Text: text}, nil
}

func activationCalled(name string) (Activation, error) {
	switch a := Activation(name); a {
	case QuickGELU, GELU:
		return a, nil
	}
	return "", fmt.Errorf("expected %s or %s, found %q", QuickGELU, GELU, name)
}

// huggingFace is the content of config.json for a model, the other way round.
func (c Config) huggingFace(dtype string) map[string]any {
	transformer := func(t transformer, modelType string) map[string]any {
		return map[string]any{
			"model_type": modelType, "hidden_act": string(t.activation), "hidden_size": t.width, "intermediate_size": t.mlp,
			"num_hidden_layers": t.layers, "num_attention_heads": t.heads, "layer_norm_eps": t.eps, "projection_dim": c.EmbedDim,
		}
	}
	text := transformer(c.Text.blocks(), "clip_text_model")
	text["vocab_size"], text["max_position_embeddings"] = c.Text.VocabSize, c.Text.ContextLength
	text["eos_token_id"] = orElse(c.Text.EndToken, legacyEnd)
	vision := transformer(c.Vision.ViT.blocks(), "clip_vision_model")
	vision["image_size"], vision["patch_size"], vision["num_channels"] = c.Vision.Height, c.Vision.Patch, 3
	return map[string]any{
		"architectures": []string{"CLIPModel"}, "model_type": "clip", "projection_dim": c.EmbedDim,
		"logit_scale_init_value": 2.6592, "torch_dtype": dtype, "text_config": text, "vision_config": vision,
	}
}
