package learning_test

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Small trainings, of seconds on the go backend.
var (
	smallLiT  = []string{"limit=320", "batch_size=32", "train.steps=60", "train.eval_every=30", "train.log_every=1", "final=false"}
	smallCLIP = []string{`model.vision={"height":32,"width":32,"patch":8,"vit":{"width":32,"layers":1,"heads":2},"mean":[0.5,0.5,0.5],"std":[0.25,0.25,0.25]}`,
		"batch_size=16", "limit=320", "eval_pairs=40", "train.steps=30", "train.eval_every=0", "train.optimizer.warmup_steps=5"}
)

func open(t *testing.T) *backend.Backend {
	t.Helper()
	return backendtest.Open(t, "go")
}

// train runs an experiment on Scenes and returns what the panel finds, and what was said to the person who waits.
func train(t *testing.T, b *backend.Backend, e experiments.Experiment, settings ...string) (found []learning.Finding, said string) {
	t.Helper()
	var messages bytes.Buffer
	opts := experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(t.TempDir(), "run"), Messages: &messages}
	for _, text := range settings {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	run, _, err := e.Start(context.Background(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	s, err := learning.SettingsOf(run.Manifest.Config)
	if err != nil {
		t.Fatal(err)
	}
	return learning.Look(steps, s).Findings, messages.String()
}

// about matches what a watcher says.
var about = regexp.MustCompile(`(nothing is learned|collapse\)|at its clamp|false negatives|is not trained)`)

// Runs that were made sick are found to be, each by its rule, and it is said once while they train. The healthy one is not.
func TestSickRuns(t *testing.T) {
	b := open(t)
	for _, c := range []struct {
		what, rule string
		experiment experiments.Experiment
		settings   []string
	}{
		{"healthy", "", contrastive.LiT(), nil},
		{"a learning rate of nothing", "chance", contrastive.LiT(), append(smallLiT, "train.optimizer.lr=1e-9")},
		{"a learning rate of 1", "collapse", contrastive.LiT(), append(smallLiT, "train.optimizer.lr=1")},
		{"a fixed temperature of 0.01", "clamp", demo.CLIP(), append(smallCLIP, "temperature=0.01", "learn_temperature=false")},
		{"captions without words", "duplicates", contrastive.LiT(), append(smallLiT, "token_dropout=0.999999")},
	} {
		found, said := train(t, b, c.experiment, c.settings...)
		var rules []string
		for _, f := range found {
			rules = append(rules, f.Rule)
		}
		if c.rule == "" {
			if len(found) > 0 || about.MatchString(said) {
				t.Errorf("%s: expected no finding, found %+v, said %q", c.what, found, said)
			}
			continue
		}
		if !strings.Contains(strings.Join(rules, " "), c.rule) {
			t.Errorf("%s: expected the rule %s, found %+v", c.what, c.rule, found)
		}
		n := 0
		for line := range strings.Lines(said) {
			if about.MatchString(line) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: expected one sentence to be said, found %d in %q", c.what, n, said)
		}
		t.Logf("%s: %+v", c.what, found)
	}
}

// A text tower whose gradient was stopped by mistake, which no setting can do, is found while the other tower learns.
func TestDeadTower(t *testing.T) {
	const pairs, side, words, steps = 8, 4, 3, 30
	b := open(t)
	store := model.NewStore()
	task := experiments.Task{
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			image := linear(scope.In("visual"), graph.Reshape(inputs[0], pairs, side))
			text := graph.StopGradient(linear(scope.In("text"), graph.Reshape(inputs[1], pairs, words)))
			loss, scale := clip.InfoNCELoss.Compare(scope, image, text)
			return loss, contrastive.BatchFigures(image, text, scale)
		},
		Tower: contrastive.Tower,
	}
	s := learning.Settings{Batch: pairs, EmbedDim: 5, Steps: steps, MinScale: 1, MaxScale: 100}
	var said []string
	w := learning.Watcher{Settings: s, Say: func(sentence string) { said = append(said, sentence) }}
	optimizer := experiments.DefaultAdamW()
	optimizer.WarmupSteps = 0
	_, err := experiments.Train(context.Background(), b, store, task, source{}, experiments.TrainConfig{Steps: steps, LogEvery: 1, Optimizer: optimizer},
		func(step experiments.Step) error {
			step.Scalars["step"], step.Scalars["loss"] = float64(step.Step), step.Loss
			w.See(step.Scalars)
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], "the texts' tower is not trained") {
		t.Errorf("expected one sentence about the texts' tower, found %q", said)
	}
}

// linear is a tower of one matrix.
func linear(scope *model.Scope, x *graph.Node) *graph.Node {
	w := scope.VariableWithValue("weight", [][]float32{{1, 2, -1, 0, 1}, {0, 1, 1, -2, 1}, {1, 0, 3, 1, -1}, {2, -1, 0, 1, 1}}[:x.Shape().Dim(1)])
	return clip.Normalize(graph.DotGeneral(x, []int{1}, nil, w.NodeValue(x), []int{0}, nil))
}

// source yields the same eight pairs again and again.
type source struct{}

func (source) Next(context.Context) ([]*tensors.Tensor, error) {
	var images, texts []float32
	for i := range 8 {
		for j := range 4 {
			images = append(images, float32((i*7+j*3)%5)-2)
		}
		for j := range 3 {
			texts = append(texts, float32((i*5+j*2)%7)-3)
		}
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(images, 8, 4), tensors.FromFlatDataAndDimensions(texts, 8, 3)}, nil
}
func (source) Waited() time.Duration { return 0 }
func (source) Epoch() int            { return 0 }
