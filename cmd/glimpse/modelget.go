package main

import (
	"fmt"
	"path"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/hub"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

func modelGetCommand() *cobra.Command {
	var revision string
	var include []string
	var offline, asJSON bool
	cmd := &cobra.Command{
		Use:   "get ORG/NAME",
		Short: "Download a model from the Hugging Face hub",
		Long: `Get downloads a model from the Hugging Face hub into the cache that Hugging Face's Python tools share with it, and
prints the folder of its files, which --model takes. What is in the cache already is not fetched again. A download
that breaks off goes on where it stopped when you call get again; every file is held against its checksum.

Without --include it chooses what CLIP needs: configuration, preprocessing, tokenizer, and the weights as safetensors,
in one file or in shards, or, where there are none, PyTorch's shards (pytorch_model.bin.index.json and what it names).
A pattern without a slash is held against file names, one with a slash against whole paths.

  HF_HOME, HF_HUB_CACHE   where the cache lies (~/.cache/huggingface/hub)
  HF_ENDPOINT             another hub or a mirror (https://huggingface.co)
  HF_TOKEN                your token for gated and private models, sent to the hub's own host only
  HF_HUB_OFFLINE=1        the same as --offline: take what the cache has`,
		Example: examples("glimpse model get openai/clip-vit-base-patch32", "glimpse model get openai/clip-vit-base-patch32 --revision refs/pr/1",
			"glimpse model get laion/CLIP-ViT-B-32-laion2B-s34B-b79K --include '*.json' --include open_clip_model.safetensors"),
		Args: wantArgs("ORG/NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := hub.ParseModel(args[0], revision)
			if err != nil {
				return usagef(cmd, "%s", err)
			}
			for _, pattern := range include {
				if _, err := path.Match(pattern, ""); err != nil {
					return usagef(cmd, "expected --include to be a pattern such as '*.json', found %q", pattern)
				}
			}
			settings, err := hub.FromEnvironment()
			if err != nil {
				return err
			}
			settings.Offline = settings.Offline || offline
			snapshot, err := getModel(cmd, settings, m, include)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), snapshot)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), snapshot.Dir)
			return err
		},
	}
	cmd.Flags().StringVar(&revision, "revision", "main", "branch, tag, commit or refs/pr/N")
	cmd.Flags().StringArrayVar(&include, "include", nil, "files to get instead of those that CLIP needs, such as '*.json'; may be given again")
	cmd.Flags().BoolVar(&offline, "offline", false, "use the cache and no network")
	cmd.Flags().BoolVar(&asJSON, "json", false, `print one JSON object: {"dir":...,"files":[...],"bytes":...}`)
	return cmd
}

// getModel shows a bar for each large file.
func getModel(cmd *cobra.Command, s hub.Settings, m hub.Model, include []string) (*hub.Snapshot, error) {
	var bar *progress.Bar
	defer func() { bar.Done() }()
	current := ""
	return hub.Get(cmd.Context(), s, m, include, hub.Progress{
		File: func(name string, done, total int64) {
			if total >= 0 && total < 1<<20 {
				return // it is here before a bar could be read
			}
			if name != current {
				bar.Done()
				current = name
				bar = progress.New(cmd.ErrOrStderr(), name, total, progress.Options{Bytes: true})
			}
			bar.Set(done)
		},
		Retry: func(why error, wait time.Duration) {
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s; trying again in %s\n", sentence(why), wait.Round(time.Second))
		},
		Wait: func(name string) {
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: another process is downloading %s; waiting for it\n", name)
		},
	})
}
