package clip

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Card says what a model on disk is, and what about it cannot be right: its conformance card.
type Card struct {
	File       string     `json:"file"`
	Naming     Naming     `json:"naming"`
	Published  string     `json:"published,omitempty"` // the published model of these sizes
	Parameters Counts     `json:"parameters"`
	Missing    []string   `json:"missing"`
	LeftOver   []string   `json:"left_over"`
	Resolution [2]int     `json:"resolution"` // height, width
	EmbedDim   int        `json:"embed_dim"`
	Activation [2]string  `json:"activation"` // of the image tower ("relu" for a ResNet) and of the text tower
	EndToken   string     `json:"end_token"`  // the rule
	Mean       [3]float64 `json:"mean"`
	Std        [3]float64 `json:"std"`
	Resize     Resize     `json:"resize"`
	Scale      float64    `json:"scale"`       // the factor on cosines, exp(logit_scale)
	Scaled     bool       `json:"-"`           // the weights were whole and Scale was read
	Tokenizer  []FileHash `json:"tokenizer"`   // the files of a vocabulary in the folder
	Compared   []Compared `json:"comparisons"` // one for each backend, when there was a reference
	Between    []Distance `json:"between"`     // differences of the features between backends
	Refused    []string   `json:"refused"`     // sentences: why the model would give wrong features
}

// FileHash is the sha256 of a file.
type FileHash struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// tokenizerFiles are the files in which vocabularies lie.
var tokenizerFiles = []string{TokenizerFile, "vocab.json", "merges.txt", "bpe_simple_vocab_16e6.txt.gz"}

// Examine opens a folder as [LoadNaming] does and writes the card. The model is nil when its weights are not whole. An error is a
// file that cannot be read at all.
func Examine(dir string, naming Naming) (*Card, *Model, error) {
	c, err := openAny(dir, naming)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	card := c.card()
	if err := card.hashTokenizer(c.Dir); err != nil {
		return nil, nil, err
	}
	if err := c.Whole(); err != nil {
		card.refuse("%s", err)
		return card, nil, nil
	}
	m, err := c.Load()
	if err != nil {
		return nil, nil, err
	}
	if card.Scale, err = m.Scale(); err != nil {
		return nil, nil, err
	}
	card.Scaled = true
	card.checkVocabulary(m, c.Dir)
	if limit := math.Exp(MaxLogitScale); !(card.Scale >= 1 && card.Scale <= limit*1.001) {
		card.refuse("expected a temperature that was kept in bounds, a factor on cosines of 1 to %g, found %g", limit, card.Scale)
	}
	return card, m, card.checkFinite(m)
}

func (c *Checkpoint) card() *Card {
	v, t := c.Config.Vision, c.Config.Text
	image := "relu"
	if v.ViT != nil {
		image = string(v.ViT.Activation.name())
	}
	card := &Card{
		File: c.Path, Naming: c.Naming, Parameters: c.Config.Counts(), Missing: c.Missing, LeftOver: c.LeftOver,
		Resolution: [2]int{v.Height, v.Width}, EmbedDim: c.Config.EmbedDim, Activation: [2]string{image, string(t.Activation.name())},
		EndToken: "the largest id", Mean: v.Mean, Std: v.Std, Resize: orElse(v.Resize, Squash),
	}
	if t.EndToken != 0 {
		card.EndToken = fmt.Sprintf("the first %d", t.EndToken)
	}
	if preset, ok := c.Config.published(); ok {
		card.Published = preset.Name
		card.checkPublished(c, preset.Config)
	}
	if v.Stages == nil {
		card.checkActivation(c)
		card.checkPreprocessing(c)
	}
	return card
}

func (k *Card) refuse(format string, args ...any) {
	k.Refused = append(k.Refused, fmt.Sprintf(format, args...))
}

