package clip

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Inputs are prepared pictures and texts, either of which may be missing.
type Inputs struct {
	Images []float32 // [N, 3, H, W], normalised, as in PyTorch
	IDs    []int32   // [N, Length]
	Length int       // of a row of IDs
}

// Wanted says what [Model.Evaluate] computes besides the features.
type Wanted struct {
	Layers    bool // what the towers compute on their way
	Gradients bool // of the loss, for every parameter; there have to be as many pictures as texts
}

// Evaluate computes what the files of a reference model hold: image_features and text_features, not normalised; with both
// logits_per_image and, for as many texts as pictures, loss. The layers have the names of [Layers], the gradients those of the
// file that the model was loaded from, behind "grad.".
func (m *Model) Evaluate(b compute.Backend, in Inputs, want Wanted) (map[string]safetensors.Tensor, error) {
	args, err := m.arguments(in)
	if err != nil {
		return nil, err
	}
	pairs := len(args) == 2 && args[0].Shape().Dim(0) == args[1].Shape().Dim(0)
	if want.Gradients && !pairs {
		return nil, fmt.Errorf("expected as many texts as pictures for gradients, found %d pictures and %d texts", in.Pictures(m.Config), in.Texts())
	}
	if err := m.thaw(); err != nil {
		return nil, err
	}
	if err := moveTo(b, m.Store); err != nil {
		return nil, err
	}
	var names []string
	var parameters []Weight
	exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, nodes []*graph.Node) []*graph.Node {
		if len(in.Images) == 0 {
			nodes = []*graph.Node{nil, nodes[0]}
		} else if len(in.IDs) == 0 {
			nodes = []*graph.Node{nodes[0], nil}
		}
		layers, loss := m.evaluation(scope, nodes[0], nodes[1], pairs, want)
		names, parameters = nil, nil
		var values []*graph.Node
		for _, l := range layers {
			names = append(names, l.Name)
			values = append(values, l.Value)
		}
		if !want.Gradients {
			return values
		}
		var at []*graph.Node
		for _, w := range m.Config.Weights() {
			if !w.Running {
				parameters = append(parameters, w)
				at = append(at, m.Store.GetVariable(weights.Path(w.Name)).NodeValue(loss))
			}
		}
		return append(values, graph.Gradient(loss, at...)...)
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	call := make([]any, len(args))
	for i, a := range args {
		call[i] = a
	}
	results, err := exec.Call(call...)
	if err != nil {
		return nil, fmt.Errorf("cannot encode: %w", err)
	}
	return m.collect(results, names, parameters)
}

// Pictures is the number of pictures for a model of the configuration.
func (in Inputs) Pictures(cfg Config) int {
	return len(in.Images) / (3 * cfg.Vision.Height * cfg.Vision.Width)
}

// Texts is the number of texts.
func (in Inputs) Texts() int { return len(in.IDs) / max(in.Length, 1) }

// arguments makes the tensors that the graph takes.
func (m *Model) arguments(in Inputs) (args []*tensors.Tensor, err error) {
	v, t := m.Config.Vision, m.Config.Text
	size := 3 * v.Height * v.Width
	if len(in.Images) > 0 {
		if len(in.Images)%size != 0 {
			return nil, fmt.Errorf("expected pictures [N, 3, %d, %d], found %d numbers", v.Height, v.Width, len(in.Images))
		}
		hwc := make([]float32, len(in.Images))
		for start := 0; start < len(hwc); start += size { // [3, H*W] to [H*W, 3]
			transpose(hwc[start:start+size], in.Images[start:start+size], 3, v.Height*v.Width)
		}
		args = append(args, tensors.FromFlatDataAndDimensions(hwc, len(in.Images)/size, v.Height, v.Width, 3))
	}
	if len(in.IDs) > 0 {
		if in.Length < 1 || in.Length > t.ContextLength || len(in.IDs)%in.Length != 0 {
			return nil, fmt.Errorf("expected texts of 1 to %d ids, found %d ids in rows of %d", t.ContextLength, len(in.IDs), in.Length)
		}
		for i, row := range slices.Collect(slices.Chunk(in.IDs, in.Length)) {
			if err := t.checkIDs(i, row); err != nil {
				return nil, err
			}
		}
		args = append(args, tensors.FromFlatDataAndDimensions(slices.Clone(in.IDs), len(in.IDs)/in.Length, in.Length))
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("expected pictures or texts to encode, found none")
	}
	return args, nil
}

// checkIDs refuses ids that the vocabulary does not have, in text number i. Backends would take other ones in their place.
func (t TextConfig) checkIDs(i int, row []int32) error {
	for k, id := range row {
		if id < 0 || int(id) >= t.VocabSize {
			return fmt.Errorf("expected ids of 0 to %d, the vocabulary's last one, found %d in text %d at position %d", t.VocabSize-1, id, i, k)
		}
	}
	return nil
}

// evaluation is the graph: everything wanted by its name, and the loss.
func (m *Model) evaluation(scope *model.Scope, images, ids *graph.Node, pairs bool, want Wanted) (all Layers, loss *graph.Node) {
	var image, text *graph.Node
	take := func(name string, feature *graph.Node, layers Layers) *graph.Node {
		if want.Layers {
			all = append(all, layers...)
		}
		all.add(name, feature)
		return feature
	}
	if images != nil {
		feature, layers := ImageTower(scope, m.Config.Vision, m.Config.EmbedDim, images)
		image = take("image_features", feature, layers)
	}
	if ids != nil {
		feature, layers := TextTower(scope, m.Config.Text, m.Config.EmbedDim, ids)
		text = take("text_features", feature, layers)
	}
	if image == nil || text == nil {
		return all, nil
	}
	logits := Logits(Normalize(image), Normalize(text), LogitScale(scope, image))
	all.add("logits_per_image", logits)
	if pairs {
		loss = InfoNCE(logits)
		all.add("loss", loss)
	}
	return all, loss
}

// collect names the results: the layers, then the gradients of the parameters.
func (m *Model) collect(results []*tensors.Tensor, names []string, parameters []Weight) (map[string]safetensors.Tensor, error) {
	out := map[string]safetensors.Tensor{}
	gradients := map[string]safetensors.Tensor{}
	for i, r := range results {
		var err error
		access := tensors.ConstFlatData(r, func(flat []float32) {
			if i < len(names) {
				out[names[i]] = safetensors.FromFloat32s(flat, r.Shape().Dimensions...)
			} else {
				err = m.Naming.put(gradients, parameters[i-len(names)], flat, safetensors.F32)
			}
		})
		if err != nil || access != nil {
			return nil, orElse(err, access)
		}
		r.MustFinalizeAll()
	}
	for name, t := range gradients {
		if m.prefixed {
			name = withPrefix(name)
		}
		out["grad."+name] = t
	}
	return out, nil
}
