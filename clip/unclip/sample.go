package unclip

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
)

// EmbedTexts returns the unit embeddings of texts, [n*D]. One that is longer than the context is an error that names it.
func (m *Model) EmbedTexts(b compute.Backend, texts []string) ([]float32, error) {
	ids, err := m.Tokenizer.EncodeWhole(texts, m.Config.CLIP.Text.ContextLength)
	if err != nil {
		return nil, err
	}
	return m.EmbedIDs(b, ids)
}

// EmbedIDs returns the unit embeddings of token ids [n*context]: [n*D].
func (m *Model) EmbedIDs(b compute.Backend, ids []int32) ([]float32, error) {
	length := m.Config.CLIP.Text.ContextLength
	return embed(b, m.Store, ids, []int{length}, func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return m.Config.CLIP.EncodeText(scope.At(diffusion.CLIPScope), ids)
	})
}

// EmbedPictures returns the unit embeddings of pictures [n*side*side*depth] in -1..1: [n*D].
func (m *Model) EmbedPictures(b compute.Backend, values []float32) ([]float32, error) {
	u := m.Config.CLIP.Image
	return embed(b, m.Store, values, []int{u.Side, u.Side, u.Depth}, func(scope *model.Scope, x *graph.Node) *graph.Node {
		clean := graph.Zeros(x.Graph(), shapes.Make(dtypes.Float32, x.Shape().Dim(0))) // step 0 of the noise
		return m.Config.CLIP.EncodeImage(scope.At(diffusion.CLIPScope), x, clean)
	})
}

// embedAt is how many are embedded together: always as many, so that one graph is compiled.
const embedAt = 64

// embed maps flat [n, dims...] to [n, D], some at a time.
func embed[T float32 | int32](b compute.Backend, store *model.Store, flat []T, dims []int, tower func(*model.Scope, *graph.Node) *graph.Node) (all []float32, err error) {
	size := 1
	for _, d := range dims {
		size *= d
	}
	exec, err := model.NewExec(b, store, tower)
	if err != nil {
		return nil, fmt.Errorf("cannot embed: %w", err)
	}
	defer exec.Finalize()
	for from := 0; from < len(flat); from += embedAt * size {
		batch := make([]T, embedAt*size)
		n := copy(batch, flat[from:]) / size
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(batch, append([]int{embedAt}, dims...)...))
		if err != nil {
			return nil, fmt.Errorf("cannot embed: %w", err)
		}
		err = tensors.ConstFlatData(out, func(z []float32) { all = append(all, z[:n*len(z)/embedAt]...) })
		out.FinalizeAll()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// PriorSampler makes embeddings of pictures out of those of texts.
type PriorSampler struct {
	m       *Model
	sampler *diffusion.Sampler
}

// PriorSampler prepares the prior.
func (m *Model) PriorSampler(b compute.Backend) (*PriorSampler, error) {
	p := m.Config.Prior
	schedule, err := diffusion.NewSchedule(p.Schedule.Name, p.Schedule.Steps)
	if err != nil {
		return nil, err
	}
	s, err := diffusion.NewSampler(b, m.Store, schedule, p.Sampling, 1, m.Config.CLIP.EmbedDim, diffusion.Free(p.Tell))
	return &PriorSampler{m, s}, err
}

// ownNoise keeps the prior's noise from being that which the decoder begins with, for a picture of the same seed.
const ownNoise = 0x9e3779b97f4a7c15

// Close gives the graph's memory back.
func (s *PriorSampler) Close() { s.sampler.Close() }

// Sample makes a unit embedding of a picture for each of the unit embeddings of texts [n*D]: of several tries the one whose dot product with the text's is largest (section 2.2). What comes
// of a text depends on seed, its place first+i and itself.
func (s *PriorSampler) Sample(ctx context.Context, seed uint64, first int, texts []float32) ([]float32, error) {
	d := s.m.Config.CLIP.EmbedDim
	n := len(texts) / d
	told := tensors.FromFlatDataAndDimensions(texts, n, d)
	defer told.FinalizeAll()
	best := make([]float32, n*d)
	for try := range s.m.Config.Prior.Tries {
		made, err := s.sampler.Sample(ctx, seed^ownNoise+uint64(try)<<32, first, n, s.m.Config.Prior.Scale, []*tensors.Tensor{told}, nil)
		if err != nil {
			return nil, fmt.Errorf("the prior: %w", err)
		}
		for i := range n {
			z, kept, text := Unit(made[i*d:(i+1)*d]), best[i*d:(i+1)*d], texts[i*d:(i+1)*d]
			if try == 0 || Dot(z, text) > Dot(kept, text) {
				copy(kept, z)
			}
		}
	}
	return best, nil
}

// Decoder prepares making pictures out of unit embeddings: the sampler's one input, [n, D]. Its scale is that of guidance without a classifier; 1 is none.
func (m *Model) Decoder(b compute.Backend, cfg diffusion.Sampling) (*diffusion.Sampler, error) {
	u := m.Config.Decoder
	return diffusion.NewSampler(b, m.Store, m.Schedule, cfg, u.Side, u.Depth, diffusion.Free(decode(u)))
}
