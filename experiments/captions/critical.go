package captions

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// Critical is self-critical training: "Self-critical Sequence Training for Image Captioning" (Rennie et al. 2017, arXiv
// 1612.00563). Captions are drawn from the decoder; those that score above the decoder's usual become likelier, the others less
// likely. The usual is the mean of the other captions of the same picture (Luo 2020, "A Better Variant of Self-Critical
// Sequence Training", arXiv 2003.09971), which costs no decoding of its own.
type Critical struct {
	BatchSize int `json:"batch_size"` // pictures
	Samples   int `json:"samples"`    // captions drawn of each, at least 2

	// OverBeam takes the captions that beam search finds, samples of each picture, in the place of drawn ones, and makes the
	// score that is expected among them larger: sum_k q_k score_k, q_k being p_k's share of their sum ("Minimum Risk Training for
	// Neural Machine Translation", Shen et al. 2016, arXiv 1512.02433, equation 9, with alpha = 1). Nothing is drawn, so that
	// there is far less noise in the gradient.
	OverBeam bool `json:"over_beam"`

	// Temperature T: what is drawn from and trained is p^(1/T). Captions at 1 are far from those that beam search finds, and
	// most of training goes into making the unlikely words unlikelier; below 1 it is about captions like those.
	Temperature float64 `json:"temperature"`

	// Dropout of the decoder while it learns from the scores. Captions are drawn without any, so that with it what is taught is not quite what
	// was drawn from.
	Dropout float64 `json:"dropout"`

	Train experiments.TrainConfig `json:"train"` // steps 0 for none
}

// endOfCaption stands for a caption's end in what is scored: without it nothing says that a caption may not end in "a".
const endOfCaption = "</s>"

// criticize goes on with c's weights.
func criticize(ctx context.Context, env *experiments.Env, cfg Config, c *captioner.Model, data *sets) (experiments.Trained, error) {
	source, err := newCritic(env, cfg, c, data)
	if err != nil {
		return experiments.Trained{}, err
	}
	defer source.close()
	pupil := *c
	pupil.Config.Dropout, pupil.Config.EmbedDropout, pupil.Config.FeatureDropout = cfg.Critical.Dropout, 0, 0
	rates, err := c.LearningRates(cfg.EncoderLR, cfg.LayerDecay)
	if err != nil {
		return experiments.Trained{}, err
	}
	task := experiments.Task{
		LR: rates,
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			losses, advantage, score := pupil.LossesAs(scope, inputs[:3], drawing(cfg)), inputs[3], inputs[4]
			reward := graph.Neg(graph.Div(graph.ReduceAllSum(graph.Mul(advantage, losses.PerExample)), graph.ReduceAllSum(losses.Steps)))
			if cfg.Critical.OverBeam {
				reward = expectedScore(losses.PerExample, score, cfg.Critical.Samples)
			}
			return graph.Neg(reward), []experiments.Metric{{Name: "reward", Value: graph.ReduceAllMean(score)}}
		},
		Evaluate: onDev(env, cfg, c, data),
		Figure:   devCIDEr,
	}
	return experiments.Fit(ctx, env, "self-critical", c.Store, task, source, cfg.Critical.Train, inWords)
}

// drawing is how captions are drawn, and what their scores are taught to.
func drawing(cfg Config) captioner.Writing {
	return captioner.Writing{Draw: true, Sample: captioning.SampleOptions{N: cfg.Critical.Samples, Temperature: cfg.Critical.Temperature}}
}

// expectedScore is the mean over pictures of sum_k q_k score_k, q_k being the share of p_k in the sum over a picture's n captions,
// for -log p and scores [N n], those of a picture side by side.
func expectedScore(surprise, score *graph.Node, n int) *graph.Node {
	share := graph.Softmax(graph.Neg(graph.Reshape(surprise, -1, n)), 1)
	return graph.ReduceAllMean(graph.ReduceSum(graph.Mul(share, graph.Reshape(score, -1, n)), 1))
}

// critic draws captions of batches of pictures and scores them: inputs, captions and lengths as [captioner.Model.Batch] has
// them, how much better each caption scored than its picture's others [N], and its score [N].
type critic struct {
	*datasets.Loader[*captioner.Item]
	c       *captioner.Model
	writer  *captioner.Writer
	targets []*metrics.Target // of every training picture
	samples int
	epoch   int
	calls   int64
	seed    int64
}

