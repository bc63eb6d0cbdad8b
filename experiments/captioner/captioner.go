package captioner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"
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

// Model is a trained (or fresh) decoder with its encoder and vocabulary. Not for concurrent use.
type Model struct {
	Config     captioning.Config
	Tells      bool                       // the decoder is Show and Tell's, with the sizes of Config
	Language   *captioning.LanguageConfig // the decoder is a language model, and of Config max_len alone counts; nil for an LSTM
	BLIP       *captioning.BLIPConfig     // the decoder is BLIP's third head; likewise
	Vocabulary *captioning.Vocabulary
	Data       string // name of the data set it was trained on

	DataDir string // where that was, when it was named
	Encoder *Encoder
	Store   *model.Store

	seed    int64
	backend *backend.Backend
	members []*Model // of an ensemble; nil for any other
	apart   bool     // whether some members look at other places than the first, or not at all where it does
	writer  *captioning.Greedy
	grids   *model.Exec // the encoder's graph, for writing captions
}

// Described is what the model says of a picture.
type Described struct {
	Words   []string    `json:"words"`
	Alphas  [][]float64 `json:"alphas"` // for each word, where it looked: Rows*Cols weights with sum 1; none for Show and Tell
	Rows    int         `json:"rows"`
	Cols    int         `json:"cols"`
	LogProb float64     `json:"log_prob"` // of the words, and of the end of the sentence
}

// New makes a captioner with fresh weights. What the configuration leaves to data and encoder (vocab_size, feature_dim,
// locations) is set from them.
func New(b *backend.Backend, cfg captioning.Config, vocabulary *captioning.Vocabulary, encoder *Encoder, seed int64) (*Model, error) {
	cfg.VocabSize, cfg.FeatureDim, cfg.Locations = vocabulary.Len(), encoder.Channels, encoder.Grid*encoder.Grid
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return (&Model{Config: cfg, Vocabulary: vocabulary, backend: b, Encoder: encoder}).Fresh(seed), nil
}

// Fresh is c with new weights.
func (c *Model) Fresh(seed int64) *Model {
	c.mustBeSingle()
	f := *c
	f.Store, f.writer, f.grids, f.seed = model.NewStore(), nil, nil, seed
	f.Store.SetParam("/"+nn.SeedParam, seed)
	if err := f.Store.SetRNGStateFromSeed(seed); err != nil {
		panic(err) // the seed is a number: nothing can fail
	}
	if err := f.Encoder.startFrom(f.Store); err != nil {
		panic(err) // the weights were checked when they were read
	}
	return &f
}

// Close frees what was compiled.
func (c *Model) Close() {
	if c.writer != nil {
		c.writer.Close()
	}
	if c.grids != nil {
		c.grids.Finalize()
	}
	c.writer, c.grids = nil, nil
	if c.members == nil {
		c.Encoder.Close()
	}
	for _, m := range c.members {
		m.Close()
	}
}

// Losses builds the graph from a batch's tensors to the losses. A fourth input, a scalar, is the share of the words read that
// are the decoder's own ([captioning.OwnWords]).
func (c *Model) Losses(scope *model.Scope, inputs []*graph.Node) captioning.Losses {
	return c.losses(scope, inputs, func(logits *graph.Node) *graph.Node { return logits })
}

// LossesAs is [Model.Losses] for what captions are really drawn from, with the temperature T and the words that how has: p^(1/T) in the
// place of p, scaled to the sum 1 without the words that are never said. What the captions' own scores teach must be taught to
// that: a word that is never drawn is never punished, and would by and by take all the probability that the punished words lose.
// Top-k and top-p change nothing here.
func (c *Model) LossesAs(scope *model.Scope, inputs []*graph.Node, how Writing) captioning.Losses {
	return c.losses(scope, inputs, func(logits *graph.Node) *graph.Node { return how.asDrawn(logits) })
}

