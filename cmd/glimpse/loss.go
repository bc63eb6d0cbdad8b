package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func lossCommand() *cobra.Command {
	var inputs, out, kind string
	cmd := &cobra.Command{
		Use:   "loss --kind infonce|siglip --inputs IN.safetensors --out OUT.safetensors",
		Short: "The contrastive losses of CLIP and SigLIP on your own embeddings, with gradients",
		Long: `Loss computes how well N pictures and N texts find each other, row i of one belonging to row i of the other.

  infonce   CLIP's loss: cross-entropy over the rows and the columns of exp(logit_scale) * image . text^T
  siglip    SigLIP's loss: every pair a yes-or-no question, with a bias

IN holds image_embeddings [N, D], text_embeddings [N, D] (any length: they are normalised first), logit_scale []
(the logarithm of the factor; ln(1/0.07) is where CLIP starts) and for siglip logit_bias []. OUT gets loss [] and
the gradient for each of the inputs as grad.NAME. grad.image_embeddings_unit and grad.text_embeddings_unit are the
gradients before they go through the normalisation.`,
		Example: examples("glimpse loss --kind infonce --inputs in.safetensors --out out.safetensors"),
		Args:    wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "inputs", "out", "kind"); err != nil {
				return err
			}
			if err := oneOf(cmd, "kind", kind, "infonce", "siglip"); err != nil {
				return err
			}
			return contrastiveLoss(cmd, inputs, out, kind)
		},
	}
	tensorFlags(cmd, &inputs, &out)
	cmd.Flags().StringVar(&kind, "kind", "", "infonce or siglip")
	return cmd
}

func contrastiveLoss(cmd *cobra.Command, inputs, out, kind string) error {
	if err := checkOutput(out); err != nil {
		return err
	}
	file, err := safetensors.Load(inputs)
	if err != nil {
		return err
	}
	names := []string{"image_embeddings", "text_embeddings", "logit_scale"}
	if kind == "siglip" {
		names = append(names, "logit_bias")
	}
	args, err := lossInputs(file, names)
	if err != nil {
		return fmt.Errorf("%s: %w", inputs, err)
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	exec, err := graph.NewExec(b.Backend, lossAndGradients)
	if err != nil {
		return err
	}
	defer exec.Finalize()
	results, err := exec.Call(args...)
	if err != nil {
		return fmt.Errorf("the backend %s cannot compute the loss of %s: %w", b.Kind, inputs, err)
	}
	outputs := []string{"loss"}
	for _, name := range slices.Concat(names, []string{"image_embeddings_unit", "text_embeddings_unit"}) {
		outputs = append(outputs, "grad."+name)
	}
	tensorsOut := map[string]safetensors.Tensor{}
	for i, name := range outputs {
		values, err := tensors.CopyFlatData[float32](results[i])
		if err != nil {
			return err
		}
		tensorsOut[name] = safetensors.FromFloat32s(values, results[i].Shape().Dimensions...)
	}
	return safetensors.Write(out, tensorsOut, nil)
}

// lossAndGradients takes the inputs of the loss in order (the bias makes it SigLIP's) and returns the loss, the
// gradient for each input, and those for the unit embeddings.
func lossAndGradients(in []*graph.Node) []*graph.Node {
	image, text := clip.Normalize(in[0]), clip.Normalize(in[1])
	var loss *graph.Node
	if len(in) == 4 {
		loss = clip.SigLIP(image, text, in[2], in[3])
	} else {
		loss = clip.InfoNCE(clip.Logits(image, text, in[2]))
	}
	wanted := append(slices.Clone(in), image, text)
	return append([]*graph.Node{loss}, graph.Gradient(loss, wanted...)...)
}

// lossInputs reads the named tensors and checks that they agree on N and D.
func lossInputs(file *safetensors.File, names []string) ([]any, error) {
	shapes := map[string][]int{}
	var args []any
	for _, name := range names {
		values, shape, err := file.Float32s(name)
		if err != nil {
			return nil, err
		}
		if shapes[name] = shape; len(values) == 0 {
			return nil, fmt.Errorf("expected numbers in %q, found the shape %v", name, shape)
		}
		args = append(args, tensors.FromFlatDataAndDimensions(values, shape...))
	}
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		shape := shapes[name]
		switch name {
		case "logit_scale", "logit_bias":
			if len(shape) != 0 {
				return nil, fmt.Errorf("expected %q to be a scalar, found the shape %v", name, shape)
			}
		default:
			if len(shape) != 2 || !slices.Equal(shape, shapes["image_embeddings"]) {
				return nil, fmt.Errorf("expected the same shape [N, D] for image_embeddings and text_embeddings, found %v and %v",
					shapes["image_embeddings"], shapes["text_embeddings"])
			}
		}
	}
	return args, nil
}
