package captioning

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// walker runs the decoder one step at a time, on batches of one size, with words that are chosen between the steps.
// Its two graphs are compiled at the first use and then kept.
type walker struct {
	cfg         Config
	batch       int
	first, next *model.Exec
}

func newWalker(backend compute.Backend, scope *model.Scope, cfg Config, batch int) (*walker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if batch < 1 {
		return nil, fmt.Errorf("expected a batch of at least one picture, found %d", batch)
	}
	w := &walker{cfg: cfg, batch: batch}
	var err error
	w.first, err = model.NewExec(backend, scope.Store(), func(_ *model.Scope, in []*Node) []*Node {
		d := newDecoder(scope, cfg, in[0])
		s := d.start()
		if d.p == nil {
			return []*Node{s.h, s.c}
		}
		return []*Node{s.h, s.c, d.p}
	})
	if err != nil {
		return nil, err
	}
	w.next, err = model.NewExec(backend, scope.Store(), func(_ *model.Scope, in []*Node) []*Node {
		words, a := in[0], in[1]
		d := newDecoder(scope, cfg, a)
		if d.p != nil {
			d.p = in[4] // projected once, not at every step
		}
		read := d.read(words)
		s := d.step(read.input, state{h: in[2], c: in[3]})
		logits := d.logits(s.h, func() (y, z *Node) { return read.y, s.gated })
		return []*Node{graph.LogSoftmax(logits), s.alpha, s.h, s.c}
	})
	if err != nil {
		return nil, err
	}
	// A second graph would mean that something else is compiled at every call: that is an error, not a slow program.
	w.first.SetMaxCache(1)
	w.next.SetMaxCache(1)
	return w, nil
}

// close frees the compiled graphs.
func (w *walker) close() {
	w.first.Finalize()
	w.next.Finalize()
}

// walk is a batch of captions under way.
type walk struct {
	w    *walker
	a    *tensors.Tensor   // [batch, L, D]
	p    []*tensors.Tensor // W_a a + b, or nothing with uniform attention
	h, c *tensors.Tensor
}

// begin starts captions for features [batch, L, D].
func (w *walker) begin(features []float32) (*walk, error) {
	a := tensors.FromFlatDataAndDimensions(features, w.batch, w.cfg.Locations, w.cfg.FeatureDim)
	out, err := w.first.Call(a)
	if err != nil {
		return nil, fmt.Errorf("cannot start the decoder: %w", err)
	}
	return &walk{w: w, a: a, h: out[0], c: out[1], p: out[2:]}, nil
}

// step lets every caption read one word. It returns log p [batch, V] of the words that may follow, and the attention's
// weights [batch, L].
func (k *walk) step(words []int32) (logProbs, alphas []float32, err error) {
	args := []any{tensors.FromFlatDataAndDimensions(words, len(words)), k.a, k.h, k.c}
	for _, p := range k.p {
		args = append(args, p)
	}
	out, err := k.w.next.Call(args...)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot run the decoder: %w", err)
	}
	k.h, k.c = out[2], out[3]
	if logProbs, err = tensors.CopyFlatData[float32](out[0]); err != nil {
		return nil, nil, err
	}
	alphas, err = tensors.CopyFlatData[float32](out[1])
	return logProbs, alphas, err
}
