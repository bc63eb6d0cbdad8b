package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func attendCommand() *cobra.Command {
	var inputs, out string
	cmd := &cobra.Command{
		Use:   "attend --inputs IN.safetensors --out OUT.safetensors",
		Short: "The attention of Show, Attend and Tell on your own numbers",
		Long: `Attend computes the lesson's attention, one equation after the other:

  e     = v^T tanh(W_a a + W_h h + b)    how well each place of the picture fits what comes next
  alpha = softmax(e)                     the same as weights: positive, with sum 1
  z     = sum of alpha times a           what the decoder sees

IN holds a [N, L, D], h [N, H], W_a [A, D], W_h [A, H], b [A] and v [A], all float32; OUT gets e [N, L],
alpha [N, L] and z [N, D].`,
		Example: examples("glimpse attend --inputs in.safetensors --out out.safetensors"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "inputs", "out"); err != nil {
				return err
			}
			return attend(cmd, inputs, out)
		},
	}
	tensorFlags(cmd, &inputs, &out)
	return cmd
}

func attend(cmd *cobra.Command, inputs, out string) error {
	if err := checkOutput(out); err != nil {
		return err
	}
	file, err := safetensors.Load(inputs)
	if err != nil {
		return err
	}
	in := map[string]attention.Array{}
	for _, name := range []string{"a", "h", "W_a", "W_h", "b", "v"} {
		data, shape, err := file.Float32s(name)
		if err != nil {
			return fmt.Errorf("%s: %w", inputs, err)
		}
		in[name] = attention.Array{Shape: shape, Data: data}
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	e, alpha, z, err := attention.Run(b.Backend, in)
	if err != nil {
		return fmt.Errorf("%s: %w", inputs, err)
	}
	tensor := func(x attention.Array) safetensors.Tensor { return safetensors.FromFloat32s(x.Data, x.Shape...) }
	return safetensors.Write(out, map[string]safetensors.Tensor{"e": tensor(e), "alpha": tensor(alpha), "z": tensor(z)}, nil)
}