// checkPublished refuses what no count of parameters shows and what gives other features than the published model of these
// sizes.
func (k *Card) checkPublished(c *Checkpoint, want Config) {
	v, t, config := c.Config.Vision, c.Config.Text, hfConfigFile
	if c.Naming == OpenAI {
		config = metaFile + " or " + openCLIPConfigFile
	}
	type setting struct {
		name        string
		want, found any
		file        string // that says it
	}
	settings := []setting{
		{"attention heads in the image tower", want.Vision.heads(), v.heads(), config},
		{"attention heads in the text tower", want.Text.Heads, t.Heads, config},
		{"layer_norm_eps in the text tower", float32(want.Text.blocks().eps), float32(t.blocks().eps), config},
		{"the end token", want.Text.VocabSize - 1, orElse(t.EndToken, t.VocabSize-1), config},
		{"resizing", want.Vision.Resize, k.Resize, preprocessorFile},
	}
	if want.Vision.ViT != nil && v.ViT != nil {
		settings = append(settings, setting{"layer_norm_eps in the image tower", float32(want.Vision.ViT.blocks().eps), float32(v.ViT.blocks().eps), config})
	}
	for _, s := range settings {
		if s.want != s.found {
			k.refuse("%s: expected %v, as in the published %s of these sizes, found %v; correct %s", s.name, s.want, k.Published, s.found, s.file)
		}
	}
}

// checkVocabulary gives the model of the folder dir its vocabulary and refuses one with other ids than the weights know.
func (k *Card) checkVocabulary(m *Model, dir string) {
	if err := m.addVocabulary(dir); err != nil {
		k.refuse("%s", err)
	}
}

// checkActivation refuses what cannot be: two activations in one model, and GELU in OpenAI's.
func (k *Card) checkActivation(c *Checkpoint) {
	image, text := k.Activation[0], k.Activation[1]
	if c.Config.Vision.ViT != nil && image != text {
		k.refuse("expected one activation in both towers, as all published models have it, found %s in the image tower and %s in the text tower; "+
			"correct hidden_act in %s", image, text, hfConfigFile)
	}
	if text == string(GELU) && c.isOpenAIs() {
		k.refuse("expected the activation %s, with which OpenAI's weights were trained, found %s, which gives slightly wrong features without a "+
			"word; correct hidden_act in %s", QuickGELU, GELU, hfConfigFile)
	}
}

// isOpenAIs tells OpenAI's weights in Hugging Face's files, by where they come from or by OpenAI's file beside them.
func (c *Checkpoint) isOpenAIs() bool {
	var origin struct {
		Name string `json:"_name_or_path"`
	}
	_, _ = readJSONFile(filepath.Join(c.Dir, hfConfigFile), &origin) // it was read before
	where, err := filepath.Abs(c.Dir)
	if err != nil {
		where = c.Dir
	}
	return strings.HasPrefix(origin.Name, "openai/") || strings.Contains(where, "models--openai--") || exists(c.Dir, openAIFiles[0])
}

// half is the mean and the standard deviation of some of OpenCLIP's models.
var half = [3]float64{0.5, 0.5, 0.5}

// checkPreprocessing refuses constants with which no published CLIP was trained.
func (k *Card) checkPreprocessing(c *Checkpoint) {
	openAIs := near3(k.Mean, PublishedMean) && near3(k.Std, PublishedStd)
	halves := near3(k.Mean, half) && near3(k.Std, half)
	if openAIs || halves && !c.isOpenAIs() {
		return
	}
	k.refuse("expected the published preprocessing constants, mean %v and std %v (or 0.5 for all, as some of OpenCLIP's models), found mean %v and "+
		"std %v; correct %s", PublishedMean, PublishedStd, k.Mean, k.Std, preprocessorFile)
}

func near3(a, b [3]float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-6 {
			return false
		}
	}
	return true
}

func (k *Card) hashTokenizer(dir string) error {
	for _, name := range tokenizerFiles {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot read the vocabulary: %w", err)
		}
		k.Tokenizer = append(k.Tokenizer, FileHash{name, fmt.Sprintf("%x", sha256.Sum256(data))})
	}
	return nil
}

// checkFinite refuses weights that are no numbers, and variances below 0.
func (k *Card) checkFinite(m *Model) error {
	for _, w := range m.Config.Weights() {
		values, err := flatValues(m.Store.GetVariable(weights.Path(w.Name)))
		if err != nil {
			return err
		}
		variance := strings.HasSuffix(w.Name, ".running_var")
		for i, v := range values {
			if !finite(float64(v)) || variance && v < 0 {
				k.refuse("expected numbers in %s, found %g at element %d", w.Name, v, i)
				break
			}
		}
	}
	return nil
}
