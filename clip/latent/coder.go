package latent

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Coder is a half of the autoencoder at work: pictures to latents of deviation 1, or back. It is compiled for every number of them that it is given.
type Coder struct {
	what string
	in   []int // dimensions of a picture or a latent
	exec *model.Exec
}

// Encoder maps pictures [n*side*side*3] to latents of deviation 1, [n*h*w*c].
func (m *Model) Encoder(b compute.Backend) (*Coder, error) {
	side := m.Config.Auto.Side
	return m.coder(b, "encode pictures", m.Latents, side, side, colours)
}

// Decoder maps latents of deviation 1 [n*h*w*c] to pictures [n*side*side*3].
func (m *Model) Decoder(b compute.Backend) (*Coder, error) {
	a := m.Config.Auto
	return m.coder(b, "decode latents", m.Pictures, a.Latents(), a.Latents(), a.Depth)
}

func (m *Model) coder(b compute.Backend, what string, half func(*model.Scope, *graph.Node) *graph.Node, in ...int) (*Coder, error) {
	exec, err := model.NewExec(b, m.Store, half)
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %w", what, err)
	}
	return &Coder{what, in, exec}, nil
}

// Close gives the graph's memory back.
func (c *Coder) Close() { c.exec.Finalize() }

// Map maps the numbers of n pictures, or latents, to those of n latents, or pictures.
func (c *Coder) Map(values []float32) (out []float32, err error) {
	n := len(values) / (c.in[0] * c.in[1] * c.in[2])
	made, err := c.exec.Call1(tensors.FromFlatDataAndDimensions(values, append([]int{n}, c.in...)...))
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %w", c.what, err)
	}
	defer made.FinalizeAll()
	err = tensors.ConstFlatData(made, func(flat []float32) { out = append(out, flat...) })
	return out, err
}

// once maps with a coder that is made for it.
func once(c *Coder, err error, values []float32) ([]float32, error) {
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Map(values)
}

// Encode is [Model.Encoder] for once.
func (m *Model) Encode(b compute.Backend, pictures []float32) ([]float32, error) {
	c, err := m.Encoder(b)
	return once(c, err, pictures)
}

// Decode is [Model.Decoder] for once.
func (m *Model) Decode(b compute.Backend, latents []float32) ([]float32, error) {
	c, err := m.Decoder(b)
	return once(c, err, latents)
}
