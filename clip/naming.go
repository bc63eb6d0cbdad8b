package clip

import (
	"fmt"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Naming is how a file calls the weights.
type Naming string

const (
	OpenAI      Naming = "openai"      // of OpenAI's checkpoints and OpenCLIP's: our variables' paths with dots
	HuggingFace Naming = "huggingface" // of Hugging Face's CLIPModel
)

// hfNames are Hugging Face's names for parts of ours, tried in order. The spelling pre_layrnorm is theirs.
var hfNames = []struct{ ours, theirs string }{
	{"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
	{"visual.class_embedding", "vision_model.embeddings.class_embedding"},
	{"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
	{"visual.ln_pre.", "vision_model.pre_layrnorm."},
	{"visual.transformer.resblocks.", "vision_model.encoder.layers."},
	{"visual.ln_post.", "vision_model.post_layernorm."},
	{"visual.proj", "visual_projection.weight"}, // transposed
	{"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
	{"positional_embedding", "text_model.embeddings.position_embedding.weight"},
	{"transformer.resblocks.", "text_model.encoder.layers."},
	{"ln_final.", "text_model.final_layer_norm."},
	{"text_projection", "text_projection.weight"}, // transposed
	{"logit_scale", "logit_scale"},
}

// hfBlockNames are Hugging Face's names for the parts of a block.
var hfBlockNames = strings.NewReplacer(".ln_1.", ".layer_norm1.", ".ln_2.", ".layer_norm2.",
	".mlp.c_fc.", ".mlp.fc1.", ".mlp.c_proj.", ".mlp.fc2.", ".attn.out_proj.", ".self_attn.out_proj.")

// piece is a tensor of a file that holds a weight or, for queries, keys and values, a third of its rows.
type piece struct {
	name       string
	dims       []int // in the file
	transposed bool
}

// pieces says where a naming keeps a weight: all of it, or its rows in order.
func (n Naming) pieces(w Weight) []piece {
	if n != HuggingFace {
		return []piece{{w.Name, w.Dims, false}}
	}
	for _, rule := range hfNames {
		rest, ok := strings.CutPrefix(w.Name, rule.ours)
		if !ok || rest != "" && !strings.HasSuffix(rule.ours, ".") {
			continue
		}
		name := hfBlockNames.Replace(rule.theirs + rest)
		if block, kind, ok := strings.Cut(name, ".attn.in_proj_"); ok { // kind is weight or bias
			dims := slices.Clone(w.Dims)
			dims[0] /= 3
			var three []piece
			for _, part := range []string{"q", "k", "v"} {
				three = append(three, piece{block + ".self_attn." + part + "_proj." + kind, dims, false})
			}
			return three
		}
		if w.Name == "visual.proj" || w.Name == "text_projection" {
			return []piece{{name, []int{w.Dims[1], w.Dims[0]}, true}}
		}
		return []piece{{name, w.Dims, false}}
	}
	panic(fmt.Errorf("the weight %s has no name in Hugging Face's naming", w.Name))
}

// supports is an error when a naming cannot hold a model: it has no names for the weights, or none of its files says what the
// model is.
func (n Naming) supports(c Config) error {
	switch {
	case n != OpenAI && n != HuggingFace:
		return fmt.Errorf("expected the naming %s or %s, found %q", OpenAI, HuggingFace, n)
	case c.Vision.Stages != nil:
		return fmt.Errorf("expected one of CLIP's image towers (a vision transformer or a modified ResNet), found the small residual one, which is this " +
			"project's own: nothing else reads it")
	case c.Vision.Height != c.Vision.Width:
		return fmt.Errorf("expected a model for square pictures, as all files of others describe, found one for %dx%d pixels", c.Vision.Height, c.Vision.Width)
	case c.Vision.ViT != nil && c.Vision.ViT.Activation.name() != c.Text.Activation.name() && n == OpenAI:
		return fmt.Errorf("expected one activation in both towers for the naming %s, found %s and %s; take the naming %s",
			OpenAI, c.Vision.ViT.Activation.name(), c.Text.Activation.name(), HuggingFace)
	case n == HuggingFace && c.Vision.ViT == nil:
		return fmt.Errorf("expected a model with a vision transformer for the naming %s, found a ResNet: Hugging Face's CLIPModel has none, "+
			"so take the naming %s", HuggingFace, OpenAI)
	case n == OpenAI && c.Text.EndToken != 0 && c.Text.EndToken != c.Text.VocabSize-1:
		return fmt.Errorf("expected an end token that is the largest id for the naming %s, whose files name none, found the id %d; "+
			"take the naming %s", OpenAI, c.Text.EndToken, HuggingFace)
	case n == OpenAI && (c.Text.blocks().eps != layerNormEps || c.Vision.ViT != nil && c.Vision.ViT.blocks().eps != layerNormEps):
		return fmt.Errorf("expected a layer_norm_eps of %g for the naming %s, whose files name none; take the naming %s", layerNormEps, OpenAI, HuggingFace)
	}
	return nil
}

// isIgnored tells what files hold besides weights: counters and tables that follow from the architecture.
func isIgnored(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "num_batches_tracked", "position_ids", "attn_mask":
		return true
	case "input_resolution", "context_length", "vocab_size": // checked by [Checkpoint.checkStatedSizes]
		return last == name
	}
	return false
}

// textPrefix stands before the names of the text tower in OpenCLIP's models with a text tower of their own kind
// (CustomTextCLIP), which are the same weights otherwise.
const textPrefix = "text."

// withoutPrefix is a file of OpenCLIP's with textPrefix as if it had none.
type withoutPrefix struct{ tensorFile }

func (f withoutPrefix) Get(name string) (safetensors.Tensor, bool) {
	if t, ok := f.tensorFile.Get(textPrefix + name); ok {
		return t, true
	}
	return f.tensorFile.Get(name)
}

// Names leaves the prefix where there is a tensor without it too: only one of the two can be the model's.
func (f withoutPrefix) Names() []string {
	names := slices.Clone(f.tensorFile.Names())
	for i, name := range names {
		bare, prefixed := strings.CutPrefix(name, textPrefix)
		if _, twice := f.tensorFile.Get(bare); prefixed && !twice {
			names[i] = bare
		}
	}
	return names
}

// withPrefix is the name that a weight or a gradient of the text tower has in such a file.
func withPrefix(name string) string {
	if strings.HasPrefix(name, "visual.") || name == "logit_scale" {
		return name
	}
	return textPrefix + name
}

// namingOf tells from the names in a file which naming it has.
func namingOf(has func(name string) bool) (Naming, error) {
	switch {
	case has("text_model.embeddings.token_embedding.weight"):
		return HuggingFace, nil
	case has("token_embedding.weight"):
		return OpenAI, nil
	}
	return "", fmt.Errorf("expected the weights of a CLIP model in OpenAI's naming (token_embedding.weight) or in Hugging Face's " +
		"(text_model.embeddings.token_embedding.weight), found neither")
}
