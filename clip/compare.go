package clip

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Compared is how far a model is from a reference on one backend.
type Compared struct {
	Backend string     `json:"backend"`
	Layers  []Distance `json:"layers"` // in the order in which they are computed
}

// Distance is the largest difference between two tensors.
type Distance struct {
	Name      string  `json:"name"`
	Largest   float64 `json:"largest_difference"`
	Tolerance float64 `json:"tolerance"`
	Within    bool    `json:"within"`
}

// Reference is what another implementation computed for a model: the files inputs.safetensors, outputs.safetensors and, where
// there is one, intermediates.safetensors of a folder.
type Reference struct {
	Inputs Inputs
	Values map[string]safetensors.Tensor
	images []int // the shape
}

// OpenReference reads a folder.
func OpenReference(dir string) (*Reference, error) {
	in, err := safetensors.Load(filepath.Join(dir, "inputs.safetensors"))
	if err != nil {
		return nil, err
	}
	r := &Reference{Values: map[string]safetensors.Tensor{}}
	if t, ok := in.Get("images"); ok {
		if r.Inputs.Images, err = t.AsFloat32s(); err != nil {
			return nil, err
		}
		r.images = t.Shape
	}
	if t, ok := in.Get("text_ids"); ok {
		if r.Inputs.IDs, err = t.Int32s(); err != nil || len(t.Shape) != 2 {
			return nil, fmt.Errorf("expected text_ids [N, L] in %s, found the shape %v (%v)", dir, t.Shape, err)
		}
		r.Inputs.Length = t.Shape[1]
	}
	for _, name := range []string{"outputs.safetensors", "intermediates.safetensors"} {
		if name != "outputs.safetensors" && !exists(dir, name) {
			continue
		}
		file, err := safetensors.Load(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for name, t := range file.Tensors {
			r.Values[name] = t
		}
	}
	return r, nil
}

// Compare runs the model on the reference's inputs and adds the differences to the card. What is out of tolerance is refused,
// with the reason where it can be told. A reference without the features of its inputs, and one with values that are no finite
// numbers, is an error.
func (k *Card) Compare(b compute.Backend, name string, m *Model, r *Reference) (features map[string]safetensors.Tensor, err error) {
	v := m.Config.Vision
	if len(r.Inputs.Images) > 0 && (len(r.images) != 4 || !slices.Equal(r.images[1:], []int{3, v.Height, v.Width})) {
		return nil, fmt.Errorf("expected reference pictures [N, 3, %d, %d], which is what the model's positional embedding is for, found the shape %v",
			v.Height, v.Width, r.images)
	}
	if err := r.check(m); err != nil {
		return nil, err
	}
	got, err := m.Evaluate(b, r.Inputs, Wanted{Layers: true})
	if err != nil {
		return nil, err
	}
	c := Compared{Backend: name, Layers: r.distances(m, got)}
	k.Compared = append(k.Compared, c)
	if worst := firstBeyond(c.Layers); worst != nil {
		k.refuse("on %s: expected %s of the reference within %.2g, found a difference of %.3g; everything before it agrees%s",
			name, worst.Name, worst.Tolerance, worst.Largest, r.otherActivation(b, m))
	}
	return got, nil
}

// check makes sure that there is something to compare with: the features that the inputs call for, and finite numbers.
func (r *Reference) check(m *Model) error {
	for feature, inputs := range map[string]int{"image_features": len(r.Inputs.Images), "text_features": len(r.Inputs.IDs)} {
		if _, ok := r.Values[feature]; !ok && inputs > 0 {
			return fmt.Errorf("expected %s in the reference's outputs.safetensors, for which its inputs.safetensors has the inputs, found none; "+
				"the names are those that `glimpse encode` writes", feature)
		}
	}
	for _, name := range m.layerNames() {
		want, ok := r.Values[name]
		if !ok {
			continue
		}
		values, err := want.AsFloat32s()
		if err != nil {
			return fmt.Errorf("the reference's %s: %w", name, err)
		}
		if i := slices.IndexFunc(values, func(v float32) bool { return !finite(float64(v)) }); i >= 0 {
			return fmt.Errorf("expected finite numbers in the reference's %s, found %g at element %d; compute it anew in float32", name, values[i], i)
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// distances compares everything that both have, in the order of the towers.
func (r *Reference) distances(m *Model, got map[string]safetensors.Tensor) []Distance {
	var out []Distance
	for _, name := range m.layerNames() {
		want, ok := r.Values[name]
		if !ok {
			continue
		}
		out = append(out, distance(name, got[name], want))
	}
	return out
}

// layerNames lists what [Model.Evaluate] can compute, in order.
func (m *Model) layerNames() []string {
	v := m.Config.Vision
	var names []string
	if v.ViT != nil {
		names = append(names, "visual.patch_conv", "visual.after_ln_pre")
		for i := range v.ViT.Layers {
			names = append(names, fmt.Sprintf("visual.after_block.%d", i))
		}
		names = append(names, "visual.after_ln_post_cls")
	} else {
		names = append(names, "visual.after_stem")
		stages := len(v.Stages)
		if v.ResNet != nil {
			stages = len(v.ResNet.Blocks)
		}
		for i := range stages {
			names = append(names, fmt.Sprintf("visual.after_layer%d", i+1))
		}
	}
	names = append(names, "image_features")
	for i := range m.Config.Text.Layers {
		names = append(names, fmt.Sprintf("text.after_block.%d", i))
	}
	return append(names, "text.after_ln_final", "text_features", "logits_per_image", "loss")
}

// distance holds a tensor against the reference's. The tolerances are those of float32 implementations that differ in the order
// of their sums: 2e-4 + 1e-4 of the largest value, 1e-3 for logits, 1e-4 for the loss. Nothing is near to what is not finite.
func distance(name string, got, want safetensors.Tensor) Distance {
	d := Distance{Name: name}
	g, err1 := got.AsFloat32s()
	w, err2 := want.AsFloat32s()
	if err1 != nil || err2 != nil || !slices.Equal(got.Shape, want.Shape) {
		d.Largest = math.MaxFloat32 // another shape is as far away as can be
		return d
	}
	largest := 0.0
	for i := range w {
		if !finite(float64(w[i])) {
			d.Largest = math.MaxFloat32
			return d
		}
		largest = max(largest, math.Abs(float64(w[i])))
		if diff := math.Abs(float64(g[i]) - float64(w[i])); diff > d.Largest || diff != diff {
			d.Largest = min(diff, math.MaxFloat32)
			if diff != diff {
				d.Largest = math.MaxFloat32
			}
		}
	}
	switch name {
	case "logits_per_image":
		d.Tolerance = 1e-3
	case "loss":
		d.Tolerance = 1e-4
	default:
		d.Tolerance = 2e-4 + 1e-4*largest
	}
	d.Within = d.Largest <= d.Tolerance
	return d
}

func firstBeyond(layers []Distance) *Distance {
	for i := range layers {
		if !layers[i].Within {
			return &layers[i]
		}
	}
	return nil
}

// otherActivation tries the other activation: a sentence when that is what is wrong.
func (r *Reference) otherActivation(b compute.Backend, m *Model) string {
	was := m.Config.Text.Activation.name()
	other := GELU
	if was == GELU {
		other = QuickGELU
	}
	changed := &Model{Config: m.Config, Store: m.Store, Naming: m.Naming}
	changed.Config.Text.Activation = other
	if v := changed.Config.Vision.ViT; v != nil {
		vit := *v
		vit.Activation = other
		changed.Config.Vision.ViT = &vit
	}
	got, err := changed.Evaluate(b, r.Inputs, Wanted{Layers: true})
	if err != nil || firstBeyond(r.distances(changed, got)) != nil {
		return ""
	}
	return fmt.Sprintf("; with the activation %s in the place of %s everything agrees: the configuration names the wrong one", other, was)
}

// CompareBackends adds how far the features are apart on two backends.
func (k *Card) CompareBackends(first, second string, a, b map[string]safetensors.Tensor) {
	for _, name := range []string{"image_features", "text_features"} {
		if _, ok := a[name]; !ok {
			continue
		}
		d := distance(name, a[name], b[name])
		d.Name = fmt.Sprintf("%s, %s and %s", name, first, second)
		k.Between = append(k.Between, d)
		if !d.Within {
			k.refuse("expected the same %s on %s and %s within %.2g, found a difference of %.3g", name, first, second, d.Tolerance, d.Largest)
		}
	}
}

// flatValues copies a variable's numbers.
func flatValues(v *model.Variable) ([]float32, error) {
	value, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("cannot read the weight %s: %w", v.Path(), err)
	}
	return tensors.CopyFlatData[float32](value)
}