func (c *Model) losses(scope *model.Scope, inputs []*graph.Node, said func(logits *graph.Node) *graph.Node) captioning.Losses {
	if c.members != nil {
		return c.ensembleLosses(scope, inputs, said)
	}
	features := c.Encoder.features(scope, inputs[0])
	decoder := scope.At("decoder")
	if c.Language != nil {
		return c.languageLosses(decoder, features, inputs[1], inputs[2], said)
	}
	if c.BLIP != nil {
		return c.blipLosses(decoder, features, inputs[1], inputs[2], said)
	}
	if c.Tells {
		return c.tellLosses(decoder, features, inputs[1], inputs[2], said)
	}
	read := inputs[1]
	if len(inputs) > 3 {
		read = captioning.OwnWords(decoder, c.Config, features, read, inputs[3])
	}
	out := captioning.Decode(decoder, c.Config, features, read)
	out.Logits = said(out.Logits)
	if c.Config.Attention == captioning.AttentionHard {
		return captioning.HardLoss(decoder, c.Config, out, inputs[1], inputs[2]).Losses
	}
	return captioning.Loss(c.Config, out, inputs[1], inputs[2])
}

// Batch makes the tensors of a batch: inputs [N, inputSize], captions [N, MaxLen+1], lengths [N].
func (c *Model) Batch(items []Item) ([]*tensors.Tensor, error) {
	return c.BatchUpTo(items, c.Config.MaxLen)
}

// BatchUpTo is [Model.Batch] for items of at most maxLen words after the start word: captions [N, maxLen+1]. Fewer steps cost
// less, and each maxLen compiles a graph of its own.
func (c *Model) BatchUpTo(items []Item, maxLen int) ([]*tensors.Tensor, error) {
	var ids [][]int32
	inputs := make([]float32, 0, len(items)*c.inputSize())
	for _, item := range items {
		inputs = append(inputs, item.Input...)
		ids = append(ids, item.IDs)
	}
	captions, lengths, err := captioning.Batch(ids, maxLen)
	if err != nil {
		return nil, err
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(inputs, len(items), c.inputSize()),
		tensors.FromFlatDataAndDimensions(captions, len(items), maxLen+1),
		tensors.FromFlatDataAndDimensions(lengths, len(items)),
	}, nil
}

// giveBack frees a batch that was computed with: the memory is the backend's, which Go's collector does not see.
func giveBack(batch []*tensors.Tensor) {
	for _, tensor := range batch {
		tensor.MustFinalizeAll()
	}
}

// lossBatch is how many captions the loss is measured on at a time.
const lossBatch = 64

