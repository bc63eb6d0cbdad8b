package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Captioner is a trained (or fresh) decoder with its encoder and vocabulary. Not for concurrent use.
type Captioner struct {
	Config     captioning.Config
	Vocabulary *captioning.Vocabulary
	Data       string // name of the data set it was trained on

	dataDir string // where that was, when it was named
	seed    int64
	backend *backend.Backend
	encoder *encoder
	store   *model.Store
	writer  *captioning.Greedy
	grids   *model.Exec // the encoder's graph, for writing captions
}

// Described is what the model says of a picture.
type Described struct {
	Words   []string    `json:"words"`
	Alphas  [][]float64 `json:"alphas"` // for each word, where it looked: Rows*Cols weights with sum 1
	Rows    int         `json:"rows"`
	Cols    int         `json:"cols"`
	LogProb float64     `json:"log_prob"` // of the words, and of the end of the sentence
}

// fresh is c with new weights.
func (c *Captioner) fresh(seed int64) *Captioner {
	f := *c
	f.store, f.writer, f.grids, f.seed = model.NewStore(), nil, nil, seed
	f.store.SetParam("/"+nn.SeedParam, seed)
	if err := f.store.SetRNGStateFromSeed(seed); err != nil {
		panic(err) // the seed is a number: nothing can fail
	}
	return &f
}

// Close frees what was compiled.
func (c *Captioner) Close() {
	if c.writer != nil {
		c.writer.Close()
	}
	c.encoder.close()
}

// losses builds the graph from a batch's tensors to the losses.
func (c *Captioner) losses(scope *model.Scope, inputs []*graph.Node) captioning.Losses {
	features := c.encoder.features(scope, inputs[0])
	decoder := scope.At("decoder")
	out := captioning.Decode(decoder, c.Config, features, inputs[1])
	if c.Config.Attention == captioning.AttentionHard {
		return captioning.HardLoss(decoder, c.Config, out, inputs[1], inputs[2]).Losses
	}
	return captioning.Loss(c.Config, out, inputs[1], inputs[2])
}

// batch makes the tensors of a batch: inputs [N, inputSize], captions [N, MaxLen+1], lengths [N].
func (c *Captioner) batch(items []captionItem) ([]*tensors.Tensor, error) {
	var ids [][]int32
	inputs := make([]float32, 0, len(items)*c.encoder.inputSize())
	for _, item := range items {
		inputs = append(inputs, item.input...)
		ids = append(ids, item.ids)
	}
	captions, lengths, err := captioning.Batch(ids, c.Config.MaxLen)
	if err != nil {
		return nil, err
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(inputs, len(items), c.encoder.inputSize()),
		tensors.FromFlatDataAndDimensions(captions, len(items), c.Config.MaxLen+1),
		tensors.FromFlatDataAndDimensions(lengths, len(items)),
	}, nil
}

// captionSet is a data set as the decoder sees it. Pictures that cannot be read are left out.
type captionSet struct {
	examples []datasets.Example
	indices  []int       // of the examples in the data set
	texts    [][][]int32 // encoded captions of each
	inputs   func(i int) []float32
}

// prepare encodes pictures and captions of both splits, and names the pictures that could not be read.
func (c *Captioner) prepare(ctx context.Context, env *experiments.Env, cfg CaptionerConfig, data *captionData) (train, heldOut *captionSet, problems []string, err error) {
	if train, problems, err = c.prepareSet(ctx, env, data.train); err != nil {
		return nil, nil, nil, err
	}
	heldOut, more, err := c.prepareSet(ctx, env, data.heldOut)
	return train, heldOut, append(problems, more...), err
}

func (c *Captioner) prepareSet(ctx context.Context, env *experiments.Env, set datasets.Dataset) (*captionSet, []string, error) {
	inputs, errs, err := c.encoder.inputSet(ctx, env, set)
	if err != nil {
		return nil, nil, err
	}
	s := &captionSet{}
	var problems []string
	for i := range set.Len() {
		example := set.At(i)
		if errs[i] != nil {
			problems = append(problems, errs[i].Error())
			continue
		}
		if len(example.Captions) == 0 {
			problems = append(problems, fmt.Sprintf("%s has no caption and was left out", example.ID))
			continue
		}
		var texts [][]int32
		for _, caption := range example.Captions {
			ids, _ := c.Vocabulary.Encode(captioning.Tokenize(caption), c.Config.MaxLen)
			texts = append(texts, ids)
		}
		s.examples, s.texts, s.indices = append(s.examples, example), append(s.texts, texts), append(s.indices, i)
	}
	if len(s.examples) == 0 {
		return nil, nil, fmt.Errorf("none of the %d pictures of %s can be used: %s", set.Len(), set.Name(), problems[0])
	}
	s.inputs = func(i int) []float32 { return inputs(s.indices[i]) }
	return s, problems, nil
}

