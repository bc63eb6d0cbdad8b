package experiments

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// chunkedStep is a training step by gradient caching, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup"
// (Gao et al. 2021, arXiv 2101.06983). A contrastive loss compares every pair of a batch, so a batch cannot simply be
// summed over parts. But the loss sees the towers' embeddings alone: they are computed chunk by chunk, without keeping
// what a gradient needs (1); the loss and its gradients for the embeddings are computed for the whole batch and cached
// (2); each chunk is embedded again, and the cached gradients go on into the weights (3); the optimiser steps (4). The
// price is one more forward pass; the memory is that of a chunk. The gradients are those of the whole batch but for the
// rounding of sums.
//
// A batch norm that uses the batch's statistics would make a row depend on the other rows of its chunk, and no longer on the
// whole batch: it is refused. Dropout draws the same numbers in (1) and (3).
type chunkedStep struct {
	store  *model.Store
	chunks int
	names  []string // of the scalars that compare returns after the loss
	norms  []string // of what update returns
	parts  int      // embeddings that the towers return, such as 2: pictures' and texts'

	embed, compare, back, update *model.Exec
}

// gradientName is the variable, beside a weight's state of the optimiser, in which the chunks' gradients are summed.
const gradientName = "gradient"

func newChunkedStep(b *backend.Backend, store *model.Store, task Task, cfg TrainConfig) (*chunkedStep, error) {
	if task.Embed == nil || task.Compare == nil {
		return nil, errors.New("chunks: expected a task whose loss comes in two halves, towers and comparison; this one computes batches in one piece, with chunks of 0")
	}
	t := &chunkedStep{store: store, chunks: cfg.Chunks}
	for _, part := range []struct {
		exec  **model.Exec
		graph func(scope *model.Scope, inputs []*graph.Node) []*graph.Node
	}{
		{&t.embed, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			store.SetTraining(inputs[0].Graph(), true)
			embeddings := task.Embed(scope, inputs)
			refuseBatchNorm(store, inputs[0].Graph())
			t.parts = len(embeddings)
			return embeddings
		}},
		{&t.compare, func(scope *model.Scope, embeddings []*graph.Node) []*graph.Node {
			return t.compareGraph(scope, embeddings, task)
		}},
		{&t.back, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			return t.backGraph(scope, inputs, task)
		}},
		{&t.update, func(scope *model.Scope, hyper []*graph.Node) []*graph.Node {
			return t.updateGraph(scope, hyper[0], task, cfg)
		}},
	} {
		exec, err := model.NewExec(b.Backend, store, part.graph)
		if err != nil {
			t.close()
			return nil, fmt.Errorf("cannot build the training step: %w", err)
		}
		*part.exec = exec
	}
	return t, nil
}

// refuseBatchNorm panics when the towers change variables in a forward pass, as running statistics are.
func refuseBatchNorm(store *model.Store, g *graph.Graph) {
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) && v.DType().IsFloat() {
			panic(fmt.Errorf("chunks: expected towers that see each row by itself, found running statistics (%s) that are those of a batch: "+
				"with batch norm, the chunks of a batch give other gradients than the whole; use a tower with layer norm, or chunks of 0", v.Path()))
		}
	}
}

// compareGraph returns the scalars of the whole batch (the loss first), then the gradients of its embeddings. The gradients
// of what the comparison itself has to learn, such as the temperature, join the sums.
func (t *chunkedStep) compareGraph(scope *model.Scope, embeddings []*graph.Node, task Task) []*graph.Node {
	g := embeddings[0].Graph()
	t.store.SetTraining(g, true)
	loss, scalars := task.Compare(scope, embeddings)
	outputs := []*graph.Node{loss}
	t.names = nil
	for _, s := range scalars {
		t.names = append(t.names, s.Name)
		outputs = append(outputs, s.Value)
	}
	own := trained(t.store, g)
	gradients := graph.Gradient(loss, append(append([]*graph.Node(nil), embeddings...), nodes(own, g)...)...)
	for i, v := range own {
		addGradient(t.store, v, gradients[len(embeddings)+i])
	}
	return append(outputs, gradients[:len(embeddings)]...)
}

