package segmenting

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
)

// Similarities are the cosines of every place of pictures with conditions, without any decoder: what a CLIP says about places that was never trained
// to ([clip.ImagePlaces]). Of pictures that [clip.Model.Preprocess] prepared and conditions [picture][condition][E] they are
// [picture][condition][h*w], h and w being those of [clip.VisionConfig.Grid].
func (m *Model) Similarities(b compute.Backend, pixels [][]float32, conditions [][][]float32) (all [][][]float32, err error) {
	if err := m.fit(pixels, conditions); err != nil {
		return nil, err
	}
	v, e := m.Config.CLIP.Vision, m.Config.CLIP.EmbedDim
	exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, pictures *graph.Node) *graph.Node {
		places := clip.ImagePlaces(scope, v, e, pictures)
		d := places.Shape().Dimensions
		return graph.Reshape(clip.Normalize(graph.Reshape(places, d[0]*d[1]*d[2], e)), d[0], d[1]*d[2], e)
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	size := v.Height * v.Width * 3
	batch := min(len(pixels), maskBatch)
	for from := 0; from < len(pixels); from += batch {
		to := min(from+batch, len(pixels))
		shown := make([]float32, batch*size)
		for i, p := range pixels[from:to] {
			copy(shown[i*size:], p)
		}
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(shown, batch, v.Height, v.Width, 3))
		if err != nil {
			return nil, fmt.Errorf("cannot compare places: %w", err)
		}
		places := out.Value().([][][]float32)
		out.MustFinalizeAll()
		for i := range to - from {
			all = append(all, cosines(places[i], conditions[from+i]))
		}
	}
	return all, nil
}

// cosines are those of unit vectors: [condition][place].
func cosines(places, conditions [][]float32) (all [][]float32) {
	for _, c := range conditions {
		row := make([]float32, len(places))
		for i, place := range places {
			for k, v := range place {
				row[i] += v * c[k]
			}
		}
		all = append(all, row)
	}
	return all
}
