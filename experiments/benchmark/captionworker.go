package benchmark

import (
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// The numbers of answers that are compared before anything is timed, steps of training and pictures that are written about; peer.py
// has them too.
const (
	comparedSteps    = 3
	comparedCaptions = 3
)

// prepareCaptionTraining returns losses and norms of gradients of the first steps; every call after it is one more.
func (w *worker) prepareCaptionTraining(r request) ([]float64, error) {
	store := model.NewStore()
	if err := loadCaptioner(store, r); err != nil {
		return nil, err
	}
	in, err := safetensors.Load(r.Inputs)
	if err != nil {
		return nil, err
	}
	c := r.Captioner
	name := "features"
	if c.CNN != nil {
		name = "images"
	}
	seen, shape, err := in.Float32s(name)
	if err != nil {
		return nil, err
	}
	if c.CNN != nil {
		seen = channelsLast(seen, shape[0], shape[2]*shape[3])
		shape = []int{shape[0], shape[2], shape[3], shape[1]}
	}
	captions, captionsShape, err := in.Int32s("captions")
	if err != nil {
		return nil, err
	}
	lengths, _, err := in.Int32s("lengths")
	if err != nil {
		return nil, err
	}
	step := w.train(store, c.task(), 0, func() []*tensors.Tensor {
		return []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(seen, shape...),
			tensors.FromFlatDataAndDimensions(captions, captionsShape...),
			tensors.FromFlatDataAndDimensions(lengths, len(lengths)),
		}
	})
	w.call = func() ([]float64, error) {
		s, err := step()
		return []float64{s.Loss, s.Scalars["grad_norm"]}, err
	}
	var first []float64
	for range comparedSteps {
		numbers, err := w.call()
		if err != nil {
			return nil, err
		}
		first = append(first, numbers...)
	}
	return first, nil
}

// task is the captioner's training, as the experiments have it.
func (c *Captioner) task() experiments.Task {
	return experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		features := inputs[0]
		if c.CNN != nil {
			features = captioning.CNN(scope.At("cnn"), *c.CNN, features)
		}
		out := captioning.Decode(scope.At("decoder"), c.Decoder, features, inputs[1])
		return captioning.Loss(c.Decoder, out, inputs[1], inputs[2]).Total, nil
	}}
}

// loadCaptioner puts the weights into the scopes "decoder" and "cnn" of the store.
func loadCaptioner(store *model.Store, r request) error {
	file, err := safetensors.Load(r.Weights)
	if err != nil {
		return err
	}
	root, decoder := store.RootScope(), map[string]safetensors.Tensor{}
	for name, tensor := range file.Tensors {
		path, ofNetwork := strings.CutPrefix(name, "cnn.")
		if !ofNetwork {
			decoder[name] = tensor
			continue
		}
		values, err := tensor.Float32s()
		if err != nil {
			return err
		}
		parts := strings.Split(path, ".") // stage, layer, variable
		if _, err := root.At("cnn").At("%s", parts[0]).At("%s", parts[1]).CreateVariable(parts[2], tensors.FromFlatDataAndDimensions(values, tensor.Shape...)); err != nil {
			return err
		}
	}
	return captioning.LoadWeights(root.At("decoder"), r.Captioner.Decoder, decoder)
}

// prepareWriting returns score and words of the first captions; every call writes about all pictures.
func (w *worker) prepareWriting(r request) ([]float64, error) {
	store := model.NewStore()
	if err := loadCaptioner(store, r); err != nil {
		return nil, err
	}
	in, err := safetensors.Load(r.Inputs)
	if err != nil {
		return nil, err
	}
	features, shape, err := in.Float32s("features")
	if err != nil {
		return nil, err
	}
	each := shape[1] * shape[2]
	beam, err := captioning.NewBeam(w.backend.Backend, store.RootScope().At("decoder"), r.Captioner.Decoder, r.Batch,
		captioning.BeamOptions{K: r.Captioner.Beam, Rule: captioning.Shrink})
	if err != nil {
		return nil, err
	}
	w.close_ = beam.Close
	write := func(n int) ([]float64, error) {
		captions, err := beam.Caption(features[:n*each], n)
		var numbers []float64
		for _, c := range captions[:min(comparedCaptions, len(captions))] {
			numbers = append(numbers, c.LogProb)
			for _, word := range c.IDs {
				numbers = append(numbers, float64(word))
			}
		}
		return numbers, err
	}
	w.call = func() ([]float64, error) { return write(r.Size) }
	return write(comparedCaptions)
}