// heldOutLoss is, for every picture, -log p of a word in nats: the mean over its first cfg.HeldOutTexts captions' words.
func (c *Captioner) heldOutLoss(ctx context.Context, env *experiments.Env, set *captionSet, cfg CaptionerConfig) ([]float64, error) {
	exec, err := model.NewExec(env.Backend.Backend, c.store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		losses := c.losses(scope, inputs)
		return []*graph.Node{losses.PerExample, losses.Steps}
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	nats, words := make([]float64, len(set.examples)), make([]float64, len(set.examples))
	var items []captionItem
	var owners []int
	flush := func() error {
		n := len(items)
		for len(items) < cfg.BatchSize { // one shape for all batches, so that the graph is compiled once
			items = append(items, items[0])
		}
		sums, steps, err := c.lossOf(exec, items)
		for i := range n {
			nats[owners[i]] += float64(sums[i])
			words[owners[i]] += float64(steps[i])
		}
		items, owners = nil, nil
		return err
	}
	for i := range set.examples {
		for _, text := range set.texts[i][:min(cfg.HeldOutTexts, len(set.texts[i]))] {
			items, owners = append(items, captionItem{set.inputs(i), text}), append(owners, i)
			if len(items) == cfg.BatchSize {
				if err := flush(); err != nil {
					return nil, err
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if len(items) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	for i := range nats {
		nats[i] /= math.Max(words[i], 1)
	}
	return nats, nil
}

func (c *Captioner) lossOf(exec *model.Exec, items []captionItem) (sums, steps []float32, err error) {
	batch, err := c.batch(items)
	if err != nil {
		return make([]float32, len(items)), make([]float32, len(items)), err
	}
	outputs, err := exec.Call(batch[0], batch[1], batch[2])
	if err != nil {
		return make([]float32, len(items)), make([]float32, len(items)), fmt.Errorf("cannot measure the held-out loss: %w", err)
	}
	return outputs[0].Value().([]float32), outputs[1].Value().([]float32), nil
}

// writeBatch is how many captions are written at a time.
const writeBatch = 10

// Caption describes pictures.
func (c *Captioner) Caption(images []image.Image) ([]Described, error) {
	inputs, err := c.encoder.inputs(images)
	if err != nil {
		return nil, err
	}
	return c.describe(inputs)
}

// describe writes a caption for each input.
func (c *Captioner) describe(inputs [][]float32) ([]Described, error) {
	if c.writer == nil {
		writer, err := captioning.NewGreedy(c.backend.Backend, c.store.RootScope().At("decoder"), c.Config, writeBatch)
		if err != nil {
			return nil, err
		}
		writer.Forbid(Writing{}.unspoken()...)
		c.writer = writer
	}
	features, err := c.featuresOf(inputs)
	if err != nil {
		return nil, err
	}
	captions, err := c.writer.Caption(features, len(inputs))
	if err != nil {
		return nil, err
	}
	var out []Described
	for _, caption := range captions {
		out = append(out, c.described(caption))
	}
	return out, nil
}

// described puts a caption into words.
func (c *Captioner) described(caption captioning.Caption) Described {
	d := Described{Rows: c.encoder.grid, Cols: c.encoder.grid, LogProb: caption.LogProb, Words: c.Vocabulary.Decode(caption.IDs)}
	for i := range d.Words {
		alpha := make([]float64, len(caption.Alphas[i]))
		for j, a := range caption.Alphas[i] {
			alpha[j] = float64(a)
		}
		d.Alphas = append(d.Alphas, alpha)
	}
	return d
}

// featuresOf runs the encoder's part of the graph: row-major [len(inputs), L, D].
func (c *Captioner) featuresOf(inputs [][]float32) ([]float32, error) {
	var flat []float32
	for _, input := range inputs {
		flat = append(flat, input...)
	}
	if c.encoder.frozen != nil {
		return flat, nil
	}
	if c.grids == nil {
		exec, err := model.NewExec(c.backend.Backend, c.store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return c.encoder.features(scope, x)
		})
		if err != nil {
			return nil, err
		}
		c.grids = exec
	}
	out, err := c.grids.Call1(tensors.FromFlatDataAndDimensions(flat, len(inputs), c.encoder.inputSize()))
	if err != nil {
		return nil, fmt.Errorf("cannot encode the pictures: %w", err)
	}
	return tensors.CopyFlatData[float32](out)
}

// examples describes n held-out pictures, spread evenly over the set: not chosen.
func (c *Captioner) examples(set *captionSet, n int) ([]DescribedExample, error) {
	n = min(n, len(set.examples))
	var inputs [][]float32
	var out []DescribedExample
	for k := range n {
		i := k * len(set.examples) / n
		inputs = append(inputs, set.inputs(i))
		out = append(out, DescribedExample{ID: set.examples[i].ID, Index: set.indices[i], Human: set.examples[i].Captions})
	}
	described, err := c.describe(inputs)
	for k := range described {
		out[k].Described = described[k]
	}
	return out, err
}

// captionerFile is a captioner on disk, beside its weights and vocabulary.
type captionerFile struct {
	Decoder captioning.Config `json:"decoder"`
	Encoder string            `json:"encoder"`
	Size    int               `json:"size"`
	Data    string            `json:"data"`
	DataDir string            `json:"data_dir,omitempty"`
	Seed    int64             `json:"seed"`
}

// The files of a saved captioner.
const (
	CaptionerFile  = "captioner.json"
	weightsFile    = "model.safetensors"
	vocabularyFile = "vocabulary.json"
)

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (c *Captioner) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the captioner: %w", err)
	}
	isWeight := func(path string) bool {
		return len(path) > 9 && path[:9] == "/decoder/" || len(path) > 5 && path[:5] == "/cnn/"
	}
	tensors, err := weights.FromStore(c.store, isWeight)
	if err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(dir, weightsFile), tensors, nil); err != nil {
		return err
	}
	if err := c.Vocabulary.Save(filepath.Join(dir, vocabularyFile)); err != nil {
		return err
	}
	config, err := json.MarshalIndent(captionerFile{c.Config, c.encoder.name, c.encoder.size, c.Data, c.dataDir, c.seed}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, CaptionerFile), append(config, '\n'))
}

