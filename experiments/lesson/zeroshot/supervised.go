package zeroshot

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/parallel"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// supervised is CLIP's image tower with a projection onto the classes in the place of that into the space shared with texts.
type supervised struct {
	store   *model.Store
	shaped  *clip.Model // for its configuration and how it prepares pictures; its weights are not used
	classes []string
}

// logits of pictures [N, H, W, 3]: [N, classes].
func (s *supervised) logits(scope *model.Scope, pictures *graph.Node) *graph.Node {
	return clip.EncodeImage(scope, s.shaped.Config.Vision, len(s.classes), pictures)
}

// loss is the mean cross-entropy of logits [N, classes] and labels [N, classes], which are 1 at the class and else 0. A scalar in nats.
func loss(logits, labels *graph.Node) *graph.Node {
	peak := graph.StopGradient(graph.ReduceAndKeep(logits, graph.ReduceMax, -1))
	shifted := graph.Sub(logits, peak)
	own := graph.ReduceSum(graph.Mul(labels, shifted), -1)
	return graph.ReduceAllMean(graph.Sub(graph.Log(graph.ReduceSum(graph.Exp(shifted), -1)), own))
}

// supervise trains the tower on the labels of the pictures whose titles CLIP was trained on, and measures it.
func (r *Report) supervise(ctx context.Context, env *experiments.Env, cfg Config, p *contrastive.Titled) error {
	shaped, err := p.New(env)
	if err != nil {
		return err
	}
	s := &supervised{store: model.NewStore(), shaped: shaped}
	s.store.SetParam("/"+nn.SeedParam, env.Seed)
	var labelled []int // among the training pictures
	for i := range p.Train().Len() {
		if class := p.Class(p.Train().At(i)); class != "" {
			labelled = append(labelled, i)
			if !slices.Contains(s.classes, class) {
				s.classes = append(s.classes, class)
			}
		}
	}
	slices.Sort(s.classes)
	r.Labelled = len(labelled)
	src, err := s.newSource(p, labelled, cfg.Products.BatchSize, env.Seed)
	if err != nil {
		return err
	}
	defer src.Close()
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		return loss(s.logits(scope, inputs[0]), inputs[1]), nil
	}}
	if _, err := experiments.Fit(ctx, env, "trained on labels", s.store, task, src, cfg.Supervised, func(map[string]float64) string { return "" }); err != nil {
		return err
	}
	tower := shaped.Config
	tower.EmbedDim = len(s.classes)
	r.Weights.Supervised = tower.Counts().Image
	r.Supervised, err = s.accuracy(ctx, env, p)
	return err
}

// accuracy is that on the held-out pictures of the classes.
func (s *supervised) accuracy(ctx context.Context, env *experiments.Env, p *contrastive.Titled) (stats.Proportion, error) {
	var of, labels []int
	for i := range p.HeldOut().Len() {
		if class := p.Class(p.HeldOut().At(i)); class != "" {
			of, labels = append(of, i), append(labels, slices.Index(s.classes, class)) // -1 for one that training never had: always wrong
		}
	}
	prepared, errs := parallel.Map(ctx, len(of), func(i int) ([]float32, error) {
		img, err := p.HeldOut().At(of[i]).Open()
		if err != nil {
			return nil, err
		}
		return s.shaped.Preprocess(img)
	})
	for i, err := range errs {
		if err != nil {
			return stats.Proportion{}, fmt.Errorf("%s: %w", p.HeldOut().At(of[i]).ID, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return stats.Proportion{}, err
	}
	exec, err := model.NewExec(env.Backend.Backend, s.store, s.logits)
	if err != nil {
		return stats.Proportion{}, err
	}
	defer exec.Finalize()
	const batch = 100 // of one size but the last, so that little is compiled
	hits, v := 0, s.shaped.Config.Vision
	for from := 0; from < len(prepared); from += batch {
		to := min(from+batch, len(prepared))
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(slices.Concat(prepared[from:to]...), to-from, v.Height, v.Width, 3))
		if err != nil {
			return stats.Proportion{}, fmt.Errorf("cannot classify: %w", err)
		}
		for i, predicted := range clip.Predicted(out.Value().([][]float32)) {
			if predicted == labels[from+i] {
				hits++
			}
		}
		out.FinalizeAll()
	}
	return stats.NewProportion(hits, len(labels)), nil
}

// example is a picture [H, W, 3] as training sees it, and its class.
type example struct {
	pixels []float32
	class  int
}

// source yields batches of pictures [N, H, W, 3] and labels [N, classes].
type source struct {
	*datasets.Loader[example]
	s     *supervised
	epoch int
}

func (s *supervised) newSource(p *contrastive.Titled, labelled []int, batch int, seed int64) (*source, error) {
	v := s.shaped.Config.Vision
	load := func(_ context.Context, i int, rng *rand.Rand) (example, error) {
		at := labelled[i]
		pixels := s.shaped.Normalize(p.Config.Augment.Apply(p.Pictures()[at], v.Width, v.Height, rng))
		return example{pixels, slices.Index(s.classes, p.Class(p.Train().At(at)))}, nil
	}
	loader, err := datasets.NewLoader(len(labelled), datasets.LoaderConfig{BatchSize: batch, Seed: uint64(seed), Shuffle: true, DropLast: true}, load)
	return &source{Loader: loader, s: s}, err
}

func (s *source) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	s.epoch = batch.Epoch
	n, v, classes := len(batch.Items), s.s.shaped.Config.Vision, len(s.s.classes)
	var pixels []float32
	labels := make([]float32, n*classes)
	for i, e := range batch.Items {
		pixels = append(pixels, e.pixels...)
		labels[i*classes+e.class] = 1
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(pixels, n, v.Height, v.Width, 3), tensors.FromFlatDataAndDimensions(labels, n, classes)}, nil
}

// SavePosition says where the source is, and RestorePosition goes back there.
func (s *source) SavePosition() (json.RawMessage, error) { return s.Loader.SavePosition() }

// RestorePosition goes to a place that SavePosition gave.
func (s *source) RestorePosition(position json.RawMessage) error {
	return s.Loader.RestorePosition(position)
}

// Epoch is how often every picture has been seen.
func (s *source) Epoch() int { return s.epoch }
