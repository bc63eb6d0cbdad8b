package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// beamFiles are the files that `glimpse beam` reads.
type beamFiles struct{ weights, inputs, config string }

func beamCommand() *cobra.Command {
	var files beamFiles
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "beam --weights W.safetensors --inputs IO.safetensors --config BEAM.json",
		Short: "Captions of your own weights and features by greedy and beam search",
		Long: `Beam writes captions with a Show, Attend and Tell decoder of your own, by three searches:

  greedy    the likeliest word at every step
  shrink    beam search; the beam gets narrower by one with every caption that is finished
  pool      beam search; the beam keeps its width until k captions are finished and none in it can be better

W holds the decoder's weights, named as in PyTorch (embedding.weight, lstm.weight_ih, att.W_a and so on); IO holds the
features a [N, L, D]; BEAM.json has k, the width of the beam, and max_len, the most words of a caption. When it also
names sizes (V, E, H, A, D, L), the gate or deep_output, they must be those of the weights. Word 0 is padding, 1 starts
a caption, 2 ends it. A score is log p of all words, the end word included.`,
		Example: examples("glimpse beam --weights w.safetensors --inputs io.safetensors --config beam.json --json"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "weights", "inputs", "config"); err != nil {
				return err
			}
			found, err := searchCaptions(cmd, files)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), found)
			}
			return found.print(cmd)
		},
	}
	cmd.Flags().StringVar(&files.weights, "weights", "", "safetensors `file` with the decoder's weights")
	cmd.Flags().StringVar(&files.inputs, "inputs", "", "safetensors `file` with the pictures' features, a")
	cmd.Flags().StringVar(&files.config, "config", "", "JSON `file` with k and max_len")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// beamConfig is what BEAM.json says. All but k and max_len may be left out.
type beamConfig struct {
	L          *int             `json:"L"`
	D          *int             `json:"D"`
	H          *int             `json:"H"`
	A          *int             `json:"A"`
	E          *int             `json:"E"`
	V          *int             `json:"V"`
	Gate       *captioning.Gate `json:"gate"`
	DeepOutput *bool            `json:"deep_output"`
	K          *int             `json:"k"`
	MaxLen     *int             `json:"max_len"`
	Pad        *int             `json:"pad"`
	Start      *int             `json:"start"`
	End        *int             `json:"end"`
}

// beamResult is what `glimpse beam --json` prints: the configuration in full, and what was found.
type beamResult struct {
	beamConfig
	Images []beamImage `json:"images"`
}

type beamImage struct {
	Image  int          `json:"image"`
	Greedy hypothesis   `json:"greedy"`
	Shrink []hypothesis `json:"shrink"`
	Pool   []hypothesis `json:"pool"`
}

type hypothesis struct {
	Tokens   []int32 `json:"tokens"` // without the start word, with the end word
	Score    float64 `json:"score"`
	Finished bool    `json:"finished"`
}

func hypotheses(captions ...captioning.Caption) []hypothesis {
	var all []hypothesis
	for _, c := range captions {
		all = append(all, hypothesis{c.IDs, c.LogProb, c.Finished})
	}
	return all
}