// LossPerPicture is, for every picture, -log p of a word in nats: the mean over the words of its first captions, texts of them.
func (c *Model) LossPerPicture(ctx context.Context, set *Set, texts int) ([]float64, error) {
	exec, err := model.NewExec(c.backend.Backend, c.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		losses := c.Losses(scope, inputs)
		return []*graph.Node{losses.PerExample, losses.Steps}
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	nats, words := make([]float64, len(set.Examples)), make([]float64, len(set.Examples))
	var items []Item
	var owners []int
	flush := func() error {
		n := len(items)
		for len(items) < lossBatch { // one shape for all batches, so that the graph is compiled once
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
	for i := range set.Examples {
		for _, text := range set.Texts[i][:min(texts, len(set.Texts[i]))] {
			items, owners = append(items, Item{set.Inputs(i), text}), append(owners, i)
			if len(items) == lossBatch {
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

func (c *Model) lossOf(exec *model.Exec, items []Item) (sums, steps []float32, err error) {
	batch, err := c.Batch(items)
	if err != nil {
		return make([]float32, len(items)), make([]float32, len(items)), err
	}
	outputs, err := exec.Call(batch[0], batch[1], batch[2])
	giveBack(batch)
	if err != nil {
		return make([]float32, len(items)), make([]float32, len(items)), fmt.Errorf("cannot measure the held-out loss: %w", err)
	}
	return outputs[0].Value().([]float32), outputs[1].Value().([]float32), nil
}

// writeBatch is how many captions are written at a time.
const writeBatch = 10

// Caption describes pictures.
func (c *Model) Caption(images []image.Image) ([]Described, error) {
	inputs, err := c.inputs(images)
	if err != nil {
		return nil, err
	}
	return c.Describe(inputs)
}

// Describe writes a caption for each input, as [Set.Inputs] has them.
func (c *Model) Describe(inputs [][]float32) ([]Described, error) {
	if c.writer == nil {
		decoder, scope := c.writes()
		writer, err := captioning.NewGreedy(c.backend.Backend, scope, decoder, writeBatch)
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
func (c *Model) described(caption captioning.Caption) Described {
	d := Described{Rows: c.Encoder.Grid, Cols: c.Encoder.Grid, LogProb: caption.LogProb, Words: c.Vocabulary.Decode(caption.IDs)}
	if caption.Alphas == nil {
		d.Rows, d.Cols = 0, 0
		return d
	}
	for i := range d.Words {
		alpha := make([]float64, len(caption.Alphas[i]))
		for j, a := range caption.Alphas[i] {
			alpha[j] = float64(a)
		}
		d.Alphas = append(d.Alphas, alpha)
	}
	return d
}

// featuresOf is what the decoder sees of pictures: row-major [len(inputs), L, D], or [len(inputs), D] for Show and Tell.
func (c *Model) featuresOf(inputs [][]float32) ([]float32, error) {
	if c.members != nil {
		return c.ensembleFeatures(inputs)
	}
	features, err := c.grid(inputs)
	if c.Tells && err == nil {
		features = c.meanOfPlaces(features)
	}
	return features, err
}

// grid runs the encoder's part of the graph: row-major [len(inputs), L, D].
func (c *Model) grid(inputs [][]float32) ([]float32, error) {
	if c.Encoder.frozen != nil {
		var flat []float32
		for _, input := range inputs {
			flat = append(flat, input...)
		}
		for i := range flat {
			flat[i] *= cmp.Or(c.Encoder.scale, 1)
		}
		return flat, nil
	}
	if c.grids == nil {
		exec, err := model.NewExec(c.backend.Backend, c.Store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return c.Encoder.features(scope, x)
		})
		if err != nil {
			return nil, err
		}
		c.grids = exec
	}
	size := min(len(inputs), gridBatch)
	var grids []float32
	for chunk := range slices.Chunk(inputs, size) {
		var flat []float32
		for i := range size { // the last chunk is filled up, so that all have one shape, which is compiled once
			flat = append(flat, chunk[min(i, len(chunk)-1)]...)
		}
		out, err := c.grids.Call1(tensors.FromFlatDataAndDimensions(flat, size, c.Encoder.inputSize()))
		if err != nil {
			return nil, fmt.Errorf("cannot encode the pictures: %w", err)
		}
		values, err := tensors.CopyFlatData[float32](out)
		out.MustFinalizeAll()
		if err != nil {
			return nil, err
		}
		grids = append(grids, values[:len(values)/size*len(chunk)]...)
	}
	return grids, nil
}

// gridBatch is how many pictures a network that is trained sees at a time, at most: what lies between its layers takes memory.
const gridBatch = 16

// Examples describes n held-out pictures, spread evenly over the set: not chosen.
func (c *Model) Examples(set *Set, n int) ([]Example, error) {
	n = min(n, len(set.Examples))
	var inputs [][]float32
	var out []Example
	for k := range n {
		i := k * len(set.Examples) / n
		inputs = append(inputs, set.Inputs(i))
		out = append(out, Example{ID: set.Examples[i].ID, Index: set.Indices[i], Human: set.Examples[i].Captions})
	}
	described, err := c.Describe(inputs)
	for k := range described {
		out[k].Described = described[k]
	}
	return out, err
}

// captionerFile is a captioner on disk, beside its weights and vocabulary.
type captionerFile struct {
	Tells    bool                       `json:"show_and_tell,omitempty"`
	Language *captioning.LanguageConfig `json:"language_model,omitempty"`
	BLIP     *captioning.BLIPConfig     `json:"blip,omitempty"`
	Decoder  captioning.Config          `json:"decoder"`
	Encoder  string                     `json:"encoder"`
	Size     int                        `json:"size"`
	Pool     int                        `json:"pool,omitempty"`
	Data     string                     `json:"data"`
	DataDir  string                     `json:"data_dir,omitempty"`
	Seed     int64                      `json:"seed"`

	CNN           *captioning.CNNConfig `json:"cnn,omitempty"`            // where it is not the encoder's usual one
	Scale         float32               `json:"feature_scale,omitempty"`  // what features are multiplied by
	EncoderSHA256 string                `json:"encoder_sha256,omitempty"` // of a frozen encoder: architecture, size, weights
	Network       json.RawMessage       `json:"network,omitempty"`        // architecture of an encoder that was fine-tuned: its weights are the captioner's
}

// The files of a saved captioner.
const (
	ConfigFile     = "captioner.json"
	weightsFile    = "model.safetensors"
	vocabularyFile = "vocabulary.json"
)

// vocabularyKey is what the weights' file calls the fingerprint of the vocabulary that they were trained with.
const vocabularyKey = "vocabulary_sha256"

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (c *Model) Save(dir string) error {
	if c.members != nil {
		return c.single()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the captioner: %w", err)
	}
	tensors, err := weights.FromStore(c.Store, isWeight)
	if err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(dir, weightsFile), tensors, map[string]string{vocabularyKey: c.Vocabulary.Fingerprint()}); err != nil {
		return err
	}
	if err := c.Vocabulary.Save(filepath.Join(dir, vocabularyFile)); err != nil {
		return err
	}
	file := captionerFile{Tells: c.Tells, Language: c.Language, BLIP: c.BLIP, Decoder: c.Config, Encoder: c.Encoder.name, Size: c.Encoder.size, Pool: c.Encoder.pool, Data: c.Data, DataDir: c.DataDir,
		Seed: c.seed, CNN: c.Encoder.ownCNN()}
	if err := c.Encoder.describe(&file); err != nil {
		return err
	}
	config, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, ConfigFile), append(config, '\n'))
}

// isWeight tells the weights of a captioner from what else is in its store.
func isWeight(path string) bool {
	return strings.HasPrefix(path, "/decoder/") || strings.HasPrefix(path, "/cnn/") || strings.HasPrefix(path, "/"+publishedScope+"/") || strings.HasPrefix(path, "/"+membersScope+"/")
}

// Open reads what [Model.Save] wrote: dir is the folder itself, or a run folder with the model inside.
func Open(ctx context.Context, b *backend.Backend, dir string) (*Model, error) {
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err != nil {
		if _, err := os.Stat(filepath.Join(dir, "model", ConfigFile)); err != nil {
			return nil, fmt.Errorf("expected a captioner (%s) in %s or its folder model, found none; `glimpse train captioner` makes one", ConfigFile, dir)
		}
		dir = filepath.Join(dir, "model")
	}
	file, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	vocabulary, err := captioning.LoadVocabulary(filepath.Join(dir, vocabularyFile))
	if err != nil {
		return nil, err
	}
	if vocabulary.Len() != file.Decoder.VocabSize {
		return nil, fmt.Errorf("%s: expected a vocabulary of %d words, found %d; the files belong to different models", dir, file.Decoder.VocabSize, vocabulary.Len())
	}
	encoder, err := file.openEncoder(b.Backend)
	if err != nil {
		return nil, fmt.Errorf("%s: the encoder: %w", filepath.Join(dir, ConfigFile), err)
	}
	saved, err := safetensors.Load(filepath.Join(dir, weightsFile))
	if err != nil {
		return nil, err
	}
	c := (&Model{Config: file.Decoder, Tells: file.Tells, Language: file.Language, BLIP: file.BLIP, Vocabulary: vocabulary, Data: file.Data, DataDir: file.DataDir, backend: b, Encoder: encoder}).Fresh(file.Seed)
	if err := checkWeights(saved, c.decoder().WeightShapes()); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, weightsFile), err)
	}
	if err := checkVocabulary(saved, vocabulary); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, vocabularyFile), err)
	}
	// What is missing among the encoder's weights is an error when its graph is built, never a fresh weight.
	c.Store.SetParam("/"+nn.FixedParam, true)
	if err := weights.IntoStore(c.Store, saved.Tensors); err != nil {
		return nil, err
	}
	lockNorms(c.Store)
	return c, nil
}

