package benchmark

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// HarnessCase asks what the harness costs: a decoder's training as part of a run, every step recorded, the bar drawn, checkpoints written,
// against a loop over the same compiled step with nothing around it.
type HarnessCase struct {
	Name  string            `json:"name"`
	Batch int               `json:"batch"`
	Steps int               `json:"steps"` // of a turn that are timed, behind the one that compiles
	Model captioning.Config `json:"model"`
}

// HarnessCases are a decoder of the usual size, whose steps take a tenth of a second, and a tiny one, whose steps take milliseconds.
func HarnessCases() []HarnessCase {
	small := captioning.Small(2500)
	small.Dropout = 0
	return []HarnessCase{{"decoder of the usual size", 16, 30, small}, {"tiny decoder", 16, 2000, captioning.Tiny(500)}}
}

// QuickHarnessCases test the machinery.
func QuickHarnessCases() []HarnessCase {
	return []HarnessCase{{"tiny decoder", 2, 5, captioning.Tiny(60)}}
}

// HarnessRow is what came out of a [HarnessCase]. Times are seconds.
type HarnessRow struct {
	HarnessCase
	Bare       Times      `json:"bare"`       // of a step
	Harness    Times      `json:"harness"`    // of a step
	Checkpoint float64    `json:"checkpoint"` // to write one, which is done once a minute, or so that it takes 2% of the time
	Share      float64    `json:"share"`      // by which the harness lengthens a step, checkpoints included: the median of turns, one after the other
	Range      [2]float64 `json:"range"`

	// Processor is the share in processor seconds, without checkpoints, which other work on the machine changes less; 0 where they are not known.
	Processor      float64    `json:"processor,omitempty"`
	ProcessorRange [2]float64 `json:"processor_range,omitempty"`
}

// turn is what a step took: seconds by the clock, and of processors.
type turn struct{ seconds, processor float64 }

// reading is a look at both clocks.
type reading struct {
	at   time.Time
	used float64
}

func look() reading {
	used, _ := experiments.Usage()
	return reading{time.Now(), used}
}

// since is what each of some steps took from begun to r.
func (r reading) since(begun reading, steps int) turn {
	return turn{r.at.Sub(begun.at).Seconds() / float64(steps), (r.used - begun.used) / float64(steps)}
}

