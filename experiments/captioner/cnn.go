package captioner

import (
	"image"
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
)

// CNNEncoder is a network of one's own, which is trained with the decoder.
func CNNEncoder(cfg captioning.CNNConfig) (*Encoder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	net := cnnNetwork(cfg)
	return &Encoder{name: "cnn", size: cfg.Size, Grid: net.grid, Channels: net.channels, net: net, scale: 1, cnn: cfg}, nil
}

// Inputs are pictures as [Set.Inputs] has them.
func (c *Model) Inputs(images []image.Image) ([][]float32, error) { return c.inputs(images) }

// Features returns the graph's features [N, L, D] for inputs [N, F] as [Model.Inputs] has them, row by row.
func (c *Model) Features(scope *model.Scope, inputs *graph.Node) *graph.Node {
	c.mustBeSingle()
	return c.Encoder.features(scope, inputs)
}

// ownCNN is the network's configuration for the model's file, or nil for the one that [OpenEncoder] makes by itself.
func (e *Encoder) ownCNN() *captioning.CNNConfig {
	usual := smallCNN(e.size)
	if e.name != "cnn" || reflect.DeepEqual(e.cnn, usual) {
		return nil
	}
	return &e.cnn
}

// Backend is what the model computes with.
func (c *Model) Backend() compute.Backend { return c.backend.Backend }
