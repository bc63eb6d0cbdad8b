package clip

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/torchfile"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Checkpoint is a published model on disk, opened but not loaded: what it is, and where its weights are.
type Checkpoint struct {
	Dir      string
	Path     string // of the weights, or of their index
	Naming   Naming
	Config   Config
	Missing  []string // tensors of the model that the file lacks, in its naming
	LeftOver []string // tensors of the file that the model has no use for
	Shaped   []string // sentences about tensors of another shape or type

	file      tensorFile
	openCLIP  bool // open_clip_config.json describes the model
	tokenizer *Tokenizer
	parts     error // when the files of the folder are those of several models
}

// tensorFile is a file of weights that is mapped: safetensors or PyTorch's archive.
type tensorFile interface {
	Get(name string) (safetensors.Tensor, bool)
	Names() []string
	Release(safetensors.Tensor)
	Close() error
}

// The files of a folder with a published model, in the order in which they are looked for.
var (
	openAIFiles      = []string{"openai.safetensors"}
	openCLIPFiles    = []string{"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"}
	huggingFaceFiles = []string{"model.safetensors.index.json", "model.safetensors", "hf.safetensors"}

	openAIArchives      = []string{"*.pt"} // each model was published under a name of its own, such as ViT-B-32.pt
	openCLIPArchives    = []string{"open_clip_pytorch_model.bin", "*.pt"}
	huggingFaceArchives = []string{"pytorch_model.bin.index.json", "pytorch_model.bin"}
)

const (
	hfConfigFile       = "config.json"
	openCLIPConfigFile = "open_clip_config.json"
	metaFile           = "meta.json"
	preprocessorFile   = "preprocessor_config.json"
)

// errNoCheckpoint says that a folder holds no published model.
var errNoCheckpoint = errors.New("no published CLIP model")

// OpenCheckpoint opens a folder with a published model: openai.safetensors, or OpenCLIP's open_clip_config.json with its
// weights, or Hugging Face's config.json with model.safetensors (whole, or in shards with an index) or hf.safetensors; where there is
// none of these, PyTorch's archives: OpenCLIP's open_clip_pytorch_model.bin or .pt with its configuration, OpenAI's own .pt, Hugging
// Face's pytorch_model.bin (whole, or in shards with an index). A naming chooses when there are several; with "" the first of these is taken. Names and shapes are
// compared; of archives the checksums are, too, else no data is read.
func OpenCheckpoint(dir string, naming Naming) (*Checkpoint, error) {
	for _, kind := range []struct {
		naming Naming
		files  []string
		config string // has to be there
	}{
		{OpenAI, openAIFiles, ""}, {OpenAI, openCLIPFiles, openCLIPConfigFile}, {HuggingFace, huggingFaceFiles, hfConfigFile},
		{OpenAI, openCLIPArchives, openCLIPConfigFile}, {OpenAI, openAIArchives, ""}, {HuggingFace, huggingFaceArchives, hfConfigFile},
	} {
		if naming != "" && naming != kind.naming || kind.config != "" && !exists(dir, kind.config) {
			continue
		}
		path, err := oneOf(dir, kind.files)
		if err != nil {
			return nil, err
		}
		if path != "" {
			return openCheckpoint(&Checkpoint{Dir: dir, Path: path, Naming: kind.naming, openCLIP: kind.config == openCLIPConfigFile})
		}
	}
	if naming != "" {
		return nil, fmt.Errorf("expected weights in the naming %s in %s, found none: %w", naming, dir, errNoCheckpoint)
	}
	return nil, fmt.Errorf("expected a published CLIP model in %s (%s, or %s with %s), found none: %w",
		dir, openAIFiles[0], hfConfigFile, huggingFaceFiles[1], errNoCheckpoint)
}