// readConfig reads the configuration of the captioner in the folder dir.
func readConfig(dir string) (file captionerFile, err error) {
	data, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return file, fmt.Errorf("cannot read the captioner's configuration: %w", err)
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return file, fmt.Errorf("%s: expected a captioner's configuration as JSON: %w", filepath.Join(dir, ConfigFile), err)
	}
	return file, nil
}

// describe puts into a captioner's file what it takes to open its encoder again.
func (e *Encoder) describe(file *captionerFile) (err error) {
	if e.scale != 1 {
		file.Scale = e.scale
	}
	if e.frozen != nil {
		file.EncoderSHA256 = e.frozen.Fingerprint()
	}
	if e.fineTuned() {
		file.Network, err = json.Marshal(e.net.config)
	}
	return err
}

// openEncoder opens the encoder of a saved captioner. A frozen one has to be that of its training.
func (f captionerFile) openEncoder(b compute.Backend) (*Encoder, error) {
	var e *Encoder
	var err error
	if f.Network != nil {
		var net *network
		if net, err = savedNetwork(f.Encoder, f.Size, f.Network); err == nil {
			e, err = fineTuned(net, f.Encoder, f.Size, f.Pool)
		}
	} else if f.CNN != nil {
		e, err = CNNEncoder(*f.CNN)
	} else {
		e, err = OpenEncoder(b, f.Encoder, f.Size, f.Pool)
	}
	if err != nil {
		return nil, err
	}
	if e.frozen != nil && f.EncoderSHA256 != "" && e.frozen.Fingerprint() != f.EncoderSHA256 {
		found := e.frozen.Fingerprint()
		e.Close()
		return nil, fmt.Errorf("expected %s to be the network with the sha256 %.12s..., with which the captioner was trained, found %.12s...; bring its weights back, or train again",
			f.Encoder, f.EncoderSHA256, found)
	}
	if f.Scale != 0 {
		e.scale = f.Scale
	}
	return e, nil
}

