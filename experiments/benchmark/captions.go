package benchmark

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// What is done with a captioner.
const (
	CaptionTraining Kind = "caption training" // one step of AdamW on pictures and their captions
	Writing         Kind = "writing"          // beam search
)

// Captioner says which captioner is built: a Show, Attend and Tell decoder, and a small network in front of it that is trained
// with it, or none, when it reads features.
type Captioner struct {
	CNN     *captioning.CNNConfig `json:"cnn,omitempty"`
	Decoder captioning.Config     `json:"decoder"`
	Beam    int                   `json:"beam,omitempty"` // hypotheses of the search
}

// CaptionCase is one row of the page's section on captioning.
type CaptionCase struct {
	Name  string    `json:"name"`
	Kind  Kind      `json:"kind"`
	Batch int       `json:"batch"` // pictures of a training step, or that our side writes about at a time
	Goal  float64   `json:"goal"`  // PyTorch's time over ours to aim for; 0 for none
	Write [2]int    `json:"write"` // pictures that a call of our side and of PyTorch's writes about
	Model Captioner `json:"model"`
}

// CaptionCases are what the page asks for: training on small pictures, training on frozen features as with Flickr8k, and beam
// search over a thousand pictures.
func CaptionCases() []CaptionCase {
	small := captioning.Small(2500)
	small.Dropout = 0 // random numbers differ
	cnn := captioning.CNNConfig{Size: 64, Channels: []int{32, 64, 64}, Groups: 8}
	trained := small
	trained.Locations, trained.FeatureDim = cnn.Locations(), cnn.FeatureDim()
	frozen := small
	frozen.EmbedDim, frozen.Hidden, frozen.MaxLen, frozen.Lambda = 300, 512, 20, 0.01
	written := frozen
	written.MaxLen = 12 // words, about as many as people write
	return []CaptionCase{
		{"captioner, training step", CaptionTraining, 32, 2, [2]int{}, Captioner{CNN: &cnn, Decoder: trained}},
		{"decoder on frozen features, training step", CaptionTraining, 64, 0, [2]int{}, Captioner{Decoder: frozen}},
		{"beam search, k = 5", Writing, 32, 2, [2]int{1000, 50}, Captioner{Decoder: written, Beam: 5}},
	}
}

// QuickCaptionCases have the same forms in seconds: they test the machinery.
func QuickCaptionCases() []CaptionCase {
	tiny := captioning.Tiny(60)
	cnn := captioning.CNNConfig{Size: 16, Channels: []int{8, 32}, Groups: 4}
	return []CaptionCase{
		{"tiny captioner, training step", CaptionTraining, 2, 0, [2]int{}, Captioner{CNN: &cnn, Decoder: tiny}},
		{"tiny decoder, training step", CaptionTraining, 2, 0, [2]int{}, Captioner{Decoder: tiny}},
		{"tiny beam search", Writing, 2, 0, [2]int{6, 3}, Captioner{Decoder: tiny, Beam: 3}},
	}
}

// CaptionRow is what came out of a [CaptionCase]; times are those of a step, or of writing about one picture.
type CaptionRow struct {
	CaptionCase
	Comparison
	Operations float64 `json:"operations"` // of a training step's products; 0 where they are not counted
	Share      float64 `json:"share"`      // of Peak that ours reaches with them
	PeerShare  float64 `json:"peer_share"`
}

// MeasureCaptions runs all cases.
func MeasureCaptions(ctx context.Context, o Options, cases []CaptionCase) (rows []CaptionRow, versions [2]string, err error) {
	dir, err := os.MkdirTemp("", "glimpse-captions-*")
	if err != nil {
		return nil, versions, fmt.Errorf("cannot make a folder for the weights: %w", err)
	}
	defer os.RemoveAll(dir)
	bar := progress.New(o.Messages, "benchmark", int64(len(cases)*(o.Rounds+1)), progress.Options{})
	defer bar.Done()
	for i, c := range cases {
		bar.Describe("benchmark: " + c.Name)
		sides, words, err := c.files(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return nil, versions, fmt.Errorf("%s: %w", c.Name, err)
		}
		row := CaptionRow{CaptionCase: c}
		row.Comparison, versions, err = o.compare(ctx, sides, func(round int) { bar.Set(int64(i*(o.Rounds+1) + round)) })
		if err != nil {
			return nil, versions, fmt.Errorf("%s: %w", c.Name, err)
		}
		row.weigh(words)
		rows = append(rows, row)
		bar.Set(int64((i + 1) * (o.Rounds + 1)))
		if o.Each != nil {
			o.Each(row.Line())
		}
	}
	return rows, versions, nil
}

