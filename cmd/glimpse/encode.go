package main

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func encodeCommand() *cobra.Command {
	var dir, inputs, out, naming string
	var want clip.Wanted
	cmd := &cobra.Command{
		Use:   "encode --model DIR --inputs IN.safetensors --out OUT.safetensors",
		Short: "Features of prepared pictures and texts, with layers and gradients: to compare a CLIP with another program's",
		Long: `Encode runs a CLIP on tensors, so that its numbers can be held against another program's.

DIR holds openai.safetensors (the architecture is read from the shapes, head counts from meta.json where it is there),
or Hugging Face's config.json with model.safetensors, its shards or hf.safetensors, or PyTorch's archives of either
(OpenAI's .pt, Hugging Face's pytorch_model.bin or its shards), or a model trained here. IN holds images [N, 3, R, R],
normalised, and/or text_ids [N, L], whole numbers of any type.

OUT gets image_features and text_features, not normalised; with both also logits_per_image and, when there are as many
texts as pictures, loss, the i-th text being that of the i-th picture.

  --intermediates   what the towers compute on their way: visual.after_block.0, text.after_ln_final and so on
  --grads           the gradient of loss for every parameter as grad.NAME, NAME being that of DIR's file`,
		Example: examples(
			"glimpse encode --model vit-b-32 --inputs in.safetensors --out out.safetensors",
			"glimpse encode --model tiny --naming huggingface --grads --intermediates --inputs in.safetensors --out out.safetensors"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "inputs", "out"); err != nil {
				return err
			}
			if naming != "" {
				if err := oneOf(cmd, "naming", naming, string(clip.OpenAI), string(clip.HuggingFace)); err != nil {
					return err
				}
			}
			return encode(cmd, dir, clip.Naming(naming), inputs, out, want)
		},
	}
	tensorFlags(cmd, &inputs, &out)
	cmd.Flags().StringVar(&dir, "model", "", "folder with a CLIP model")
	namingFlag(cmd, &naming)
	cmd.Flags().BoolVar(&want.Gradients, "grads", false, "add the gradient of the loss for every parameter")
	cmd.Flags().BoolVar(&want.Layers, "intermediates", false, "add what the towers compute on their way")
	return cmd
}

func namingFlag(cmd *cobra.Command, naming *string) {
	cmd.Flags().StringVar(naming, "naming", "", "openai or huggingface, when DIR has files of both (default: openai)")
}

func encode(cmd *cobra.Command, dir string, naming clip.Naming, inputs, out string, want clip.Wanted) error {
	if err := checkOutput(out); err != nil {
		return err
	}
	dir, err := modelFolder(dir)
	if err != nil {
		return err
	}
	m, err := clip.LoadNaming(dir, naming)
	if err != nil {
		return err
	}
	in, err := readInputs(inputs, m.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", inputs, err)
	}
	if pictures, texts := in.Pictures(m.Config), in.Texts(); pictures != texts && (want.Gradients || pictures*texts > 0) {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: no loss and no gradients: these take as many texts as pictures, found %d pictures and %d texts\n", pictures, texts)
		want.Gradients = false
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	results, err := m.Evaluate(b, in, want)
	if err != nil {
		return fmt.Errorf("%s: %w", inputs, err)
	}
	return safetensors.Write(out, results, nil)
}

// readInputs reads images and text_ids, of which one may be missing, and checks them against the model.
func readInputs(path string, cfg clip.Config) (in clip.Inputs, err error) {
	file, err := safetensors.Load(path)
	if err != nil {
		return in, err
	}
	images, hasImages := file.Get("images")
	ids, hasIDs := file.Get("text_ids")
	if !hasImages && !hasIDs {
		return in, fmt.Errorf("expected images or text_ids or both, found %q", file.Names())
	}
	if hasImages {
		v := cfg.Vision
		if d := images.Shape; len(d) != 4 || d[0] < 1 || d[1] != 3 || d[2] != v.Height || d[3] != v.Width {
			return in, fmt.Errorf("expected images [N, 3, %d, %d], the model's size, found the shape %v", v.Height, v.Width, d)
		}
		if in.Images, err = images.AsFloat32s(); err != nil {
			return in, fmt.Errorf("images: %w", err)
		}
		for i, x := range in.Images {
			if x != x || math.IsInf(float64(x), 0) {
				return in, fmt.Errorf("images: expected numbers, found %g at element %d", x, i)
			}
		}
	}
	if hasIDs {
		if d := ids.Shape; len(d) != 2 || d[0] < 1 || d[1] < 1 || d[1] > cfg.Text.ContextLength {
			return in, fmt.Errorf("expected text_ids [N, L] with L of 1 to %d, the model's context, found the shape %v", cfg.Text.ContextLength, d)
		}
		in.Length = ids.Shape[1]
		if in.IDs, err = wholeNumbers(ids); err != nil {
			return in, fmt.Errorf("text_ids: %w", err)
		}
	}
	return in, nil
}

// wholeNumbers reads a tensor of any type of whole numbers whose values fit into 32 bits.
func wholeNumbers(t safetensors.Tensor) ([]int32, error) {
	size, le := t.DType.Size(), binary.LittleEndian
	read := map[safetensors.DType]func(data []byte) int64{
		safetensors.I64: func(d []byte) int64 { return int64(le.Uint64(d)) },
		safetensors.U64: func(d []byte) int64 { return int64(min(le.Uint64(d), math.MaxInt64)) },
		safetensors.I32: func(d []byte) int64 { return int64(int32(le.Uint32(d))) },
		safetensors.U32: func(d []byte) int64 { return int64(le.Uint32(d)) },
		safetensors.I16: func(d []byte) int64 { return int64(int16(le.Uint16(d))) },
		safetensors.U16: func(d []byte) int64 { return int64(le.Uint16(d)) },
		safetensors.I8:  func(d []byte) int64 { return int64(int8(d[0])) },
		safetensors.U8:  func(d []byte) int64 { return int64(d[0]) },
	}[t.DType]
	if read == nil {
		return nil, fmt.Errorf("expected whole numbers, found the type %s", t.DType)
	}
	values := make([]int32, t.Len())
	for i := range values {
		v := read(t.Data[i*size:])
		if v < math.MinInt32 || v > math.MaxInt32 {
			return nil, fmt.Errorf("expected whole numbers of 32 bits, found %d at row %d, position %d", v, i/t.Shape[1], i%t.Shape[1])
		}
		values[i] = int32(v)
	}
	return values, nil
}