// checkWeights sees to it that every weight of the decoder is there, in its shape.
func checkWeights(saved *safetensors.File, shapes map[string][]int) error {
	for name, shape := range shapes {
		t, ok := saved.Get("decoder." + name)
		if !ok || fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
			return fmt.Errorf("expected the weight decoder.%s of shape %v, found %v; the files belong to different models", name, shape, t.Shape)
		}
	}
	return nil
}

// checkVocabulary sees to it that the words are those that the weights were trained with: another vocabulary of the same size
// would turn every caption into other words. Weights that do not say which they were are taken as they are.
func checkVocabulary(saved *safetensors.File, vocabulary *captioning.Vocabulary) error {
	if want, found := saved.Metadata[vocabularyKey], vocabulary.Fingerprint(); want != "" && want != found {
		return fmt.Errorf("expected the vocabulary with the sha256 %.12s..., which the weights in %s were trained with, found %.12s...; the files belong to different models",
			want, weightsFile, found)
	}
	return nil
}

// Example is a picture with what the model and what people say of it.
type Example struct {
	ID        string    `json:"id"`
	Index     int       `json:"index"` // in the data set
	Described Described `json:"described"`
	Human     []string  `json:"human"`
}

// HeldOut are the held-out pictures of the data set that the captioner, or an ensemble's first member, was trained on; at least 100 of a set that is drawn.
func (c *Model) HeldOut() (datasets.Dataset, error) {
	env := &experiments.Env{DataDir: c.DataDir, Seed: c.seed}
	_, heldOut, err := Splits(env, c.Data, c.Encoder.size, 100, 100)
	return heldOut, err
}

// Samples are n of [Model.HeldOut], spread evenly over it.
func (c *Model) Samples(n int) ([]datasets.Example, error) {
	heldOut, err := c.HeldOut()
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
func (c *Model) WithUniformAttention() *Model {
	c.mustBeSingle()
	u := *c
	u.Config.Attention = captioning.AttentionUniform
	u.writer, u.grids = nil, nil
	return &u
}
