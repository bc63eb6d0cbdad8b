package main

import "github.com/spf13/cobra"

func modelCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "model",
		Short:   "Published models: list, get, check and export them",
		Long:    "Models that others trained, as they are published.",
		Example: examples("glimpse model list", "glimpse model get openai/clip-vit-base-patch32"),
	}, modelListCommand(), modelGetCommand(), modelCheckCommand(), modelExportCommand(), modelImportCommand())
}
