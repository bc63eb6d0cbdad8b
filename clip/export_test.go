package clip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// exported writes a fresh model.
func exported(t *testing.T, cfg Config, naming Naming, dtype safetensors.DType) (dir string, m *Model) {
	t.Helper()
	m, err := New(cfg, nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "out")
	if err := m.Export(dir, naming, dtype); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// What is written loads back, bit for bit, with the same configuration, through either naming and through both in turn.
func TestExportLoadsBack(t *testing.T) {
	gelu := tinyViT()
	gelu.Text.Activation, gelu.Vision.ViT.Activation = GELU, GELU
	gelu.Vision.Mean, gelu.Vision.Std, gelu.Vision.Resize = half, half, Squash
	for name, cfg := range map[string]Config{"ViT": tinyViT(), "ResNet": tinyResNet(), "GELU": gelu, "end": withEnd(tinyViT(), 29)} {
		for _, naming := range []Naming{OpenAI, HuggingFace} {
			if naming.supports(cfg) != nil {
				continue
			}
			t.Run(fmt.Sprintf("%s_%s", name, naming), func(t *testing.T) {
				dir, m := exported(t, cfg, naming, safetensors.F32)
				back, err := LoadNaming(dir, naming)
				if err != nil {
					t.Fatal(err)
				}
				if back.Naming != naming {
					t.Errorf("found the naming %s", back.Naming)
				}
				want := cfg
				if naming == OpenAI {
					want.Text.EndToken = 0 // the same, for the largest id there can be
				}
				if got := canonical(back.Config); got != canonical(want) {
					t.Errorf("expected the configuration %s, found %s", canonical(want), got)
				}
				sameWeights(t, everything(t, back.Store), everything(t, m.Store))
				again := filepath.Join(t.TempDir(), "again")
				if err := back.Save(again); err != nil {
					t.Fatal(err)
				}
				sameWeights(t, everything(t, load(t, again).Store), everything(t, m.Store))
			})
		}
	}
}

// canonical is a configuration with what zero values stand for written out.
func canonical(c Config) string {
	if c.Vision.ViT != nil {
		v := *c.Vision.ViT
		b := v.blocks()
		v.MLP, v.Activation, v.LayerNormEps = b.mlp, b.activation, b.eps
		c.Vision.ViT = &v
	}
	b := c.Text.blocks()
	c.Text.MLP, c.Text.Activation, c.Text.LayerNormEps = b.mlp, b.activation, b.eps
	data, _ := json.Marshal(c)
	return string(data)
}

func sameWeights(t *testing.T, got, want map[string]safetensors.Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("expected %d weights, found %d", len(want), len(got))
	}
	for name, w := range want {
		if g := got[name]; !slices.Equal(g.Shape, w.Shape) || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("%s differs", name)
		}
	}
}

// Half precision loads as what it was rounded to, and a file of it written again is the same file.
func TestExportInHalfPrecision(t *testing.T) {
	for _, dtype := range []safetensors.DType{safetensors.F16, safetensors.BF16} {
		for _, naming := range []Naming{OpenAI, HuggingFace} {
			dir, _ := exported(t, tinyViT(), naming, dtype)
			back := load(t, dir)
			again := filepath.Join(t.TempDir(), "again")
			if err := back.Export(again, naming, dtype); err != nil {
				t.Fatal(err)
			}
			name, _ := back.exported(naming, dtype)
			first, err1 := os.ReadFile(filepath.Join(dir, name))
			second, err2 := os.ReadFile(filepath.Join(again, name))
			if err1 != nil || err2 != nil || !bytes.Equal(first, second) {
				t.Errorf("%s %s: the files differ (%v, %v)", naming, dtype, err1, err2)
			}
		}
	}
}

