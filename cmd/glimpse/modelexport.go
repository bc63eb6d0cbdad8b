package main

import (
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func modelExportCommand() *cobra.Command {
	var out, naming, dtype string
	types := map[string]safetensors.DType{"float32": safetensors.F32, "float16": safetensors.F16, "bfloat16": safetensors.BF16}
	cmd := &cobra.Command{
		Use:   "export DIR --to OUT --naming openai|huggingface",
		Short: "Write a CLIP model as other programs read it",
		Long: `Export writes the model of DIR into the folder OUT.

  openai        openai.safetensors with OpenAI's names, which OpenCLIP has too, and meta.json with the head counts; a
                model with GELU becomes open_clip_model.safetensors with open_clip_config.json
  huggingface   model.safetensors and config.json of Hugging Face's CLIPModel; vision transformers only

Both get a preprocessor_config.json. In float32 what is written loads back bit for bit. float16 and bfloat16 take half
the room, and round. The vocabulary goes along as vocab.json and merges.txt (without vocab.json where merges make a
symbol twice). A folder that holds a model already is refused.`,
		Example: examples("glimpse model export vit-b-32 --to vit-b-32-hf --naming huggingface",
			"glimpse model export runs/clip --to small --naming openai --dtype float16"),
		Args: wantArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := requireFlags(cmd, "to", "naming"); err != nil {
				return err
			}
			if err := oneOf(cmd, "naming", naming, string(clip.OpenAI), string(clip.HuggingFace)); err != nil {
				return err
			}
			if err := oneOf(cmd, "dtype", dtype, "float32", "float16", "bfloat16"); err != nil {
				return err
			}
			m, err := openCLIP(args[0], 0)
			if err != nil {
				return err
			}
			return m.Export(out, clip.Naming(naming), types[dtype])
		},
	}
	cmd.Flags().StringVar(&out, "to", "", "folder to write, made if need be")
	cmd.Flags().StringVar(&naming, "naming", "", "openai or huggingface")
	cmd.Flags().StringVar(&dtype, "dtype", "float32", "float32, float16 or bfloat16")
	return cmd
}
