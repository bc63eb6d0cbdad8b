package benchmark

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// request is a line to a worker, of either side.
type request struct {
	Do        string       `json:"do"` // version, prepare, run or matmul
	Kind      Kind         `json:"kind,omitempty"`
	Config    *clip.Config `json:"config,omitempty"`
	Captioner *Captioner   `json:"captioner,omitempty"`
	Weights   string       `json:"weights,omitempty"` // path of a safetensors file, with OpenAI's names for a CLIP
	Inputs    string       `json:"inputs,omitempty"`  // path of images [N, 3, H, W] and text_ids [N, L], or what a captioner reads
	Threads   int          `json:"threads,omitempty"`
	Times     int          `json:"times,omitempty"`
	Size      int          `json:"size,omitempty"`   // of the matrices, or how many pictures to find or to describe
	Chunks    int          `json:"chunks,omitempty"` // of a training step
	Batch     int          `json:"batch,omitempty"`  // pictures that are written about at a time
}

// answer is a line from a worker.
type answer struct {
	Error   string    `json:"error,omitempty"`
	Version string    `json:"version,omitempty"`
	Output  []float64 `json:"output,omitempty"`  // the first embedding, or the loss
	Seconds []float64 `json:"seconds,omitempty"` // of each call
}

// Serve is our side's worker: it reads requests and writes answers, a JSON object a line, until the end of in.
func Serve(ctx context.Context, b *backend.Backend, in io.Reader, out io.Writer) error {
	w := &worker{ctx: ctx, backend: b}
	defer w.close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("expected a request as JSON: %w", err)
		}
		a, err := w.do(r)
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := json.NewEncoder(out).Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

type worker struct {
	ctx     context.Context
	backend *backend.Backend
	call    func() ([]float64, error)
	close_  func()
}

func (w *worker) close() {
	if w.close_ != nil {
		w.close_()
	}
}

func (w *worker) do(r request) (answer, error) {
	switch r.Do {
	case "version":
		return answer{Version: strings.TrimSpace(string(w.backend.Kind) + " " + w.backend.Version)}, nil
	case "prepare":
		began := time.Now()
		output, err := w.prepare(r)
		return answer{Output: output, Seconds: []float64{time.Since(began).Seconds()}}, err
	case "run":
		return timed(r.Times, func() error { _, err := w.call(); return err })
	case "matmul":
		return w.matmul(r)
	}
	return answer{}, fmt.Errorf("expected version, prepare, run or matmul, found %q", r.Do)
}

func timed(times int, call func() error) (answer, error) {
	var a answer
	for range times {
		start := time.Now()
		if err := call(); err != nil {
			return a, err
		}
		a.Seconds = append(a.Seconds, time.Since(start).Seconds())
	}
	return a, nil
}

// prepare loads the model and compiles the case: the first call does.
func (w *worker) prepare(r request) ([]float64, error) {
	switch r.Kind {
	case Search:
		return w.prepareSearch(r)
	case CaptionTraining:
		return w.prepareCaptionTraining(r)
	case Writing:
		return w.prepareWriting(r)
	}
	load := clip.LoadFrozen
	if r.Kind == Training {
		load = clip.Load
	}
	m, err := load(filepath.Dir(r.Weights))
	if err != nil {
		return nil, err
	}
	in, err := safetensors.Load(r.Inputs)
	if err != nil {
		return nil, err
	}
	images, shape, err := in.Float32s("images")
	if err != nil {
		return nil, err
	}
	ids, idsShape, err := in.Int32s("text_ids")
	if err != nil {
		return nil, err
	}
	n, length := shape[0], idsShape[1]
	images = channelsLast(images, n, shape[2]*shape[3])
	w.close_ = m.Close
	switch r.Kind {
	case Images:
		rows := split(images, n)
		w.call = func() ([]float64, error) { return first(m.EncodeImages(w.backend.Backend, rows)) }
	case Texts:
		rows := split(ids, n)
		w.call = func() ([]float64, error) { return first(m.EncodeTokens(w.backend.Backend, rows)) }
	default:
		w.call = w.training(m, images, ids, n, length, r.Chunks)
	}
	return w.call()
}

// channelsLast turns pictures [N, 3, positions] into [N, positions, 3].
func channelsLast(x []float32, n, positions int) []float32 {
	out := make([]float32, len(x))
	for i := range n {
		for c := range 3 {
			for p := range positions {
				out[(i*positions+p)*3+c] = x[(i*3+c)*positions+p]
			}
		}
	}
	return out
}

