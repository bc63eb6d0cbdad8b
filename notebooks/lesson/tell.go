package lesson

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// ShowAndTellRun is the training of a small Show and Tell on scenes of one thing or two, with its loss as a curve below the cell: half a
// minute, or one that an earlier cell made.
func ShowAndTellRun() *experiments.Run {
	run, _ := TrainLive(Backend(), telling(), decoding("tell"), LossCurve)
	return run
}

// ShowAndTell opens the captioner of [ShowAndTellRun], which it trains when there is none.
func ShowAndTell() *captioner.Model { return openTelling("tell") }

// AttendingTwin opens a captioner with attention that was trained as [ShowAndTell]'s was: the same scenes, network for pictures, sizes,
// steps and learning rate. It takes half a minute more where there is none.
func AttendingTwin() *captioner.Model { return openTelling("attend") }

func decoding(decoder string) experiments.Options {
	folder := Try(ownFolder("clip"))
	Try(openOrTrainCLIP(context.Background(), Backend(), folder, os.Stdout)).Close()
	return experiments.Options{Form: experiments.Quick, Seed: 1, Overrides: []experiments.Override{
		{Key: "decoder", Value: decoder}, {Key: "encoder", Value: "clip:" + filepath.Join(folder, "model")},
	}}
}

func openTelling(decoder string) *captioner.Model {
	b := Backend()
	run, _, err := Train(b, telling(), decoding(decoder))
	Check(err)
	return Try(captioner.Open(context.Background(), b, run.Path("model")))
}

// TellingScene is one of the scenes that [ShowAndTell]'s captioner has never seen, of so many things: 1 or 2.
func TellingScene(things, which int) datasets.Example {
	return tellingScenes(things, which+1).At(which)
}

// tellingScenes are n scenes of so many things that no captioner of these has seen.
func tellingScenes(things, n int) *scenes.Scenes {
	config := tellingDefaults(experiments.Quick, backend.Go)
	return Try(oneOrTwo(config.Size, things, things, 1, scenes.Test, n))
}

// Foretold is one step of a decoder that reads a caption of somebody else's: teacher forcing.
type Foretold struct {
	Read string
	Next string    // the word that follows in the caption
	P    float64   // its probability
	Best string    // the likeliest word
	H    []float64 // the LSTM's output
}

// Foretell has Show and Tell read a caption of the picture word by word, and says what it thought of each next one.
func Foretell(c *captioner.Model, picture image.Image, caption string) (steps []Foretold) {
	ids, _ := c.Vocabulary.Encode(captioning.Tokenize(caption), c.Config.MaxLen)
	batch := Try(c.Batch([]captioner.Item{{Input: Try(c.Inputs([]image.Image{picture}))[0], IDs: ids}}))
	exec := Try(model.NewExec(c.Backend(), c.Store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		mean := graph.ReduceMean(c.Features(scope, in[0]), 1)
		out := captioning.DecodeShowAndTell(scope.At("decoder"), ShowAndTellOf(c), mean, in[1])
		return []*graph.Node{graph.Softmax(out.Logits, 2), out.H}
	}))
	defer exec.Finalize()
	values := Try(exec.Call(batch[0], batch[1]))
	p, h := Try(tensors.CopyFlatData[float32](values[0])), Try(tensors.CopyFlatData[float32](values[1]))
	V, H := c.Config.VocabSize, c.Config.Hidden
	for t := range len(ids) - 1 {
		row := p[t*V : (t+1)*V]
		step := Foretold{Read: c.Vocabulary.Word(ids[t]), Next: c.Vocabulary.Word(ids[t+1]), P: float64(row[ids[t+1]])}
		step.Best = c.Vocabulary.Word(int32(Largest(row, 1)[0]))
		for _, x := range h[t*H : (t+1)*H] {
			step.H = append(step.H, float64(x))
		}
		steps = append(steps, step)
	}
	return steps
}

// ShowAndTellOf are the sizes of a captioner that is Show and Tell's.
func ShowAndTellOf(c *captioner.Model) captioning.ShowAndTellConfig {
	return captioning.ShowAndTellConfig{VocabSize: c.Config.VocabSize, EmbedDim: c.Config.EmbedDim, Hidden: c.Config.Hidden,
		FeatureDim: c.Config.FeatureDim, Dropout: c.Config.Dropout, MaxLen: c.Config.MaxLen}
}

// Told are captions of drawn scenes, which can be held against the truth.
type Told struct {
	Examples []datasets.Example
	Captions []captioner.Described
	Scenes   []scenes.Scene
}

// Tell has a captioner write about n scenes of so many things that it has never seen, one caption of each. The zero Writing is greedy.
func Tell(c *captioner.Model, things, n int, how captioner.Writing) *Told {
	set := tellingScenes(things, n)
	t := &Told{}
	var pictures []image.Image
	for i := range n {
		t.Examples, t.Scenes = append(t.Examples, set.At(i)), append(t.Scenes, set.Scene(i))
		pictures = append(pictures, t.Scenes[i].Image())
	}
	for _, found := range Write(c, how, pictures...) {
		t.Captions = append(t.Captions, found[0])
	}
	return t
}

// MeanLoss is how surprised the captioner is by the words of the true sentences of n such scenes, in nats a word.
func MeanLoss(c *captioner.Model, things, n int) stats.Mean {
	prepared, _, err := c.Prepare(context.Background(), &experiments.Env{Messages: io.Discard}, tellingScenes(things, n))
	Check(err)
	return Try(c.HeldOutLoss(context.Background(), prepared)).Loss
}

// Write has a captioner write about pictures in a way of one's own, each picture's captions in a list, the best first.
func Write(c *captioner.Model, how captioner.Writing, pictures ...image.Image) [][]captioner.Described {
	how.Beam.K = max(how.Beam.K, 1)
	writer := Try(c.NewWriter(how, min(len(pictures), 20)))
	defer writer.Close()
	return Try(writer.Write(pictures))
}

// Sentence is a caption as one text.
func Sentence(d captioner.Described) string { return strings.Join(d.Words, " ") }

// Distinct is how many different captions there are.
func (t *Told) Distinct() int {
	different := map[string]bool{}
	for _, d := range t.Captions {
		different[Sentence(d)] = true
	}
	return len(different)
}

// Scored are the captions with what people's sentences they are scored against: each its own picture's, or those of the picture that lies
// shift pictures further on.
func (t *Told) Scored(shift int) (pictures []metrics.Picture) {
	for i, d := range t.Captions {
		pictures = append(pictures, captioner.Picture(t.Examples[(i+shift)%len(t.Examples)], Sentence(d)))
	}
	return pictures
}

// Slip is a caption with a slip in it: its first shape is another one.
func Slip(caption string) string {
	words := strings.Fields(caption)
	for i, word := range words {
		if k := slices.Index(scenes.Shapes(), scenes.Shape(word)); k >= 0 {
			words[i] = string(scenes.Shapes()[(k+1)%len(scenes.Shapes())])
			break
		}
	}
	return strings.Join(words, " ")
}

// PrintForetold prints what a decoder thought of a caption that it read.
func PrintForetold(steps []Foretold) (logP float64) {
	fmt.Printf("%-4s %-10s %-10s %6s %8s  %s\n", "step", "reads", "next is", "p", "-log p", "it would say")
	for i, s := range steps {
		fmt.Printf("%-4d %-10s %-10s %6.3f %8.3f  %s\n", i+1, s.Read, s.Next, s.P, -math.Log(s.P), s.Best)
		logP += math.Log(s.P)
	}
	return logP
}