// backGraph adds a chunk's part to the sums of gradients. inputs are those of the chunk, and then the cached gradients of its
// embeddings. Its output is of no use to anyone.
func (t *chunkedStep) backGraph(scope *model.Scope, inputs []*graph.Node, task Task) []*graph.Node {
	g := inputs[0].Graph()
	t.store.SetTraining(g, true)
	n := len(inputs) - t.parts
	embeddings := task.Embed(scope, inputs[:n])
	var sum *graph.Node
	for i, e := range embeddings {
		part := graph.ReduceAllSum(graph.Mul(e, graph.StopGradient(inputs[n+i])))
		if i == 0 {
			sum = part
		} else {
			sum = graph.Add(sum, part)
		}
	}
	variables := trained(t.store, g)
	for i, gradient := range graph.Gradient(sum, nodes(variables, g)...) {
		addGradient(t.store, variables[i], gradient)
	}
	return []*graph.Node{sum}
}

// addGradient adds to the sum of v's gradients, which [chunkedStep.updateGraph] sets to zero. (Setting it here, without a use of
// its old value, makes the pure Go backend of compute v0.1.6 fail: a parameter that no output needs.)
func addGradient(store *model.Store, v *model.Variable, gradient *graph.Node) {
	total := state(store, v, gradientName)
	total.SetNodeValue(graph.Add(total.NodeValue(gradient), gradient))
}

// updateGraph steps along the sums of gradients and sets them to zero. It returns their norms.
func (t *chunkedStep) updateGraph(scope *model.Scope, hyper *graph.Node, task Task, cfg TrainConfig) (norms []*graph.Node) {
	g := hyper.Graph()
	var variables []*model.Variable
	for v := range t.store.IterVariables() {
		if v.Trainable && t.store.GetVariable(optimizerScope+v.Path()+"/"+gradientName) != nil {
			variables = append(variables, v)
		}
	}
	if len(variables) == 0 {
		panic(errNothingToTrain)
	}
	sortByPath(variables)
	var gradients []*graph.Node
	for _, v := range variables {
		total := state(t.store, v, gradientName)
		gradients = append(gradients, total.NodeValue(g))
		total.SetNodeValue(graph.ZerosLike(total.NodeValue(g)))
	}
	t.norms = nil
	for _, norm := range cfg.Optimizer.apply(t.store, variables, gradients, hyper, task.rules()) {
		t.norms, norms = append(t.norms, norm.Name), append(norms, norm.Value)
	}
	task.after(scope, hyper, cfg)
	return norms
}

func (t *chunkedStep) step(batch []*tensors.Tensor, hyper *tensors.Tensor) (outputs []*tensors.Tensor, err error) {
	rows := batch[0].Shape().Dim(0)
	if rows%t.chunks != 0 {
		return nil, fmt.Errorf("expected a batch that %d chunks share evenly, found %d rows", t.chunks, rows)
	}
	var pieces [][]*tensors.Tensor // [chunk][input]
	for c := range t.chunks {
		var piece []*tensors.Tensor
		for _, tensor := range batch {
			cut, err := rowsOf(tensor, c*rows/t.chunks, (c+1)*rows/t.chunks)
			if err != nil {
				return nil, err
			}
			piece = append(piece, cut)
		}
		pieces = append(pieces, piece)
	}
	random, err := t.randomState()
	if err != nil {
		return nil, err
	}
	embeddings, err := t.embedAll(pieces)
	if err != nil {
		return nil, err
	}
	compared, err := t.compare.Call(asAny(embeddings)...)
	if err != nil {
		return nil, err
	}
	scalars, cached := compared[:len(compared)-t.parts], compared[len(compared)-t.parts:]
	if err := t.store.GetVariable("/" + model.RNGStateVariableName).SetValue(random); err != nil {
		return nil, err
	}
	if err := t.backAll(pieces, cached); err != nil {
		return nil, err
	}
	norms, err := t.update.Call(hyper)
	if err != nil {
		return nil, err
	}
	return append(scalars, norms...), nil
}