// split cuts a flat array into n rows.
func split[T any](flat []T, n int) [][]T {
	rows := make([][]T, n)
	for i := range rows {
		rows[i] = flat[i*len(flat)/n : (i+1)*len(flat)/n]
	}
	return rows
}

func first(rows [][]float32, err error) ([]float64, error) {
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(rows[0]))
	for i, v := range rows[0] {
		out[i] = float64(v)
	}
	return out, nil
}

// errEnough ends a training that waits for its next batch.
var errEnough = errors.New("no more steps are wanted")

// steps hands the same batch to the training function whenever a step is wanted.
type steps struct {
	wanted chan struct{}
	batch  func() []*tensors.Tensor
}

func (s *steps) Next(context.Context) ([]*tensors.Tensor, error) {
	if _, ok := <-s.wanted; !ok {
		return nil, errEnough
	}
	return s.batch(), nil
}
func (s *steps) Waited() time.Duration { return 0 }
func (s *steps) Epoch() int            { return 0 }

// training prepares the training of a CLIP; every call is one step and returns its loss.
func (w *worker) training(m *clip.Model, images []float32, ids []int32, n, length, chunks int) func() ([]float64, error) {
	v := m.Config.Vision
	batch := func() []*tensors.Tensor {
		return []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(images, n, v.Height, v.Width, 3),
			tensors.FromFlatDataAndDimensions(ids, n, length),
		}
	}
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		loss, _ := m.Loss(scope, inputs[0], inputs[1])
		return loss, nil
	}}
	if chunks > 0 {
		task = chunkedTask(m)
	}
	step := w.train(m.Store, task, chunks, batch)
	return func() ([]float64, error) {
		s, err := step()
		return []float64{s.Loss}, err
	}
}

// train runs the lab's own training function beside the worker; every call is one step on the same batch.
func (w *worker) train(store *model.Store, task experiments.Task, chunks int, batch func() []*tensors.Tensor) func() (experiments.Step, error) {
	source := &steps{wanted: make(chan struct{}), batch: batch}
	task.Decay = func(string) bool { return true } // as PyTorch's AdamW
	cfg := experiments.TrainConfig{Steps: 1 << 30, LogEvery: 1, Chunks: chunks, Optimizer: experiments.DefaultAdamW()}
	cfg.Optimizer.LR, cfg.Optimizer.WeightDecay, cfg.Optimizer.WarmupSteps = 1e-4, 0.1, 0
	done := make(chan experiments.Step)
	ended := make(chan error, 1)
	go func() {
		_, err := experiments.Train(w.ctx, w.backend, store, task, source, cfg, func(s experiments.Step) error {
			done <- s
			return nil
		})
		ended <- err
	}()
	w.close_ = func() { close(source.wanted); <-ended }
	return func() (experiments.Step, error) {
		select {
		case source.wanted <- struct{}{}:
		case err := <-ended:
			return experiments.Step{}, err
		}
		select {
		case s := <-done:
			return s, nil
		case err := <-ended:
			return experiments.Step{}, err
		}
	}
}

// chunkedTask is the same training with its loss in two halves.
func chunkedTask(m *clip.Model) experiments.Task {
	return experiments.Task{
		Embed: func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			c := m.Config
			return []*graph.Node{
				clip.Normalize(clip.EncodeImage(scope, c.Vision, c.EmbedDim, inputs[0])),
				clip.Normalize(clip.EncodeText(scope, c.Text, c.EmbedDim, inputs[1])),
			}
		},
		Compare: func(scope *model.Scope, e []*graph.Node) (*graph.Node, []experiments.Metric) {
			return clip.InfoNCE(clip.Logits(e[0], e[1], clip.LogitScale(scope, e[0]))), nil
		},
	}
}

// matmul times products of two square matrices.
func (w *worker) matmul(r request) (answer, error) {
	exec, err := graph.NewExec(w.backend.Backend, func(a, b *graph.Node) *graph.Node { return graph.ReduceAllMax(graph.MatMul(a, b)) })
	if err != nil {
		return answer{}, err
	}
	defer exec.Finalize()
	values := make([]float32, r.Size*r.Size)
	for i := range values {
		values[i] = float32(i%17) - 8
	}
	a, b := tensors.FromFlatDataAndDimensions(values, r.Size, r.Size), tensors.FromFlatDataAndDimensions(values, r.Size, r.Size)
	return timed(r.Times, func() error {
		out, err := exec.Call1(a, b)
		if err == nil {
			out.MustFinalizeAll()
		}
		return err
	})
}
