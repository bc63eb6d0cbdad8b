package captioner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// frozenNetwork is a network as an eye: compiled once with its weights as constants.
type frozenNetwork struct {
	net         *network
	size        int
	exec        *model.Exec
	fingerprint string
}

// frozenBatch is how many pictures go through a frozen network together.
const frozenBatch = 8

func newFrozenNetwork(b compute.Backend, net *network, size int) (*frozenNetwork, error) {
	store := model.NewStore()
	if err := weights.IntoStore(store, net.weights); err != nil {
		return nil, err
	}
	store.WithVariableAsConst(true) // lets the backend lay them out once, ahead of time
	exec, err := model.NewExec(b, store, func(scope *model.Scope, pictures *graph.Node) *graph.Node {
		return net.features(scope, pictures, true)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot build the encoder: %w", err)
	}
	fingerprint, err := net.fingerprint(size)
	return &frozenNetwork{net: net, size: size, exec: exec, fingerprint: fingerprint}, err
}

// fingerprint is the sha256 of the architecture, the size and the weights.
func (n *network) fingerprint(size int) (string, error) {
	config, err := json.Marshal(n.config)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%T %s, size %d\n", n.config, config, size)
	for _, name := range slices.Sorted(maps.Keys(n.weights)) {
		fmt.Fprintf(hash, "%s %d\n", name, len(n.weights[name].Data))
		hash.Write(n.weights[name].Data)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func (f *frozenNetwork) Grid() int           { return f.net.grid }
func (f *frozenNetwork) Fingerprint() string { return f.fingerprint }
func (f *frozenNetwork) Close()              { f.exec.Finalize() }

func (f *frozenNetwork) Features(pictures [][]uint8) ([][]float32, error) {
	var rows [][]float32
	for batch := range slices.Chunk(pictures, frozenBatch) {
		n := 3 * f.size * f.size
		pixels := make([]float32, frozenBatch*n) // of one shape always, so that the graph is compiled once
		for i, p := range batch {
			picture.HWCInto(pixels[i*n:(i+1)*n], &picture.RGB{Pix: p, W: f.size, H: f.size}, f.net.mean, f.net.std)
		}
		out, err := f.exec.Call1(tensors.FromFlatDataAndDimensions(pixels, frozenBatch, f.size, f.size, 3))
		if err != nil {
			return nil, fmt.Errorf("cannot compute the encoder's features: %w", err)
		}
		width := f.net.grid * f.net.grid * f.net.channels
		err = tensors.ConstFlatData(out, func(flat []float32) {
			for i := range batch {
				rows = append(rows, slices.Clone(flat[i*width:(i+1)*width]))
			}
		})
		out.FinalizeAll()
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}
