package language

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Read reads a GPT-2 as Hugging Face keeps it: config.json and model.safetensors in the folder dir. The weights have the names that this package's
// variables have (transformer. before them is dropped, and so are the causal masks and an lm_head that is wte again); all are there, in their
// shapes, and there are no others.
func Read(dir string) (Config, map[string]safetensors.Tensor, error) {
	cfg, err := readConfig(filepath.Join(dir, "config.json"))
	if err != nil {
		return cfg, nil, err
	}
	path := filepath.Join(dir, "model.safetensors")
	file, err := safetensors.Load(path)
	if err != nil {
		return cfg, nil, err
	}
	found := map[string]safetensors.Tensor{}
	for name, tensor := range file.Tensors {
		short := strings.TrimPrefix(name, "transformer.")
		if short == "lm_head.weight" || isMask(short) {
			continue
		}
		if _, twice := found[short]; twice {
			return cfg, nil, fmt.Errorf("%s: expected every weight once, found %s with and without transformer. before it", path, short)
		}
		found[short] = tensor
	}
	wanted := cfg.weightShapes()
	for name, shape := range wanted {
		if t, ok := found[name]; !ok || !slices.Equal(t.Shape, shape) {
			return cfg, nil, fmt.Errorf("%s: expected the weight %s of shape %v, found %v; config.json and weights belong to different models", path, name, shape, t.Shape)
		}
	}
	for name := range found {
		if _, ok := wanted[name]; !ok {
			return cfg, nil, fmt.Errorf("%s: expected a GPT-2's weights alone, found %s as well", path, name)
		}
	}
	return cfg, found, nil
}

// isMask tells the buffers h.N.attn.bias and h.N.attn.masked_bias, which hold no weights, from weights.
func isMask(name string) bool {
	return strings.HasSuffix(name, ".attn.bias") || strings.HasSuffix(name, ".attn.masked_bias")
}

// readConfig reads config.json, and refuses what this package would compute otherwise.
func readConfig(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("cannot read the language model's configuration: %w", err)
	}
	file := struct {
		Config
		Kind       string `json:"model_type"`
		Activation string `json:"activation_function"`
		Inner      *int   `json:"n_inner"`
		Tied       *bool  `json:"tie_word_embeddings"`
		ByLayer    bool   `json:"scale_attn_by_inverse_layer_idx"`
		Unscaled   *bool  `json:"scale_attn_weights"`
	}{Config: Config{Eps: 1e-5}}
	if err := json.Unmarshal(data, &file); err != nil {
		return Config{}, fmt.Errorf("%s: expected a GPT-2's configuration as JSON: %w", path, err)
	}
	switch {
	case file.Kind != "gpt2":
		return Config{}, fmt.Errorf("%s: expected model_type gpt2, found %q", path, file.Kind)
	case file.Activation != "gelu_new" && file.Activation != "":
		return Config{}, fmt.Errorf("%s: expected activation_function gelu_new, found %q", path, file.Activation)
	case file.Inner != nil && *file.Inner != 4*file.Width:
		return Config{}, fmt.Errorf("%s: expected n_inner of 4 n_embd = %d, found %d", path, 4*file.Width, *file.Inner)
	case file.Tied != nil && !*file.Tied:
		return Config{}, fmt.Errorf("%s: expected tie_word_embeddings, the scores being products with the embeddings, found weights of their own", path)
	case file.ByLayer || file.Unscaled != nil && !*file.Unscaled:
		return Config{}, fmt.Errorf("%s: expected scores of the attention scaled by the heads' width alone, found them scaled otherwise", path)
	}
	if err := file.Config.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return file.Config, nil
}

// weightShapes are the shapes of all weights by their names.
func (c Config) weightShapes() map[string][]int {
	W := c.Width
	shapes := map[string][]int{"wte.weight": {c.VocabSize, W}, "wpe.weight": {c.Context, W}, "ln_f.weight": {W}, "ln_f.bias": {W}}
	for i := range c.Layers {
		for name, shape := range map[string][]int{
			"ln_1.weight": {W}, "ln_1.bias": {W}, "attn.c_attn.weight": {W, 3 * W}, "attn.c_attn.bias": {3 * W}, "attn.c_proj.weight": {W, W}, "attn.c_proj.bias": {W},
			"ln_2.weight": {W}, "ln_2.bias": {W}, "mlp.c_fc.weight": {W, 4 * W}, "mlp.c_fc.bias": {4 * W}, "mlp.c_proj.weight": {4 * W, W}, "mlp.c_proj.bias": {W},
		} {
			shapes[fmt.Sprintf("h.%d.%s", i, name)] = shape
		}
	}
	return shapes
}
