package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// modelEntry is one line of `glimpse model list`.
type modelEntry struct {
	Name       string      `json:"name"`
	Encoder    string      `json:"image_encoder"`
	EmbedDim   int         `json:"embed_dim"`
	Resolution int         `json:"resolution"`
	Parameters clip.Counts `json:"parameters"`
	GFLOPs     float64     `json:"gflops"`
	Speed      float64     `json:"pictures_per_second,omitempty"`
	Backend    string      `json:"backend,omitempty"` // that was measured
}

func modelListCommand() *cobra.Command {
	var asJSON, measure bool
	var batch int
	cmd := &cobra.Command{
		Use:   "list [NAME...]",
		Short: "The nine published CLIP models: sizes, work, and how fast they are here",
		Long: `List shows the models that were published with CLIP: the image encoder, the size of the embedding, the resolution,
the exact number of parameters (of the image tower, of the text tower, and of both with the temperature), and the work
of one picture and one text in GFLOPs, as open_clip's profile counts it: a multiplication and an addition are two.

With --measure each image tower is built with random weights and timed on this machine's backend: the median of a few
runs, after one to warm up. That takes minutes for all nine and up to 4 GB of memory; names choose some of them.`,
		Example: examples("glimpse model list", "glimpse model list --measure ViT-B/32 RN50", "glimpse model list --json"),
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			presets, err := presetsCalled(cmd, args)
			if err != nil {
				return err
			}
			if batch < 1 {
				return usagef(cmd, "expected --batch of at least 1, found %d", batch)
			}
			entries, err := modelEntries(cmd, presets, measure, batch)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), entries)
			}
			return printModels(cmd.OutOrStdout(), entries, measure)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	cmd.Flags().BoolVar(&measure, "measure", false, "time the image towers on this machine")
	cmd.Flags().IntVar(&batch, "batch", 1, "pictures encoded at once while measuring")
	return cmd
}

// presetsCalled are the models of those names, or all of them without any.
func presetsCalled(cmd *cobra.Command, names []string) ([]clip.Preset, error) {
	all := clip.Published()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, p := range all {
		known = append(known, p.Name)
	}
	var chosen []clip.Preset
	for _, name := range names {
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
		if i < 0 {
			return nil, usagef(cmd, "expected names among %s, found %q%s", strings.Join(known, ", "), name, didYouMean("", name, known))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func modelEntries(cmd *cobra.Command, presets []clip.Preset, measure bool, batch int) ([]modelEntry, error) {
	var b *backend.Backend
	if measure {
		var err error
		if b, err = backend.Open(cmd.ErrOrStderr()); err != nil {
			return nil, err
		}
		defer b.Finalize()
	}
	bar := progress.New(cmd.ErrOrStderr(), "measuring", int64(len(presets)), progress.Options{Quiet: !measure})
	defer bar.Done()
	var entries []modelEntry
	for _, p := range presets {
		e := modelEntry{Name: p.Name, Encoder: encoderOf(p.Config), EmbedDim: p.Config.EmbedDim, Resolution: p.Config.Vision.Height,
			Parameters: p.Config.Counts(), GFLOPs: p.Config.GFLOPs()}
		if measure {
			bar.Describe(p.Name)
			speed, err := imageSpeed(cmd, b, p.Config, batch)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			e.Speed, e.Backend = speed, string(b.Kind)
			bar.Add(1)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func encoderOf(c clip.Config) string {
	if v := c.Vision.ViT; v != nil {
		return fmt.Sprintf("ViT, %d x %d, patch %d", v.Layers, v.Width, c.Vision.Patch)
	}
	r := c.Vision.ResNet
	return fmt.Sprintf("ResNet, %s x %d", strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Blocks), " ", "-"), "[]"), r.Width)
}

// imageSpeed is pictures a second: the median of at least three runs and one second.
func imageSpeed(cmd *cobra.Command, b *backend.Backend, cfg clip.Config, batch int) (float64, error) {
	m, err := clip.New(cfg, nil, 1)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	pictures := make([][]float32, batch)
	for i := range pictures {
		pictures[i] = make([]float32, 3*cfg.Vision.Height*cfg.Vision.Width)
	}
	var times []time.Duration
	for begin := time.Now(); len(times) < 4 || time.Since(begin) < time.Second && len(times) < 100; {
		if err := cmd.Context().Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		if _, err := m.EncodeImages(b, pictures); err != nil {
			return 0, err
		}
		if times = append(times, time.Since(start)); len(times) == 1 {
			begin = time.Now() // the first one compiles
		}
	}
	times = times[1:]
	slices.Sort(times)
	return float64(batch) / times[len(times)/2].Seconds(), nil
}

func printModels(w io.Writer, entries []modelEntry, measured bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	header := "model\timage encoder\tembedding\tpixels\timage parameters\ttext parameters\tall parameters\tGFLOPs"
	if measured {
		header += "\tpictures/s"
	}
	fmt.Fprintln(table, header)
	for _, e := range entries {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%.2f", e.Name, e.Encoder, e.EmbedDim, e.Resolution,
			grouped(e.Parameters.Image), grouped(e.Parameters.Text), grouped(e.Parameters.Total), e.GFLOPs)
		if measured {
			fmt.Fprintf(table, "\t%.2f (%s)", e.Speed, e.Backend)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// grouped writes a number with a comma every three digits.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