// A folder that holds a model, or a file of one, is left alone: it might be read in the place of the export, or be its source.
func TestExportLeavesModelsAlone(t *testing.T) {
	dir, m := exported(t, tinyViT(), OpenAI, safetensors.F32)
	own := filepath.Join(t.TempDir(), "own")
	if err := m.Save(own); err != nil {
		t.Fatal(err)
	}
	index := t.TempDir()
	if err := os.WriteFile(filepath.Join(index, "model.safetensors.index.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir, name string
		naming    Naming
	}{{dir, "openai.safetensors", OpenAI}, {dir, "openai.safetensors", HuggingFace}, {own, "model.safetensors", OpenAI}, {index, "model.safetensors.index.json", HuggingFace}} {
		before := contentOf(t, c.dir)
		sentence(t, m.Export(c.dir, c.naming, safetensors.F16), c.name, c.dir, "choose another folder")
		if !maps.Equal(contentOf(t, c.dir), before) {
			t.Errorf("%s changed", c.dir)
		}
	}
}

// An export that fails leaves nothing behind.
func TestExportFails(t *testing.T) {
	m, err := New(tinyViT(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m.Config.Vision.Mean[0] = math.NaN() // what JSON cannot hold
	if err := m.Export(dir, HuggingFace, safetensors.F32); err == nil || len(contentOf(t, dir)) > 0 {
		t.Errorf("found %d files (%v)", len(contentOf(t, dir)), err)
	}
}

// A model in shards is one model.
func TestLoadShards(t *testing.T) {
	dir, m := exported(t, tinyViT(), HuggingFace, safetensors.F32)
	file, err := safetensors.Load(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	shards := []map[string]safetensors.Tensor{{}, {}}
	index := map[string]string{}
	for i, name := range file.Names() {
		shards[i%2][name] = file.Tensors[name]
		index[name] = fmt.Sprintf("model-0000%d-of-00002.safetensors", i%2+1)
	}
	for i, shard := range shards {
		if err := safetensors.Write(filepath.Join(dir, fmt.Sprintf("model-0000%d-of-00002.safetensors", i+1)), shard, nil); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(map[string]any{"metadata": map[string]int{"total_size": 1}, "weight_map": index})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	sameWeights(t, everything(t, load(t, dir).Store), everything(t, m.Store))
}

// Tensors that are missing, left over, or of another shape, and files that contradict each other, are named.
func TestLoadRefusesOtherFiles(t *testing.T) {
	for name, c := range map[string]struct {
		naming Naming
		change func(tensors map[string]safetensors.Tensor)
		config map[string]string // files to write
		want   []string
	}{
		"missing": {HuggingFace, func(f map[string]safetensors.Tensor) {
			delete(f, "vision_model.encoder.layers.1.self_attn.k_proj.bias")
		}, nil, []string{"vision_model.encoder.layers.1.self_attn.k_proj.bias", "none of that name"}},
		"left over":     {OpenAI, func(f map[string]safetensors.Tensor) { f["visual.more"] = f["logit_scale"] }, nil, []string{"besides visual.more"}},
		"shape":         {OpenAI, func(f map[string]safetensors.Tensor) { f["visual.proj"] = f["text_projection"] }, nil, []string{"visual.proj", "[12 10]", "[8 10]"}},
		"a hole":        {OpenAI, func(f map[string]safetensors.Tensor) { delete(f, "transformer.resblocks.0.ln_1.bias") }, nil, []string{"transformer.resblocks.0.ln_1.bias"}},
		"no text":       {OpenAI, func(f map[string]safetensors.Tensor) { delete(f, "token_embedding.weight") }, nil, []string{"found neither"}},
		"other context": {OpenAI, func(f map[string]safetensors.Tensor) { f["context_length"] = safetensors.FromInt32s([]int32{77}) }, nil, []string{"context_length", "7,", "77"}},
		"positions": {OpenAI, func(f map[string]safetensors.Tensor) {
			f["visual.positional_embedding"] = safetensors.FromFloat32s(make([]float32, 6*12), 6, 12)
		}, nil, []string{"square grid", "6 positions"}},
		"resolution": {HuggingFace, nil, map[string]string{"config.json": `{"projection_dim":10,"vision_config":{"image_size":16,"patch_size":4,"hidden_size":12,"intermediate_size":48,"num_hidden_layers":2,"num_attention_heads":3},
			"text_config":{"vocab_size":30,"max_position_embeddings":7,"hidden_size":8,"intermediate_size":32,"num_hidden_layers":2,"num_attention_heads":2}}`, "preprocessor_config.json": "{}"}, []string{"position_embedding", "[17 12]", "[5 12]"}},
		"other activation": {HuggingFace, nil, map[string]string{"config.json": `{"vision_config":{"hidden_act":"gelu_new"}}`}, []string{"vision_config.hidden_act", "gelu_new"}},
		"other kind":       {HuggingFace, nil, map[string]string{"config.json": `{"model_type":"siglip"}`}, []string{"model_type", "siglip"}},
		"no configuration": {HuggingFace, nil, map[string]string{"config.json": `[`}, []string{"config.json"}},
		"crop":             {HuggingFace, nil, map[string]string{"preprocessor_config.json": `{"crop_size":9,"size":9}`}, []string{"preprocessor_config.json", "8x8"}},
		"no resizing":      {HuggingFace, nil, map[string]string{"preprocessor_config.json": `{"do_resize":false}`}, []string{"preprocessor_config.json", "do_resize to be true"}},
		"no rescaling":     {HuggingFace, nil, map[string]string{"preprocessor_config.json": `{"do_rescale":false}`}, []string{"do_rescale to be true"}},
		"no normalising":   {OpenAI, nil, map[string]string{"preprocessor_config.json": `{"do_normalize":false}`}, []string{"do_normalize to be true"}},
		"filter":           {HuggingFace, nil, map[string]string{"preprocessor_config.json": `{"resample":2}`}, []string{"bicubic", "found 2"}},
		"heads":            {OpenAI, nil, map[string]string{"meta.json": `{"vision_heads":5}`}, []string{"5 heads", "12"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, m := exported(t, tinyViT(), c.naming, safetensors.F32)
			file, _ := m.exported(c.naming, safetensors.F32)
			whole, err := safetensors.Load(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			tensors := maps.Clone(whole.Tensors)
			if c.change != nil {
				c.change(tensors)
			}
			if err := safetensors.Write(filepath.Join(dir, file), tensors, nil); err != nil {
				t.Fatal(err)
			}
			for name, text := range c.config {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, err = Load(dir)
			sentence(t, err, c.want...)
		})
	}
}

// openCLIPFolder is a model in OpenCLIP's files, of which change edits open_clip_config.json and preprocessor_config.json.
func openCLIPFolder(t *testing.T, change func(vision, text, preprocess, preprocessor map[string]any)) (dir string, cfg Config) {
	t.Helper()
	cfg = tinyViT()
	cfg.Text.Activation, cfg.Vision.ViT.Activation = GELU, GELU
	dir, _ = exported(t, cfg, OpenAI, safetensors.F32)
	config, preprocessor := map[string]any{}, map[string]any{}
	for name, into := range map[string]*map[string]any{openCLIPConfigFile: &config, preprocessorFile: &preprocessor} {
		if _, err := readJSONFile(filepath.Join(dir, name), into); err != nil {
			t.Fatal(err)
		}
	}
	model := config["model_cfg"].(map[string]any)
	change(model["vision_cfg"].(map[string]any), model["text_cfg"].(map[string]any), config["preprocess_cfg"].(map[string]any), preprocessor)
	for name, content := range map[string]any{openCLIPConfigFile: config, preprocessorFile: preprocessor} {
		data, err := json.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, cfg
}

// Settings of OpenCLIP that change features and no shape are refused; those that change nothing are not.
func TestOpenCLIPSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(vision, text, preprocess map[string]any)
		want   []string // none: it loads
	}{
		"unchanged": {func(_, _, _ map[string]any) {}, nil},
		"harmless": {func(v, x, p map[string]any) {
			v["patch_dropout"], v["mlp_ratio"], v["timm_model_name"], v["pool_type"], v["ls_init_value"] = 0.5, 4.0, nil, "tok", nil
			x["pool_type"], x["embed_cls"], x["norm_kwargs"], x["pad_id"] = "argmax", false, map[string]any{"eps": 1e-5}, 0
			p["mode"], p["fill_color"], p["size"] = "RGB", 0, []int{8, 8}
		}, nil},
		"timm":           {func(v, _, _ map[string]any) { v["timm_model_name"] = "convnext_base" }, []string{"vision_cfg.timm_model_name", "convnext_base"}},
		"average":        {func(v, _, _ map[string]any) { v["global_average_pool"] = true }, []string{"vision_cfg.global_average_pool", "found true"}},
		"average, newer": {func(v, _, _ map[string]any) { v["pool_type"] = "avg" }, []string{"vision_cfg.pool_type", "tok", "found avg"}},
		"image eps":      {func(v, _, _ map[string]any) { v["norm_kwargs"] = map[string]any{"eps": 1e-6} }, []string{"vision_cfg.norm_kwargs", "eps:1e-06"}},
		"other gelu":     {func(_, x, _ map[string]any) { x["act_kwargs"] = map[string]any{"approximate": "tanh"} }, []string{"text_cfg.act_kwargs", "tanh"}},
		"unknown":        {func(_, x, _ map[string]any) { x["rotary"] = true }, []string{"text_cfg.rotary left out", "found true"}},
		"last token":     {func(_, x, _ map[string]any) { x["pool_type"] = "last" }, []string{"text_cfg.pool_type", "argmax", "found last"}},
		"no mask":        {func(_, x, _ map[string]any) { x["no_causal_mask"] = true }, []string{"text_cfg.no_causal_mask"}},
		"bilinear":       {func(_, _, p map[string]any) { p["interpolation"] = "bilinear" }, []string{"preprocess_cfg.interpolation", "bicubic", "found bilinear"}},
		"size":           {func(_, _, p map[string]any) { p["size"] = 16 }, []string{"preprocess_cfg.size", "[8 [8 8]]", "found 16"}},
		"longest":        {func(_, _, p map[string]any) { p["resize_mode"] = "longest" }, []string{"resize_mode", "longest"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, cfg := openCLIPFolder(t, func(vision, text, preprocess, _ map[string]any) { c.change(vision, text, preprocess) })
			m, err := Load(dir)
			if c.want != nil {
				sentence(t, err, append(c.want, openCLIPConfigFile)...)
			} else if err != nil || canonical(m.Config) != canonical(cfg) {
				t.Errorf("found %+v (%v)", m, err)
			}
		})
	}
}

// The two files that say how pictures are prepared have to agree.
func TestOpenCLIPAndPreprocessorAgree(t *testing.T) {
	for name, c := range map[string]struct {
		change func(preprocess, preprocessor map[string]any)
		want   []string // none: it loads
	}{
		"rounded":        {func(_, p map[string]any) { p["image_mean"] = []float64{0.4814547, 0.4578275, 0.4082107} }, nil},
		"nothing stated": {func(_, p map[string]any) { clear(p) }, nil},
		"mean":           {func(_, p map[string]any) { p["image_mean"] = half }, []string{"mean [0.5 0.5 0.5]", "0.48145466"}},
		"std":            {func(o, _ map[string]any) { o["std"] = half }, []string{"std [0.5 0.5 0.5]", "0.26862954"}},
		"resize":         {func(o, _ map[string]any) { o["resize_mode"] = "squash" }, []string{"squash in the one", "short_side in the other"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := openCLIPFolder(t, func(_, _, preprocess, preprocessor map[string]any) { c.change(preprocess, preprocessor) })
			_, err := Load(dir)
			if c.want != nil {
				sentence(t, err, append(c.want, openCLIPConfigFile, preprocessorFile, "correct")...)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	dir, _ := openCLIPFolder(t, func(_, _, preprocess, preprocessor map[string]any) {
		preprocess["resize_mode"] = "squash"
		clear(preprocessor)
	})
	if m := load(t, dir); m.Config.Vision.Resize != Squash {
		t.Errorf("a preprocessor's file that says nothing of resizing gave %q", m.Config.Vision.Resize)
	}
}

// Published files leave out what is the default, and old ones say some things in a second place.
func TestHuggingFaceDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	for text, want := range map[string]Config{
		`{"model_type":"clip","text_config":{"eos_token_id":2},"vision_config":{}}`: ViTB32(),
		`{"projection_dim":768,"text_config":{"hidden_size":1,"hidden_act":"gelu"},"text_config_dict":{"hidden_size":768,"intermediate_size":3072,"num_attention_heads":12,"hidden_act":"quick_gelu"},
		  "vision_config_dict":{"hidden_size":1024,"intermediate_size":4096,"num_attention_heads":16,"num_hidden_layers":24,"patch_size":14}}`: ViTL14(),
		`{"text_config":{"eos_token_id":49407},"text_config_dict":null}`: withEnd(ViTB32(), 49407),
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := readHuggingFace(path)
		if err != nil || canonical(got) != canonical(want) {
			t.Errorf("%s: found %s (%v)", text, canonical(got), err)
		}
	}
}

// Whatever stands in the configuration files, there is an error or a configuration that can be built.
func FuzzConfigurationFiles(f *testing.F) {
	f.Add([]byte(`{"model_type":"clip","text_config":{"eos_token_id":2},"vision_config":{"image_size":8}}`))
	f.Add([]byte(`{"model_cfg":{"embed_dim":10,"quick_gelu":true,"text_cfg":{"heads":0}},"preprocess_cfg":{"mean":[1,2,3]}}`))
	f.Add([]byte(`{"size":{"shortest_edge":8},"crop_size":{"height":8,"width":8},"image_mean":[0,0,1e999]}`))
	f.Add([]byte(`{"vision_heads":-1,"constructor":{"transformer_heads":99}}`))
	path := filepath.Join(f.TempDir(), "some.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if c, err := readHuggingFace(path); err == nil && c.Check() == nil && c.Counts().Total < 1 {
			t.Errorf("%s: %+v has no parameters", data, c)
		}
		for _, c := range []Config{tinyViT(), tinyResNet()} {
			if c.readOpenCLIP(path) == nil && c.readMeta(path) == nil && c.Vision.readPreprocessor(path) == nil {
				_ = c.Check()
			}
		}
	})
}

// The activations against their definitions in float64.
func TestActivations(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		x := []float32{-10, -3, -1, -0.5, 0, 1e-3, 0.5, 1, 3, 10}
		for a, f := range map[Activation]func(x float64) float64{
			QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
			GELU:      func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) },
		} {
			got, err := graph.CallOnceN(b, func(x *graph.Node) []*graph.Node {
				y := a.apply(x)
				return []*graph.Node{y, graph.Gradient(graph.ReduceAllSum(y), x)[0]}
			}, tensors.FromFlatDataAndDimensions(slices.Clone(x), len(x)))
			if err != nil {
				t.Fatal(err)
			}
			value, slope := make([]float32, len(x)), make([]float32, len(x))
			for i, x := range x {
				value[i] = float32(f(float64(x)))
				slope[i] = float32((f(float64(x)+1e-4) - f(float64(x)-1e-4)) / 2e-4)
			}
			near(t, string(a), flat(got[0]), value, 1e-5, 0)
			near(t, string(a)+"'s gradient", flat(got[1]), slope, 1e-5, 0)
		}
	})
}

// The end token by its id: the first of several, and the first position where there is none, as in Hugging Face's model.
func TestEndTokenByID(t *testing.T) {
	m, err := New(withEnd(tinyViT(), 9), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	largest, err := New(tinyViT(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := backendtest.Go(t)
	feature := func(m *Model, ids ...int32) []float32 {
		got, err := m.Evaluate(b, Inputs{IDs: ids, Length: len(ids)}, Wanted{})
		if err != nil {
			t.Fatal(err)
		}
		values, err := got["text_features"].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	first := feature(m, 28, 5, 9, 7, 9)
	near(t, "the first of several", feature(m, 28, 5, 9), first, 1e-6, 0)
	near(t, "one that is the largest", feature(largest, 1, 5, 9, 7), feature(m, 1, 5, 9, 7), 1e-6, 0)
	differ(t, feature(largest, 28, 5, 9), first, 0, 0)
	near(t, "none", feature(m, 28, 5, 7), feature(largest, 28, 5, 7), 1e-6, 0) // the first position has the largest id here
}

// OpenCLIP's models with a text tower of its own kind have the same weights with "text." before the names of that tower.
func TestOpenCLIPCustomText(t *testing.T) {
	dir, _ := openCLIPFolder(t, func(_, _, _, _ map[string]any) {})
	config := filepath.Join(dir, openCLIPConfigFile)
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.Replace(data, []byte(`"model_cfg": {`), []byte(`"model_cfg": {"custom_text": true,`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	want := everything(t, load(t, dir).Store)
	path := filepath.Join(dir, openCLIPFiles[0])
	file, err := safetensors.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	renamed := map[string]safetensors.Tensor{}
	for name, tensor := range file.Tensors {
		if !strings.HasPrefix(name, "visual.") && name != "logit_scale" {
			name = "text." + name
		}
		renamed[name] = tensor
	}
	write := func() {
		t.Helper()
		if err := safetensors.Write(path, renamed, nil); err != nil {
			t.Fatal(err)
		}
	}
	write()
	m := load(t, dir)
	sameWeights(t, everything(t, m.Store), want)
	v := m.Config.Vision
	in := Inputs{Images: make([]float32, 3*v.Height*v.Width), IDs: []int32{1, int32(m.Config.Text.VocabSize - 1)}, Length: 2}
	got, err := m.Evaluate(backendtest.Go(t), in, Wanted{Gradients: true})
	if err != nil {
		t.Fatal(err)
	}
	for name := range renamed {
		if _, ok := got["grad."+name]; !ok {
			t.Errorf("no gradient grad.%s, the name in the file", name)
		}
	}

	renamed["ln_final.bias"] = renamed["text.ln_final.bias"]
	write()
	_, err = Load(dir)
	sentence(t, err, "found besides text.ln_final.bias")
	delete(renamed, "ln_final.bias")
	renamed["text.extra"] = renamed["logit_scale"]
	write()
	_, err = Load(dir)
	sentence(t, err, "found besides extra")
	delete(renamed, "text.extra")
	delete(renamed, "text.ln_final.bias")
	write()
	_, err = Load(dir)
	sentence(t, err, "none of that name for ln_final.bias")
}

// The vocabulary goes along, and is the same afterwards.
func TestExportVocabulary(t *testing.T) {
	tokenizer, err := TrainTokenizer([]string{"a red circle", "a green square", "two red squares"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	cfg := tinyViT()
	cfg.Text.VocabSize = tokenizer.VocabSize()
	m, err := New(cfg, tokenizer, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, naming := range []Naming{OpenAI, HuggingFace} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := m.Export(dir, naming, safetensors.F32); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"vocab.json", "merges.txt"} {
			if !exists(dir, name) {
				t.Errorf("%s: no %s", naming, name)
			}
		}
		back, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if back.Tokenizer == nil || back.Tokenizer.Hash() != tokenizer.Hash() {
			t.Errorf("%s: another vocabulary came back", naming)
		}
	}
}

// A foreign vocabulary beside a model that was not trained with the published one keeps it from no ids, and says why it takes no
// texts.
func TestForeignVocabulary(t *testing.T) {
	dir, m := exported(t, tinyViT(), HuggingFace, safetensors.F32)
	if err := os.WriteFile(filepath.Join(dir, "vocab.json"), []byte(`{"[UNK]": 0, "the": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	back := load(t, dir)
	sameWeights(t, everything(t, back.Store), everything(t, m.Store))
	b, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	_, err = back.EncodeTexts(b, []string{"a cat"})
	sentence(t, err, "cannot be used", "merges.txt")
}
