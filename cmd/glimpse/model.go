package main

import "github.com/spf13/cobra"

func modelCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "model",
		Short: "Published models: list, get, check and export them",
		Long: `Models that others trained, as they are published. Wherever a command takes --model or DIR, these files are read:

  OpenAI        openai.safetensors or NAME.pt
  OpenCLIP      open_clip_config.json with open_clip_model.safetensors, open_clip_pytorch_model.bin or NAME.pt
  Hugging Face  config.json with model.safetensors or pytorch_model.bin, each whole or in shards with its .index.json

Of several, safetensors files are taken before PyTorch's.`,
		Example: examples("glimpse model list", "glimpse model get openai/clip-vit-base-patch32"),
	}, modelListCommand(), modelGetCommand(), modelCheckCommand(), modelExportCommand(), modelImportCommand())
}