// weigh holds a training step's operations against the time and the peak.
func (r *CaptionRow) weigh(words int) {
	if r.Kind == CaptionTraining {
		r.Operations = r.trainingOperations(words)
		r.Share, r.PeerShare = r.Operations/r.Ours.Median/r.Peak, r.Operations/r.Peer.Median/r.Peak
	}
}

// files writes weights and inputs, and returns what both sides are asked to prepare, and how many words of the captions count.
func (c CaptionCase) files(dir string) (sides [2]contestant, words int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sides, 0, err
	}
	rng := rand.New(rand.NewPCG(1, uint64(c.Batch)))
	weights, inputs := filepath.Join(dir, "weights.safetensors"), filepath.Join(dir, "inputs.safetensors")
	if err := safetensors.Write(weights, c.weights(rng), nil); err != nil {
		return sides, 0, err
	}
	all := c.inputs(rng)
	if words, err = wordsThatCount(all); err != nil {
		return sides, 0, err
	}
	if err := safetensors.Write(inputs, all, nil); err != nil {
		return sides, 0, err
	}
	for i := range sides {
		sides[i] = contestant{request{Do: "prepare", Kind: c.Kind, Captioner: &c.Model, Weights: weights, Inputs: inputs,
			Threads: runtime.NumCPU(), Size: c.Write[i], Batch: c.Batch}, max(c.Write[i], 1)}
	}
	return sides, words, nil
}

// weights are random ones with the names of [captioning.Config.WeightShapes], the network's with "cnn." before them.
func (c CaptionCase) weights(rng *rand.Rand) map[string]safetensors.Tensor {
	shapes := c.Model.Decoder.WeightShapes()
	if cnn := c.Model.CNN; cnn != nil {
		in := 3
		for i, out := range cnn.Channels {
			stage := fmt.Sprintf("cnn.stage%d.", i)
			shapes[stage+"conv.weight"] = []int{out, in, 3, 3}
			shapes[stage+"norm.weight"], shapes[stage+"norm.bias"] = []int{out}, []int{out}
			in = out
		}
	}
	all := map[string]safetensors.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		size, shape := 1, shapes[name]
		for _, d := range shape {
			size *= d
		}
		values, bound := make([]float32, size), 1/math.Sqrt(float64(size/shape[0]))
		if strings.HasPrefix(name, "out.") {
			bound *= 8 // as far as a trained decoder's words lie apart
		}
		for i := range values {
			values[i] = float32(bound * (2*rng.Float64() - 1))
		}
		if name == "out.bias" && c.Kind == Writing {
			values[captioning.End] = -100 // no caption ends before it is as long as it may be
		}
		all[name] = safetensors.FromFloat32s(values, shape...)
	}
	return all
}

// inputs are pictures, or features as after a ReLU, and for training captions of different lengths.
func (c CaptionCase) inputs(rng *rand.Rand) map[string]safetensors.Tensor {
	d, n := c.Model.Decoder, max(c.Batch, c.Write[0])
	all := map[string]safetensors.Tensor{}
	numbers := func(least float32, dims ...int) safetensors.Tensor {
		size := 1
		for _, d := range dims {
			size *= d
		}
		values := make([]float32, size)
		for i := range values {
			values[i] = max(least, float32(rng.NormFloat64()))
		}
		return safetensors.FromFloat32s(values, dims...)
	}
	if cnn := c.Model.CNN; cnn != nil {
		all["images"] = numbers(float32(math.Inf(-1)), n, 3, cnn.Size, cnn.Size)
	} else {
		all["features"] = numbers(0, n, d.Locations, d.FeatureDim)
	}
	if c.Kind == CaptionTraining {
		T := d.MaxLen + 1
		captions, lengths := make([]int32, n*T), make([]int32, n)
		for i := range lengths {
			lengths[i] = int32(T - rng.IntN(T/2))
			words := captions[i*T:][:lengths[i]]
			for t := range words {
				words[t] = captioning.End + 1 + int32(rng.IntN(d.VocabSize-int(captioning.End)-1))
			}
			words[0], words[len(words)-1] = captioning.Start, captioning.End
		}
		all["captions"], all["lengths"] = safetensors.FromInt32s(captions, n, T), safetensors.FromInt32s(lengths, n)
	}
	return all
}

