package main

import "github.com/spf13/cobra"

func modelCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "model",
		Short:   "Published models: getting them",
		Long:    "Models that others trained, as they are published.",
		Example: examples("glimpse model get openai/clip-vit-base-patch32"),
	}, modelGetCommand())
}
