package captioner

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/resnet"
	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// network is a picture network as graph functions see it.
type network struct {
	scope          string // where its weights are in the captioner's store
	grid, channels int    // places on a side, and numbers a place, of what features returns
	mean, std      [3]float32
	filter         picture.Filter

	// features maps pictures [N, size, size, 3], normalised by mean and std, to [N, grid, grid, channels].
	features func(scope *model.Scope, pictures *graph.Node, frozen bool) *graph.Node

	field   *nn.Field                     // what its places can see; nil for everything
	config  any                           // of its architecture, for captioner.json; nil for what is made from scratch
	weights map[string]safetensors.Tensor // that it starts from, by their paths below scope; nil for fresh ones
}

// pixels are the numbers that the network sees of a picture of its size.
func (n *network) pixels(rgb *picture.RGB) []float32 { return picture.ToHWC(rgb, n.mean, n.std) }

// The small network: three stages that each halve the side, one place for 8 x 8 pixels.
const (
	cnnStride   = 8
	cnnChannels = 64
)

func smallCNN(size int) captioning.CNNConfig {
	return captioning.CNNConfig{Size: size, Channels: []int{32, cnnChannels, cnnChannels}, Groups: 8}
}

// cnnNetwork is trained from scratch.
func cnnNetwork(cfg captioning.CNNConfig) *network {
	half := [3]float32{0.5, 0.5, 0.5}
	side, field := cfg.Size>>len(cfg.Channels), cfg.Field()
	return &network{scope: "cnn", field: &field, grid: side, channels: cfg.FeatureDim(), mean: half, std: half, filter: picture.Bilinear,
		features: func(scope *model.Scope, pictures *graph.Node, _ bool) *graph.Node {
			n := pictures.Shape().Dim(0)
			return graph.Reshape(captioning.CNN(scope, cfg, pictures), n, side, side, cfg.FeatureDim())
		}}
}

// publishedScope is where the weights of a network with published weights are in the captioner's store.
const publishedScope = "encoder"

// readNetwork reads the network that resnet:PATH or clip:DIR names, with its weights.
func readNetwork(name string, size int) (*network, error) {
	kind, path, named := strings.Cut(name, ":")
	if !named || path == "" || kind != "resnet" && kind != "clip" {
		return nil, fmt.Errorf("encoder: expected squeezenet, cnn, resnet:PATH or clip:DIR, found %q", name)
	}
	if kind == "resnet" {
		cfg, tensors, err := resnet.Read(path)
		if err != nil {
			return nil, err
		}
		return resNetNetwork(cfg, size, tensors)
	}
	m, err := clip.Load(path)
	if err != nil {
		return nil, err
	}
	tensors, err := weights.FromStore(m.Store, m.Config.Vision.IsGridWeight)
	if err != nil {
		return nil, err
	}
	return clipNetwork(m.Config.Vision, size, tensors)
}

// savedNetwork makes the network of a configuration that captioner.json holds. Its weights are the captioner's.
func savedNetwork(name string, size int, config json.RawMessage) (*network, error) {
	if kind, _, _ := strings.Cut(name, ":"); kind == "resnet" {
		var cfg resnet.Config
		if err := json.Unmarshal(config, &cfg); err != nil || len(cfg.Stages) == 0 {
			return nil, fmt.Errorf("network: expected a ResNet's stem and stages, found %s; save the captioner again", config)
		}
		return resNetNetwork(cfg, size, nil)
	}
	var cfg clip.VisionConfig
	if err := json.Unmarshal(config, &cfg); err != nil || cfg.ViT == nil && cfg.ResNet == nil && len(cfg.Stages) == 0 {
		return nil, fmt.Errorf("network: expected the configuration of CLIP's image tower, found %s; save the captioner again", config)
	}
	return clipNetwork(cfg, size, nil)
}

// resNetNetwork has its pictures squashed as torchvision resizes them.
func resNetNetwork(cfg resnet.Config, size int, tensors map[string]safetensors.Tensor) (*network, error) {
	grid, err := cfg.Grid(size)
	if err != nil {
		return nil, fmt.Errorf("size: %w", err)
	}
	field := cfg.Field()
	return &network{scope: publishedScope, field: &field, grid: grid, channels: cfg.Channels(), mean: resnet.Mean, std: resnet.Std, filter: picture.Bilinear,
		features: func(scope *model.Scope, pictures *graph.Node, frozen bool) *graph.Node {
			return resnet.Features(scope, cfg, pictures, frozen)
		}, config: cfg, weights: tensors}, nil
}

// clipNetwork is an image tower of CLIP without what puts its places together. A ViT's positions are those of its own size; a
// ResNet takes other sizes too.
func clipNetwork(cfg clip.VisionConfig, size int, tensors map[string]safetensors.Tensor) (*network, error) {
	if cfg.ViT != nil && (size != cfg.Height || size != cfg.Width) {
		return nil, fmt.Errorf("size: expected %dx%d pixels, for which this CLIP's positions were trained, found %d", cfg.Width, cfg.Height, size)
	}
	h0, _, _ := cfg.Grid()
	shrink := cfg.Height / h0 // pixels a place
	if size%shrink != 0 || size < shrink {
		return nil, fmt.Errorf("size: expected a multiple of %d pixels for this CLIP, found %d", shrink, size)
	}
	cfg.Height, cfg.Width = size, size
	grid, _, channels := cfg.Grid()
	single := func(v [3]float64) [3]float32 { return [3]float32{float32(v[0]), float32(v[1]), float32(v[2])} }
	var field *nn.Field
	if f, ok := cfg.Field(); ok {
		field = &f
	}
	return &network{scope: publishedScope, field: field, grid: grid, channels: channels, mean: single(cfg.Mean), std: single(cfg.Std), filter: picture.Bicubic,
		features: func(scope *model.Scope, pictures *graph.Node, frozen bool) *graph.Node {
			x := clip.ImageGrid(scope, cfg, pictures)
			if frozen {
				x = graph.StopGradient(x)
			}
			return x
		}, config: cfg, weights: tensors}, nil
}