func newCritic(env *experiments.Env, cfg Config, c *captioner.Model, data *sets) (*critic, error) {
	s := &critic{c: c, seed: env.Seed, samples: cfg.Critical.Samples}
	var references [][]string
	for _, example := range data.train.Examples {
		references = append(references, withEnds(example.Captions))
	}
	frequencies := metrics.CountDocuments(references)
	for _, r := range references {
		s.targets = append(s.targets, frequencies.Target(r))
	}
	var err error
	how := drawing(cfg)
	if cfg.Critical.OverBeam {
		how.Draw, how.Beam = false, captioning.BeamOptions{K: cfg.Critical.Samples, NBest: cfg.Critical.Samples, LengthExponent: cfg.LengthNorm}
	}
	if s.writer, err = c.NewWriter(how, cfg.Critical.BatchSize); err != nil {
		return nil, err
	}
	s.Loader, err = datasets.NewLoader(len(data.train.Examples), datasets.LoaderConfig{
		BatchSize: cfg.Critical.BatchSize, Seed: uint64(env.Seed) + 1, Shuffle: true, DropLast: true,
	}, func(_ context.Context, i int, rng *rand.Rand) (*captioner.Item, error) {
		return &captioner.Item{Input: data.view(i, rng)}, nil
	})
	if err != nil {
		s.writer.Close()
	}
	return s, err
}

// withEnds tokenises captions and marks their ends.
func withEnds(captions []string) (out []string) {
	for _, caption := range captions {
		out = append(out, metrics.Tokenize(caption)+" "+endOfCaption)
	}
	return out
}

func (s *critic) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	s.epoch = batch.Epoch
	s.calls++
	var inputs [][]float32
	var keys []uint64
	for i, item := range batch.Items {
		inputs, keys = append(inputs, item.Input), append(keys, uint64(batch.Indices[i]))
	}
	drawn, err := s.writer.WriteInputs(inputs, keys, s.seed<<32+s.calls)
	if err != nil {
		return nil, err
	}
	var items []captioner.Item
	var advantages, scores []float32
	for i, captions := range drawn {
		for len(captions) < s.samples { // a beam that found fewer
			captions = append(captions, captions[len(captions)-1])
		}
		var own []float32
		for _, caption := range captions {
			items = append(items, captioner.Item{Input: inputs[i], IDs: append([]int32{captioning.Start}, caption.IDs...)})
			own = append(own, float32(s.targets[batch.Indices[i]].CIDErOfWords(s.words(caption))))
		}
		scores, advantages = append(scores, own...), append(advantages, aboveOthers(own)...)
	}
	tensorsOf, err := s.c.BatchUpTo(items, stepsFor(longest(items), s.c.Config.MaxLen))
	if err != nil {
		return nil, err
	}
	return append(tensorsOf, tensors.FromValue(advantages), tensors.FromValue(scores)), nil
}

// words are a caption's as the scores count them.
func (s *critic) words(caption captioning.Caption) []string {
	words := strings.Fields(metrics.Tokenize(strings.Join(s.c.Vocabulary.Decode(caption.IDs), " ")))
	if caption.Finished {
		words = append(words, endOfCaption)
	}
	return words
}

// aboveOthers is each score minus the mean of the others.
func aboveOthers(scores []float32) []float32 {
	sum := float32(0)
	for _, s := range scores {
		sum += s
	}
	out := make([]float32, len(scores))
	for i, s := range scores {
		out[i] = s - (sum-s)/float32(max(len(scores)-1, 1))
	}
	return out
}

// criticPosition is where the critic is. What it draws follows from that and the weights.
type criticPosition struct {
	Loader datasets.Position `json:"loader"`
	Epoch  int               `json:"epoch"`
	Calls  int64             `json:"calls"`
}

func (s *critic) SavePosition() (json.RawMessage, error) {
	return json.Marshal(criticPosition{s.Loader.Position(), s.epoch, s.calls})
}

func (s *critic) RestorePosition(position json.RawMessage) error {
	var at criticPosition
	if err := json.Unmarshal(position, &at); err != nil {
		return fmt.Errorf("expected the place of a source of drawn captions, found %q", position)
	}
	s.epoch, s.calls = at.Epoch, at.Calls
	return s.Loader.Restore(at.Loader)
}

func (s *critic) Epoch() int { return s.epoch }

func (s *critic) close() {
	s.Loader.Close()
	s.writer.Close()
}