// MeasureHarness runs all cases.
func MeasureHarness(ctx context.Context, b *backend.Backend, o Options, cases []HarnessCase) (rows []HarnessRow, err error) {
	bar := progress.New(o.Messages, "harness", int64(len(cases)*o.Rounds), progress.Options{})
	defer bar.Done()
	for _, c := range cases {
		row := HarnessRow{HarnessCase: c}
		var bare, harness, shares, processor []float64
		for range o.Rounds {
			alone, err := c.bare(ctx, b)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			within, checkpoint, err := c.harness(ctx, b)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			saving := checkpoint / 60
			bare, harness = append(bare, alone.seconds), append(harness, within.seconds)
			shares = append(shares, within.seconds/alone.seconds-1+min(saving, 0.02))
			if alone.processor > 0 {
				processor = append(processor, within.processor/alone.processor-1)
			}
			row.Checkpoint = max(row.Checkpoint, checkpoint)
			bar.Add(1)
		}
		row.Bare, row.Harness = timesOf(bare), timesOf(harness)
		share := timesOf(shares)
		row.Share, row.Range = share.Median, [2]float64{share.Min, share.Max}
		if len(processor) > 0 {
			p := timesOf(processor)
			row.Processor, row.ProcessorRange = p.Median, [2]float64{p.Min, p.Max}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// bare is what a step takes in a loop with nothing around it.
func (c HarnessCase) bare(ctx context.Context, b *backend.Backend) (turn, error) {
	var compiled reading
	err := experiments.Bare(ctx, b, model.NewStore(), c.task(), c.source(), c.train(), func() {
		if compiled.at.IsZero() {
			compiled = look()
		}
	})
	return look().since(compiled, c.Steps), err
}

// harness is what a step takes in a run, checkpoints aside, and the seconds of a checkpoint.
func (c HarnessCase) harness(ctx context.Context, b *backend.Backend) (step turn, checkpoint float64, err error) {
	dir, err := os.MkdirTemp("", "glimpse-harness-*")
	if err != nil {
		return turn{}, 0, err
	}
	defer os.RemoveAll(dir)
	e := experiments.New("benchmark", "", func(experiments.Form, backend.Kind) struct{} { return struct{}{} },
		func(ctx context.Context, env *experiments.Env, _ struct{}) (experiments.Result, error) {
			var compiled, last reading
			source := c.source()
			source.onNext = func(n int) {
				switch n {
				case 1: // the second batch is asked for: the first step is done
					compiled = look()
				case c.Steps:
					last = look()
				}
			}
			_, err := experiments.Fit(ctx, env, "decoder", model.NewStore(), c.task(), source, c.train(), nil)
			step = last.since(compiled, c.Steps-1)
			checkpoint = time.Since(last.at).Seconds() - step.seconds // the last step, and the one that is written at the end
			return experiments.Result{}, err
		})
	var bar strings.Builder
	_, _, err = e.Start(ctx, b, experiments.Options{Out: filepath.Join(dir, "run"), Messages: &bar})
	return step, checkpoint, err
}

// harnessGoal is by how much the harness may lengthen a step.
const harnessGoal = 0.03

// Line is a row of [Report.Table].
func (r HarnessRow) Line() string {
	line := fmt.Sprintf("harness, %s\tbatch %d\t%s a step\tbare %s\t%+.1f%% (%+.1f to %+.1f)\ta checkpoint %s", r.Name, r.Batch,
		milliseconds(r.Harness.Median), milliseconds(r.Bare.Median), 100*r.Share, 100*r.Range[0], 100*r.Range[1], milliseconds(r.Checkpoint))
	if r.Processor != 0 {
		line += fmt.Sprintf("\tprocessor %+.1f%% (%+.1f to %+.1f)", 100*r.Processor, 100*r.ProcessorRange[0], 100*r.ProcessorRange[1])
	}
	return line
}

// harnessPage is the part of docs/benchmarks.md about what a run costs beside its steps.
func harnessPage(rows []HarnessRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
## What the harness costs

A decoder's training as part of a run, every step recorded, its progress shown, its state written once a minute, against a loop over the same
compiled step that does nothing else, in turns. The goal is %.0f%% of a step's time at most.

| case | batch | in a run (range) | bare (range) | a checkpoint | the harness adds (range) | |
| --- | ---: | ---: | ---: | ---: | ---: | --- |
`, 100*harnessGoal)
	for _, r := range rows {
		verdict := "reached"
		if r.Share > harnessGoal {
			verdict = "missed"
		}
		fmt.Fprintf(&b, "| %s | %d | %s (%s–%s) | %s (%s–%s) | %s | **%+.1f%%** (%+.1f%% to %+.1f%%) | %s |\n", r.Name, r.Batch,
			milliseconds(r.Harness.Median), milliseconds(r.Harness.Min), milliseconds(r.Harness.Max),
			milliseconds(r.Bare.Median), milliseconds(r.Bare.Min), milliseconds(r.Bare.Max), milliseconds(r.Checkpoint),
			100*r.Share, 100*r.Range[0], 100*r.Range[1], verdict)
	}
	for i, r := range rows {
		if r.Processor == 0 {
			continue
		}
		if i == 0 {
			b.WriteString("\nIn processor seconds, without checkpoints, which other work on the machine changes less:\n\n")
		}
		fmt.Fprintf(&b, "- %s: **%+.1f%%** (%+.1f%% to %+.1f%%).\n", r.Name, 100*r.Processor, 100*r.ProcessorRange[0], 100*r.ProcessorRange[1])
	}
	return b.String()
}

func timesOf(turns []float64) Times {
	return Times{Turns: turns, Median: median(turns), Min: slices.Min(turns), Max: slices.Max(turns)}
}

func (c HarnessCase) train() experiments.TrainConfig {
	return experiments.TrainConfig{Steps: c.Steps + 1, LogEvery: 1, Optimizer: experiments.DefaultAdamW()}
}

func (c HarnessCase) task() experiments.Task {
	return experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		out := captioning.Decode(scope, c.Model, inputs[0], inputs[1])
		losses := captioning.Loss(c.Model, out, inputs[1], inputs[2])
		return losses.Total, []experiments.Metric{{Name: "cross_entropy", Value: losses.CrossEntropy}}
	}}
}

// repeated yields one batch again and again.
type repeated struct {
	batch  func() []*tensors.Tensor
	n      int
	onNext func(n int) // before batch n, from 0
}

func (c HarnessCase) source() *repeated {
	rng := rand.New(rand.NewPCG(3, 9))
	features := make([]float32, c.Batch*c.Model.Locations*c.Model.FeatureDim)
	for i := range features {
		features[i] = max(0, float32(rng.NormFloat64()))
	}
	captions, lengths := make([]int32, c.Batch*(c.Model.MaxLen+1)), make([]int32, c.Batch)
	for i := range captions {
		captions[i] = captioning.End + 1 + rng.Int32N(int32(c.Model.VocabSize)-captioning.End-1)
	}
	for i := range lengths {
		lengths[i] = int32(c.Model.MaxLen + 1)
	}
	return &repeated{batch: func() []*tensors.Tensor {
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(features, c.Batch, c.Model.Locations, c.Model.FeatureDim),
			tensors.FromFlatDataAndDimensions(captions, c.Batch, c.Model.MaxLen+1), tensors.FromFlatDataAndDimensions(lengths, c.Batch)}
	}}
}

func (s *repeated) Next(context.Context) ([]*tensors.Tensor, error) {
	if s.onNext != nil {
		s.onNext(s.n)
	}
	s.n++
	return s.batch(), nil
}

func (s *repeated) Waited() time.Duration                   { return 0 }
func (s *repeated) Epoch() int                              { return 0 }
func (s *repeated) SavePosition() (json.RawMessage, error)  { return json.Marshal(s.n) }
func (s *repeated) RestorePosition(p json.RawMessage) error { return json.Unmarshal(p, &s.n) }