// Line is a row of [Report.Table].
func (r CaptionRow) Line() string {
	share := ""
	if r.Operations > 0 {
		share = fmt.Sprintf("%.0f%% of the peak (PyTorch %.0f%% of %.0f GFLOP/s)", 100*r.Share, 100*r.PeerShare, r.Peak/1e9)
	}
	return fmt.Sprintf("%s\tbatch %d\t%s a %s\tPyTorch %s\tratio %.2f (%.2f-%.2f)\t%s\t%s\tPyTorch %s", r.Name, r.Batch, milliseconds(r.Ours.Median), r.unit(),
		milliseconds(r.Peer.Median), r.Ratio, r.RatioRange[0], r.RatioRange[1], share, megabytes(r.Ours.PeakMemory), megabytes(r.Peer.PeakMemory))
}

// unit is what the times of a row are times of.
func (c CaptionCase) unit() string {
	if c.Kind == Writing {
		return "picture"
	}
	return "step"
}

// perSecond is how many pictures a side learns from, or writes about, in a second.
func (c CaptionCase) perSecond(t Times) float64 {
	if c.Kind == Writing {
		return 1 / t.Median
	}
	return float64(c.Batch) / t.Median
}

// verdict holds a row against its goal.
func (r CaptionRow) verdict() string {
	switch {
	case r.Goal == 0:
		return "no goal"
	case r.Ratio >= r.Goal:
		return fmt.Sprintf("reached: %.2f times PyTorch's throughput (goal %.0f)", r.Ratio, r.Goal)
	}
	return fmt.Sprintf("missed: %.2f times PyTorch's throughput (goal %.0f)", r.Ratio, r.Goal)
}

// captionsPage is the part of docs/benchmarks.md about captioning.
func captionsPage(rows []CaptionRow) string {
	var b strings.Builder
	b.WriteString("\n## Captioning\n\n")
	for _, r := range rows {
		b.WriteString("- " + r.describe() + "\n")
	}
	b.WriteString(`
Turns, ratio and memory are those of the first table. PyTorch's decoder is a loop over nn.LSTMCell; the half of the attention's score
that does not change is computed once a picture, and the output layer sees the words that count, not the padding. Its search is a
loop over pictures, as most tutorials have it: the k hypotheses of a picture are a batch. Before anything is timed, the losses and
the norms of the gradients of the first three steps are compared, and the scores and words of the first captions. The share of a training
step is that of its products, forward and backward, of the words that count; its other part is work between them.

| case | batch | ours | PyTorch | ratio (range) | pictures a second | PyTorch's | products a step | share of the peak | PyTorch's share | memory | PyTorch's memory | |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
`)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %s a %s (%s–%s) | %s (%s–%s) | **%.2f** (%.2f–%.2f) | %.1f | %.1f | %s | %s | %s | %s |\n", r.Name, r.Batch,
			milliseconds(r.Ours.Median), r.unit(), milliseconds(r.Ours.Min), milliseconds(r.Ours.Max),
			milliseconds(r.Peer.Median), milliseconds(r.Peer.Min), milliseconds(r.Peer.Max), r.Ratio, r.RatioRange[0], r.RatioRange[1],
			r.perSecond(r.Ours), r.perSecond(r.Peer), r.shares(), megabytes(r.Ours.PeakMemory), megabytes(r.Peer.PeakMemory), r.verdict())
	}
	return b.String()
}

// shares are three cells of the table: operations, and how much of the peak each side reaches with them.
func (r CaptionRow) shares() string {
	if r.Operations == 0 {
		return "– | – | –"
	}
	return fmt.Sprintf("%.1f GFLOP | %.0f%% | %.0f%%", r.Operations/1e9, 100*r.Share, 100*r.PeerShare)
}

// describe says what a case does.
func (c CaptionCase) describe() string {
	d := c.Model.Decoder
	of := fmt.Sprintf("V = %d words, E = %d, H = %d, A = %d, the picture in %d places of D = %d numbers", d.VocabSize, d.EmbedDim, d.Hidden,
		d.AttentionDim, d.Locations, d.FeatureDim)
	if c.Kind == Writing {
		return fmt.Sprintf("%s: %s; captions of %d words, none of which ends earlier. A call of ours writes about %d pictures, %d at a time; one of "+
			"PyTorch's about the first %d of them; times are a picture's.", c.Name, of, d.MaxLen, c.Write[0], c.Batch, c.Write[1])
	}
	return fmt.Sprintf("%s: %s; captions of %d to %d words, start and end included; without dropout.", c.Name, of, (d.MaxLen+1)-(d.MaxLen+1)/2+1, d.MaxLen+1)
}