// oneOf is the path of the first of some files that is in a folder, "" when there is none. A name may be a pattern, of which there
// can be one file.
func oneOf(dir string, names []string) (path string, err error) {
	for _, name := range names {
		if !strings.Contains(name, "*") {
			if exists(dir, name) {
				return filepath.Join(dir, name), nil
			}
			continue
		}
		entries, err := fs.Glob(os.DirFS(dir), name)
		if err != nil {
			return "", err
		}
		switch len(entries) {
		case 0:
		case 1:
			return filepath.Join(dir, entries[0]), nil
		default:
			return "", fmt.Errorf("expected the weights of one model in %s, found %s; give each a folder of its own", dir, someOf(entries))
		}
	}
	return "", nil
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

func openCheckpoint(c *Checkpoint) (*Checkpoint, error) {
	var err error
	if strings.HasSuffix(c.Path, ".bin.index.json") {
		c.file, err = torchfile.OpenShards(c.Path)
	} else if ext := filepath.Ext(c.Path); ext == ".pt" || ext == ".bin" {
		c.file, err = c.openArchive()
	} else {
		c.file, err = safetensors.Open(c.Path)
	}
	if err != nil {
		return nil, err
	}
	if _, prefixed := c.file.Get(textPrefix + "token_embedding.weight"); prefixed {
		c.file = withoutPrefix{c.file}
	}
	if err := c.read(); err != nil {
		return nil, errors.Join(err, c.file.Close())
	}
	return c, nil
}

// openArchive opens PyTorch's archive. Without a configuration beside it, it can only be OpenAI's own, a TorchScript archive: a state
// dict alone does not say what its activation is.
func (c *Checkpoint) openArchive() (tensorFile, error) {
	file, err := torchfile.Open(c.Path)
	if err != nil {
		return nil, err
	}
	if c.Naming == OpenAI && !c.openCLIP && !file.Script {
		return nil, errors.Join(fmt.Errorf("%s: expected OpenAI's archive (TorchScript), found a state dict, which does not say what the model is; put its %s beside it",
			c.Path, openCLIPConfigFile), file.Close())
	}
	return file, nil
}

// read finds out what the model is and whether the tensors are there.
func (c *Checkpoint) read() error {
	naming, err := namingOf(func(name string) bool { _, ok := c.file.Get(name); return ok })
	if err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if naming != c.Naming {
		return fmt.Errorf("%s: expected tensors in the naming %s, found the naming %s", c.Path, c.Naming, naming)
	}
	if c.Naming == HuggingFace {
		c.Config, err = readHuggingFace(filepath.Join(c.Dir, hfConfigFile))
	} else {
		err = c.readOpenAI()
	}
	if err != nil {
		return err
	}
	if err := c.readPreprocessor(); err != nil {
		return err
	}
	if err := c.Config.Check(); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if err := c.checkStatedSizes(); err != nil {
		return err
	}
	c.compare()
	return nil
}

func (c *Checkpoint) readOpenAI() (err error) {
	shape := func(name string) ([]int, bool) {
		t, ok := c.file.Get(name)
		return t.Shape, ok
	}
	if c.Config, err = architectureOf(c.file.Names(), shape); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if c.openCLIP {
		if err := c.Config.readOpenCLIP(filepath.Join(c.Dir, openCLIPConfigFile)); err != nil {
			return err
		}
	}
	return c.Config.readMeta(filepath.Join(c.Dir, metaFile))
}

// readPreprocessor takes the constants of preprocessor_config.json, which cannot be others than OpenCLIP's file has.
func (c *Checkpoint) readPreprocessor() error {
	stated := c.Config.Vision
	if err := c.Config.Vision.readPreprocessor(filepath.Join(c.Dir, preprocessorFile)); err != nil {
		return err
	}
	v := c.Config.Vision
	if c.openCLIP && (!near3(stated.Mean, v.Mean) || !near3(stated.Std, v.Std) || stated.Resize != v.Resize) {
		return fmt.Errorf("%s: expected %s and %s to prepare pictures in one way, found mean %v, std %v and %s in the one, mean %v, std %v and %s "+
			"in the other; correct the wrong one or remove %s", c.Dir, openCLIPConfigFile, preprocessorFile, stated.Mean, stated.Std, stated.Resize,
			v.Mean, v.Std, v.Resize, preprocessorFile)
	}
	return nil
}

// checkStatedSizes holds the whole numbers that OpenAI's archives carry against the shapes.
func (c *Checkpoint) checkStatedSizes() error {
	for name, want := range map[string]int{
		"input_resolution": c.Config.Vision.Height, "context_length": c.Config.Text.ContextLength, "vocab_size": c.Config.Text.VocabSize,
	} {
		t, ok := c.file.Get(name)
		if !ok {
			continue
		}
		values, err := t.AsFloat32s()
		if err != nil || len(values) != 1 || int(values[0]) != want {
			return fmt.Errorf("%s: expected %s to be %d, as the shapes of the weights say, found %v", c.Path, name, want, values)
		}
	}
	return nil
}

// compare holds the file's names and shapes against the model's.
func (c *Checkpoint) compare() {
	used := map[string]bool{}
	for _, w := range c.Config.Weights() {
		for _, p := range c.Naming.pieces(w) {
			used[p.name] = true
			t, ok := c.file.Get(p.name)
			switch {
			case !ok:
				c.Missing = append(c.Missing, p.name)
			case !slices.Equal(t.Shape, p.dims):
				c.Shaped = append(c.Shaped, fmt.Sprintf("expected the dimensions %v of the tensor %s, found %v", p.dims, p.name, t.Shape))
			case !isFloat(t.DType):
				c.Shaped = append(c.Shaped, fmt.Sprintf("expected float32 (or float16, bfloat16, float64) in the tensor %s, found %s", p.name, t.DType))
			}
		}
	}
	for _, name := range c.file.Names() {
		if !used[name] && !isIgnored(name) {
			c.LeftOver = append(c.LeftOver, name)
		}
	}
}

func isFloat(d safetensors.DType) bool {
	return d == safetensors.F32 || d == safetensors.F16 || d == safetensors.BF16 || d == safetensors.F64
}

// Whole is an error that names what is missing, left over or of another shape, or says that the files are not of one model.
func (c *Checkpoint) Whole() error {
	var wrong []string
	if len(c.Missing) > 0 {
		wrong = append(wrong, "found none of that name for "+someOf(c.Missing))
	}
	if len(c.LeftOver) > 0 {
		wrong = append(wrong, "found besides "+someOf(c.LeftOver))
	}
	if len(c.Shaped) > 0 {
		wrong = append(wrong, someOf(c.Shaped))
	}
	if len(wrong) == 0 {
		return c.parts
	}
	return fmt.Errorf("%s: expected the weights of the model that its configuration or its shapes describe, all of them and no others; %s; "+
		"the file is not whole, or belongs to another configuration", c.Path, strings.Join(wrong, "; "))
}

// someOf lists names, not too many of them.
func someOf(names []string) string {
	const most = 6
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// Close closes the files.
func (c *Checkpoint) Close() error { return c.file.Close() }

// Load makes the model. One weight at a time is read, converted to float32 and dropped from the file's map, so that memory
// holds the weights once.
func (c *Checkpoint) Load() (*Model, error) {
	m, err := c.empty()
	if err != nil {
		return nil, err
	}
	for _, side := range []Tower{Both, ImageSide, TextSide} {
		if err := c.loadSide(m.Store, side); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// empty is the model without its weights, which are all there.
func (c *Checkpoint) empty() (*Model, error) {
	if err := c.Whole(); err != nil {
		return nil, err
	}
	m, err := New(c.Config, c.tokenizer, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	m.Naming = c.Naming
	_, m.prefixed = c.file.(withoutPrefix)
	return m, nil
}

// loadSide reads the weights of one side into a store.
func (c *Checkpoint) loadSide(store *model.Store, side Tower) error {
	for _, w := range c.Config.Weights() {
		if w.Tower != side {
			continue
		}
		if err := c.loadWeight(store, w); err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	return nil
}

func (c *Checkpoint) loadWeight(store *model.Store, w Weight) error {
	value, err := c.weight(w)
	if err != nil {
		return err
	}
	if v := store.GetVariable(weights.Path(w.Name)); v != nil { // a reading that was cut short has left it
		return v.SetValue(value)
	}
	v, err := store.CreateVariable(weights.Path(w.Name), value)
	if err != nil {
		return fmt.Errorf("cannot set the variable %s: %w", w.Name, err)
	}
	v.SetTrainable(!w.Running)
	return nil
}

func (c *Checkpoint) weight(w Weight) (value *tensors.Tensor, err error) {
	value = tensors.FromShape(shapes.Make(dtypes.Float32, w.Dims...))
	tensors.MustMutableFlatData(value, func(values []float32) { err = c.readWeight(w, values) })
	return value, err
}

// readWeight puts a weight together from the tensors of the file.
func (c *Checkpoint) readWeight(w Weight, values []float32) error {
	for _, p := range c.Naming.pieces(w) {
		t, _ := c.file.Get(p.name)
		part := values[:t.Len()]
		values = values[t.Len():]
		if !p.transposed {
			if err := t.ReadFloat32s(part); err != nil {
				return fmt.Errorf("tensor %s: %w", p.name, err)
			}
		} else {
			read, err := t.AsFloat32s()
			if err != nil {
				return fmt.Errorf("tensor %s: %w", p.name, err)
			}
			transpose(part, read, p.dims[0], p.dims[1])
		}
		c.file.Release(t)
	}
	return nil
}

// transpose writes a matrix [rows, columns] into dst as [columns, rows].
func transpose(dst, src []float32, rows, columns int) {
	for i := range rows {
		for j := range columns {
			dst[j*rows+i] = src[i*columns+j]
		}
	}
}