// OpenCaptioner reads what [Captioner.Save] wrote: dir is the folder itself, or a run folder with the model inside.
func OpenCaptioner(ctx context.Context, b *backend.Backend, dir string) (*Captioner, error) {
	if _, err := os.Stat(filepath.Join(dir, CaptionerFile)); err != nil {
		if _, err := os.Stat(filepath.Join(dir, "model", CaptionerFile)); err != nil {
			return nil, fmt.Errorf("expected a captioner (%s) in %s or its folder model, found none; `glimpse train captioner` makes one", CaptionerFile, dir)
		}
		dir = filepath.Join(dir, "model")
	}
	data, err := os.ReadFile(filepath.Join(dir, CaptionerFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the captioner's configuration: %w", err)
	}
	var file captionerFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: expected a captioner's configuration as JSON: %w", filepath.Join(dir, CaptionerFile), err)
	}
	vocabulary, err := captioning.LoadVocabulary(filepath.Join(dir, vocabularyFile))
	if err != nil {
		return nil, err
	}
	if vocabulary.Len() != file.Decoder.VocabSize {
		return nil, fmt.Errorf("%s: expected a vocabulary of %d words, found %d; the files belong to different models", dir, file.Decoder.VocabSize, vocabulary.Len())
	}
	encoder, err := openEncoder(b.Backend, file.Encoder, file.Size)
	if err != nil {
		return nil, err
	}
	saved, err := safetensors.Load(filepath.Join(dir, weightsFile))
	if err != nil {
		return nil, err
	}
	c := (&Captioner{Config: file.Decoder, Vocabulary: vocabulary, Data: file.Data, dataDir: file.DataDir, backend: b, encoder: encoder}).fresh(file.Seed)
	if err := checkWeights(saved, file.Decoder); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, weightsFile), err)
	}
	// What is missing among the encoder's weights is an error when its graph is built, never a fresh weight.
	c.store.SetParam("/"+nn.FixedParam, true)
	return c, weights.IntoStore(c.store, saved.Tensors)
}

// checkWeights sees to it that every weight of the decoder is there, in its shape.
func checkWeights(saved *safetensors.File, cfg captioning.Config) error {
	for name, shape := range cfg.WeightShapes() {
		t, ok := saved.Get("decoder." + name)
		if !ok || fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
			return fmt.Errorf("expected the weight decoder.%s of shape %v, found %v; the files belong to different models", name, shape, t.Shape)
		}
	}
	return nil
}

// Samples are n held-out pictures of the data set that the captioner was trained on, spread evenly over it.
func (c *Captioner) Samples(n int) ([]datasets.Example, error) {
	env := &experiments.Env{DataDir: c.dataDir, Seed: c.seed}
	_, heldOut, err := captionSplits(env, &CaptionerConfig{Data: c.Data, Size: c.encoder.size, Pictures: 100, HeldOut: 100})
	if err != nil {
		return nil, err
	}
	n = min(n, heldOut.Len())
	var out []datasets.Example
	for k := range n {
		out = append(out, heldOut.At(k*heldOut.Len()/n))
	}
	return out, nil
}

// WithUniformAttention is the same decoder with its attention forced uniform: what it says when it cannot look.
func (c *Captioner) WithUniformAttention() *Captioner {
	u := *c
	u.Config.Attention = captioning.AttentionUniform
	u.writer = nil
	return &u
}

// QuickCaptioner opens the captioner of a finished quick run in dir, or trains one there: about a minute.
func QuickCaptioner(ctx context.Context, b *backend.Backend, dir string, messages io.Writer) (*Captioner, error) {
	if c, err := OpenCaptioner(ctx, b, dir); err == nil {
		return c, nil
	}
	if _, _, err := CaptionerExperiment().Start(ctx, b, experiments.Options{Form: experiments.Quick, Seed: 1, Out: dir, Messages: messages}); err != nil {
		return nil, err
	}
	return OpenCaptioner(ctx, b, dir)
}