// randomState is a copy of the random generator's state, from which (3) repeats the numbers of (1).
func (t *chunkedStep) randomState() (*tensors.Tensor, error) {
	value, err := t.store.GetVariable("/" + model.RNGStateVariableName).Value()
	if err != nil {
		return nil, err
	}
	return value.LocalClone()
}

// embedAll is part (1): the embeddings of the whole batch.
func (t *chunkedStep) embedAll(pieces [][]*tensors.Tensor) ([]*tensors.Tensor, error) {
	var parts [][]*tensors.Tensor // [embedding][chunk]
	for _, piece := range pieces {
		embeddings, err := t.embed.Call(asAny(piece)...)
		if err != nil {
			return nil, err
		}
		if parts == nil {
			parts = make([][]*tensors.Tensor, len(embeddings))
		}
		for i, e := range embeddings {
			parts[i] = append(parts[i], e)
		}
	}
	var whole []*tensors.Tensor
	for _, part := range parts {
		joined, err := joinRows(part)
		if err != nil {
			return nil, err
		}
		whole = append(whole, joined)
	}
	return whole, nil
}

// backAll is part (3), and frees the pieces.
func (t *chunkedStep) backAll(pieces [][]*tensors.Tensor, cached []*tensors.Tensor) error {
	rows := cached[0].Shape().Dim(0)
	for c, piece := range pieces {
		for _, gradient := range cached {
			cut, err := rowsOf(gradient, c*rows/t.chunks, (c+1)*rows/t.chunks)
			if err != nil {
				return err
			}
			piece = append(piece, cut)
		}
		done, err := t.back.Call(asAny(piece)...)
		if err != nil {
			return err
		}
		for _, tensor := range append(piece, done...) {
			tensor.MustFinalizeAll()
		}
	}
	for _, gradient := range cached {
		gradient.MustFinalizeAll()
	}
	return nil
}

func (t *chunkedStep) scalarNames() []string { return slices.Concat(t.names, t.norms) }

func (t *chunkedStep) close() {
	for _, exec := range []*model.Exec{t.embed, t.compare, t.back, t.update} {
		if exec != nil {
			exec.Finalize()
		}
	}
}

func asAny(list []*tensors.Tensor) []any {
	args := make([]any, len(list))
	for i, t := range list {
		args[i] = t
	}
	return args
}

// rowsOf is a copy of rows from..to of a tensor [N, ...].
func rowsOf(t *tensors.Tensor, from, to int) (*tensors.Tensor, error) {
	shape := t.Shape().Clone()
	n := shape.Dimensions[0]
	shape.Dimensions[0] = to - from
	out := tensors.FromShape(shape)
	err := t.ConstBytes(func(all []byte) {
		row := len(all) / n
		err := out.MutableBytes(func(data []byte) { copy(data, all[from*row:to*row]) })
		if err != nil {
			panic(err)
		}
	})
	return out, err
}

// joinRows puts tensors [n, ...] of one shape under each other and frees them.
func joinRows(parts []*tensors.Tensor) (*tensors.Tensor, error) {
	shape := parts[0].Shape().Clone()
	shape.Dimensions[0] *= len(parts)
	out := tensors.FromShape(shape)
	for i, part := range parts {
		err := part.ConstBytes(func(data []byte) {
			err := out.MutableBytes(func(all []byte) { copy(all[i*len(data):], data) })
			if err != nil {
				panic(err)
			}
		})
		if err != nil {
			return nil, err
		}
		part.MustFinalizeAll()
	}
	return out, nil
}