func searchCaptions(cmd *cobra.Command, files beamFiles) (*beamResult, error) {
	asked, err := readBeamConfig(files.config)
	if err != nil {
		return nil, err
	}
	weights, err := safetensors.Load(files.weights)
	if err != nil {
		return nil, err
	}
	cfg, err := captioning.ConfigOf(weights.Tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", files.weights, err)
	}
	inputs, err := safetensors.Load(files.inputs)
	if err != nil {
		return nil, err
	}
	a, shape, err := inputs.Float32s("a")
	if err == nil && (len(shape) != 3 || shape[1] < 1 || shape[2] != cfg.FeatureDim) {
		err = fmt.Errorf("expected features a [N, L, D=%d] as the weights have it, found the shape %v", cfg.FeatureDim, shape)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", files.inputs, err)
	}
	cfg.Locations, cfg.MaxLen, cfg.Dropout = shape[1], *asked.MaxLen, 0
	full := fullBeamConfig(cfg, *asked.K)
	if err := asked.agree(full); err != nil {
		return nil, fmt.Errorf("%s: %w", files.config, err)
	}
	store := model.NewStore()
	if err := captioning.LoadWeights(store.RootScope(), cfg, weights.Tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", files.weights, err)
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	images, err := searchAll(b, store.RootScope(), cfg, *asked.K, a, shape[0])
	return &beamResult{full, images}, err
}

// beamBatch is how many pictures are searched at a time.
const beamBatch = 32

// searchAll runs the three searches on n pictures with the features a.
func searchAll(b *backend.Backend, scope *model.Scope, cfg captioning.Config, k int, a []float32, n int) ([]beamImage, error) {
	images := make([]beamImage, n)
	batch := max(1, min(n, beamBatch))
	greedy, err := captioning.NewGreedy(b.Backend, scope, cfg, batch)
	if err != nil {
		return nil, err
	}
	defer greedy.Close()
	captions, err := greedy.Caption(a, n)
	if err != nil {
		return nil, err
	}
	for i := range images {
		images[i] = beamImage{Image: i, Greedy: hypotheses(captions[i])[0]}
	}
	for _, rule := range []captioning.BeamRule{captioning.Shrink, captioning.Pool} {
		beam, err := captioning.NewBeam(b.Backend, scope, cfg, batch, captioning.BeamOptions{K: k, Rule: rule})
		if err != nil {
			return nil, err
		}
		found, err := beam.Captions(a, n)
		beam.Close()
		if err != nil {
			return nil, err
		}
		for i := range images {
			if rule == captioning.Shrink {
				images[i].Shrink = hypotheses(found[i]...)
			} else {
				images[i].Pool = hypotheses(found[i]...)
			}
		}
	}
	return images, nil
}

func readBeamConfig(path string) (*beamConfig, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, reason(err))
	}
	var c beamConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%s: expected {\"k\": ..., \"max_len\": ...} as JSON: %w", path, err)
	}
	for _, field := range []struct {
		name  string
		value *int
	}{{"k", c.K}, {"max_len", c.MaxLen}} {
		switch {
		case field.value == nil:
			return nil, fmt.Errorf("%s: expected the field %q, found none", path, field.name)
		case *field.value < 1:
			return nil, fmt.Errorf("%s: expected %s to be 1 or more, found %d", path, field.name, *field.value)
		}
	}
	return &c, nil
}

func fullBeamConfig(cfg captioning.Config, k int) beamConfig {
	special := func(word int32) *int { n := int(word); return &n }
	return beamConfig{L: &cfg.Locations, D: &cfg.FeatureDim, H: &cfg.Hidden, A: &cfg.AttentionDim, E: &cfg.EmbedDim, V: &cfg.VocabSize,
		Gate: &cfg.Gate, DeepOutput: &cfg.DeepOutput, K: &k, MaxLen: &cfg.MaxLen,
		Pad: special(captioning.Pad), Start: special(captioning.Start), End: special(captioning.End)}
}

// agree returns an error when a field that is given says something else than what is so.
func (c *beamConfig) agree(is beamConfig) error {
	for _, f := range []struct {
		name      string
		given, is *int
	}{{"L", c.L, is.L}, {"D", c.D, is.D}, {"H", c.H, is.H}, {"A", c.A, is.A}, {"E", c.E, is.E}, {"V", c.V, is.V},
		{"pad", c.Pad, is.Pad}, {"start", c.Start, is.Start}, {"end", c.End, is.End}} {
		if f.given != nil && *f.given != *f.is {
			return fmt.Errorf("expected %s to be %d, as the weights and inputs have it, found %d", f.name, *f.is, *f.given)
		}
	}
	if c.Gate != nil && *c.Gate != *is.Gate {
		return fmt.Errorf("expected the gate to be %q, as the weights have it, found %q", *is.Gate, *c.Gate)
	}
	if c.DeepOutput != nil && *c.DeepOutput != *is.DeepOutput {
		return fmt.Errorf("expected deep_output to be %t, as the weights have it, found %t", *is.DeepOutput, *c.DeepOutput)
	}
	return nil
}

func (r *beamResult) print(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	for _, image := range r.Images {
		for _, found := range []struct {
			name string
			all  []hypothesis
		}{{"greedy", []hypothesis{image.Greedy}}, {"shrink", image.Shrink}, {"pool", image.Pool}} {
			for i, h := range found.all {
				open := ""
				if !h.Finished {
					open = ", cut off"
				}
				if _, err := fmt.Fprintf(w, "picture %d, %s %d: %v, log p %.4f%s\n", image.Image, found.name, i+1, h.Tokens, h.Score, open); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
