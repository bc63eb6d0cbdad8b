package language

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// published writes a folder as Hugging Face keeps a GPT-2, with the golden model's sizes and the formula's weights.
func published(t *testing.T, config map[string]any, change func(map[string]safetensors.Tensor)) string {
	t.Helper()
	golden := readGolden(t)
	store := model.NewStore()
	exec, err := model.NewExec(backendtest.Go(t), store, func(scope *model.Scope, ids *Node) *Node { return Logits(scope, golden.Config, ids) })
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	if _, err := exec.Call(golden.IDs); err != nil {
		t.Fatal(err)
	}
	fromFormula(t, store)
	tensors, err := weights.FromStore(store, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]safetensors.Tensor{"lm_head.weight": tensors["wte.weight"], "transformer.h.0.attn.bias": safetensors.FromFloat32s([]float32{1}, 1, 1)}
	for name, tensor := range tensors {
		named["transformer."+name] = tensor
	}
	if change != nil {
		change(named)
	}
	all := map[string]any{"model_type": "gpt2", "activation_function": "gelu_new", "vocab_size": 11, "n_positions": 9, "n_embd": 8, "n_layer": 2, "n_head": 2,
		"layer_norm_epsilon": 1e-5, "n_inner": nil, "resid_pdrop": 0.1}
	for key, value := range config {
		all[key] = value
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), named, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A published model's folder gives PyTorch's scores, and no weight is fresh.
func TestRead(t *testing.T) {
	golden := readGolden(t)
	cfg, tensors, err := Read(published(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := golden.Config
	want.Dropout = 0.1
	if cfg != want {
		t.Errorf("expected %+v, found %+v", want, cfg)
	}
	store := model.NewStore()
	if err := weights.IntoStore(store, tensors); err != nil {
		t.Fatal(err)
	}
	store.SetParam("/"+nn.FixedParam, true)
	exec, err := model.NewExec(backendtest.Go(t), store, func(scope *model.Scope, ids *Node) *Node { return Logits(scope, cfg, ids) })
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call1(golden.IDs)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "logits", out, golden.Logits, 1e-4)
}

func TestReadRefuses(t *testing.T) {
	for want, config := range map[string]map[string]any{
		"model_type gpt2": {"model_type": "gpt_neo"}, "gelu_new": {"activation_function": "relu"}, "n_inner": {"n_inner": 7}, "scaled otherwise": {"scale_attn_by_inverse_layer_idx": true},
		"a multiple of n_head": {"n_head": 3}, "of shape [12 8]": {"vocab_size": 12}, "h.1.": {"n_layer": 1}, "tie_word_embeddings": {"tie_word_embeddings": false},
	} {
		if _, _, err := Read(published(t, config, nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error about %q, found %v", want, err)
		}
	}
	for want, change := range map[string]func(map[string]safetensors.Tensor){
		"expected the weight ln_f.bias": func(all map[string]safetensors.Tensor) { delete(all, "transformer.ln_f.bias") },
		"found score.weight as well":    func(all map[string]safetensors.Tensor) { all["score.weight"] = all["lm_head.weight"] },
		"every weight once":             func(all map[string]safetensors.Tensor) { all["wte.weight"] = all["lm_head.weight"] },
	} {
		if _, _, err := Read(published(t, nil, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error about %q, found %v", want, err)
		}
	}
	if _, _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("an empty folder: %v", err)
	}
}
