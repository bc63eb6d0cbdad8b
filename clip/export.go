package clip

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Export writes the model into the folder dir, which is made if need be, as others read it; the type is F32, F16 or BF16. In
// OpenAI's naming that is openai.safetensors with meta.json for the head counts, or OpenCLIP's open_clip_model.safetensors with
// open_clip_config.json when the activation is not OpenAI's. In Hugging Face's it is model.safetensors with config.json.
// Both have a preprocessor_config.json, and the vocabulary, if the model has one, as vocab.json and merges.txt. A folder that holds a model or a part of one is an error; when writing fails the folder holds
// none.
func (m *Model) Export(dir string, naming Naming, dtype safetensors.DType) error {
	if err := naming.supports(m.Config); err != nil {
		return err
	}
	if err := holdsNoModel(dir); err != nil {
		return err
	}
	if _, err := m.complete(); err != nil {
		return fmt.Errorf("cannot export the model: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot export the model: %w", err)
	}
	out := map[string]safetensors.Tensor{}
	for _, w := range m.Config.Weights() {
		value, err := m.Store.GetVariable(weights.Path(w.Name)).Value()
		if err != nil {
			return fmt.Errorf("cannot read the weight %s: %w", w.Name, err)
		}
		if err := tensors.ConstFlatData(value, func(flat []float32) { err = naming.put(out, w, flat, dtype) }); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	name, configs := m.exported(naming, dtype)
	var parts []atomicfile.Part
	for name, value := range configs {
		data, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return err
		}
		parts = append(parts, atomicfile.Bytes(filepath.Join(dir, name), append(data, '\n')))
	}
	if m.Tokenizer != nil {
		vocabulary, err := m.Tokenizer.huggingFace()
		if err != nil {
			return err
		}
		for name, data := range vocabulary {
			parts = append(parts, atomicfile.Bytes(filepath.Join(dir, name), data))
		}
	}
	return atomicfile.WriteAll(append(parts, atomicfile.Part{Path: filepath.Join(dir, name), Fill: func(w io.Writer) error { // last: it makes the folder a model
		return safetensors.Encode(w, out, map[string]string{"format": "pt"})
	}})...)
}

// holdsNoModel refuses a folder with any file of a model: it might be read in the place of what is exported, be read along with it,
// or be what is exported.
func holdsNoModel(dir string) error {
	configs := []string{ConfigFile, LiTFile, hfConfigFile, openCLIPConfigFile, metaFile, preprocessorFile}
	for _, names := range [][]string{openAIFiles, openCLIPFiles, huggingFaceFiles, openCLIPArchives, huggingFaceArchives, configs, vocabularyFiles} {
		path, err := oneOf(dir, names)
		if err != nil {
			return err
		}
		if path != "" {
			return fmt.Errorf("expected a folder without a model to export to, found %s in %s; choose another folder", filepath.Base(path), dir)
		}
	}
	return nil
}

// put splits a weight, or its gradient, into the tensors of a naming.
func (n Naming) put(out map[string]safetensors.Tensor, w Weight, values []float32, dtype safetensors.DType) error {
	for _, p := range n.pieces(w) {
		size := 1
		for _, d := range p.dims {
			size *= d
		}
		part := values[:size]
		values = values[size:]
		if p.transposed {
			turned := make([]float32, size)
			transpose(turned, part, p.dims[1], p.dims[0])
			part = turned
		}
		t, err := safetensors.FromFloat32sAs(dtype, part, p.dims...)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", p.name, err)
		}
		out[p.name] = t
	}
	return nil
}

// exported is the name of the weights' file and the files that say what no shape tells.
func (m *Model) exported(naming Naming, dtype safetensors.DType) (name string, configs map[string]any) {
	v, t := m.Config.Vision, m.Config.Text
	if naming == HuggingFace {
		types := map[safetensors.DType]string{safetensors.F32: "float32", safetensors.F16: "float16", safetensors.BF16: "bfloat16"}
		return "model.safetensors", map[string]any{
			hfConfigFile:     m.Config.huggingFace(types[dtype]),
			preprocessorFile: v.preprocessor(),
		}
	}
	if t.Activation.name() != QuickGELU {
		return openCLIPFiles[0], map[string]any{openCLIPConfigFile: m.Config.openCLIP(), preprocessorFile: v.preprocessor(), metaFile: m.Config.meta()}
	}
	return openAIFiles[0], map[string]any{metaFile: m.Config.meta(), preprocessorFile: v.preprocessor()}
}

// preprocessor is the content of preprocessor_config.json.
func (v VisionConfig) preprocessor() map[string]any {
	size := map[string]int{"height": v.Height, "width": v.Width}
	p := map[string]any{
		"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": true, "do_resize": true, "do_rescale": true, "do_normalize": true,
		"image_mean": v.Mean, "image_std": v.Std, "resample": pillowBicubic, "rescale_factor": 1.0 / 255, "size": size, "do_center_crop": false,
	}
	if v.Resize == ShortSide {
		p["size"], p["do_center_crop"], p["crop_size"] = map[string]int{"shortest_edge": v.Height}, true, size
	}
	return p
}
