package clip

import (
	"fmt"
	"math"
)

// Check says what is wrong with a configuration, if anything is.
func (c Config) Check() error {
	if c.EmbedDim < 1 || c.EmbedDim > maxWidth {
		return fmt.Errorf("embed_dim: expected 1 to %d, found %d", maxWidth, c.EmbedDim)
	}
	if err := c.Vision.check(); err != nil {
		return err
	}
	return c.Text.check()
}

func (v VisionConfig) check() error {
	kinds := 0
	for _, there := range []bool{v.Stages != nil, v.ViT != nil, v.ResNet != nil} {
		if there {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return fmt.Errorf("vision: expected one of stages, vit and resnet, found %d of them", kinds)
	case v.Height > maxSide || v.Width > maxSide || v.Patch > maxSide || v.ResNet == nil && v.Patch < 1:
		return fmt.Errorf("vision: expected patch, height and width of 1 to %d pixels, found %d, %d and %d", maxSide, v.Patch, v.Height, v.Width)
	}
	check, grid := v.checkStages, v.Patch<<max(min(len(v.Stages), maxStages)-1, 0)
	how := fmt.Sprintf("patch %d, halved %d times", v.Patch, max(len(v.Stages)-1, 0))
	if v.ViT != nil {
		check, grid = v.checkViT, v.Patch
	} else if v.ResNet != nil {
		check, grid, how = v.checkResNet, resNetReduction, "halved 5 times"
	}
	if err := check(); err != nil {
		return err
	}
	if v.Height < grid || v.Width < grid || v.Height%grid != 0 || v.Width%grid != 0 {
		return fmt.Errorf("vision: expected height and width to be multiples of %d (%s), found %dx%d", grid, how, v.Height, v.Width)
	}
	return v.checkPreprocessing()
}

func (v VisionConfig) checkStages() error {
	if len(v.Stages) == 0 || len(v.Stages) > maxStages {
		return fmt.Errorf("vision.stages: expected 1 to %d stages (or the tower vit or resnet), found %d", maxStages, len(v.Stages))
	}
	for i, s := range v.Stages {
		if s.Channels < 1 || s.Channels > maxWidth || s.Blocks < 0 || s.Blocks > maxLayers {
			return fmt.Errorf("vision.stages[%d]: expected 1 to %d channels and 0 to %d blocks, found %+v", i, maxWidth, maxLayers, s)
		}
	}
	return nil
}

func (v VisionConfig) checkViT() error { return v.ViT.blocks().check("vision.vit") }

func (v VisionConfig) checkResNet() error {
	r := v.ResNet
	if len(r.Blocks) != 4 {
		return fmt.Errorf("vision.resnet.blocks: expected the blocks of 4 stages, found %v", r.Blocks)
	}
	for _, n := range r.Blocks {
		if n < 1 || n > maxLayers {
			return fmt.Errorf("vision.resnet.blocks: expected 1 to %d blocks in every stage, found %v", maxLayers, r.Blocks)
		}
	}
	if r.Width < 2 || r.Width > maxWidth || r.Width%2 != 0 {
		return fmt.Errorf("vision.resnet.width: expected an even number of at most %d, found %d", maxWidth, r.Width)
	}
	if r.Heads < 1 || r.channels()%r.Heads != 0 {
		return fmt.Errorf("vision.resnet.heads: expected a number that divides the %d channels, found %d", r.channels(), r.Heads)
	}
	return nil
}

func (v VisionConfig) checkPreprocessing() error {
	for i := range 3 {
		if !(v.Std[i] > 0) || math.IsInf(v.Std[i], 0) {
			return fmt.Errorf("vision.std: expected three numbers above 0, found %v", v.Std)
		}
		if math.IsNaN(v.Mean[i]) || math.IsInf(v.Mean[i], 0) {
			return fmt.Errorf("vision.mean: expected three numbers, found %v", v.Mean)
		}
	}
	switch v.Resize {
	case "", Squash, ShortSide:
	default:
		return fmt.Errorf("vision.resize: expected %q or %q, found %q", Squash, ShortSide, v.Resize)
	}
	if v.Resize == ShortSide && v.Height != v.Width {
		return fmt.Errorf("vision.resize: expected a square model for %q, found %dx%d", ShortSide, v.Height, v.Width)
	}
	if !(v.BatchNormMomentum >= 0 && v.BatchNormMomentum <= 1) {
		return fmt.Errorf("vision.batch_norm_momentum: expected 0 to 1, found %g", v.BatchNormMomentum)
	}
	return nil
}

func (t TextConfig) check() error {
	if t.VocabSize < 3 || t.ContextLength < 3 {
		return fmt.Errorf("text: expected vocab_size and context_length of at least 3, found %d and %d", t.VocabSize, t.ContextLength)
	}
	if t.EndToken < 0 || t.EndToken >= t.VocabSize {
		return fmt.Errorf("text.end_token: expected an id below the vocab_size %d, or 0 for the largest id, found %d", t.VocabSize, t.EndToken)
	}
	return t.blocks().check("text")
}

// checkVocabulary says where a vocabulary is not the one that the configuration is for.
func (t TextConfig) checkVocabulary(tokenizer *Tokenizer) error {
	if tokenizer.VocabSize() != t.VocabSize {
		return fmt.Errorf("text.vocab_size: expected the vocabulary's %d, found %d", tokenizer.VocabSize(), t.VocabSize)
	}
	if end := int(tokenizer.EndToken()); t.EndToken != 0 && t.EndToken != end {
		return fmt.Errorf("text.end_token (eos_token_id of %s): expected the vocabulary's %d, found %d, at which no text ends", hfConfigFile, end, t.EndToken)
	}
	return nil
}

// check says what is wrong with a transformer's sizes; name is where they stand in the configuration.
func (t transformer) check(name string) error {
	switch {
	case t.layers < 0 || t.layers > maxLayers:
		return fmt.Errorf("%s.layers: expected 0 to %d, found %d", name, maxLayers, t.layers)
	case t.heads < 1 || t.width < 1 || t.width%t.heads != 0:
		return fmt.Errorf("%s: expected a width that is a multiple of the %d heads, found %d", name, t.heads, t.width)
	case t.width > maxWidth:
		return fmt.Errorf("%s.width: expected at most %d, found %d", name, maxWidth, t.width)
	case t.mlp < 1 || t.mlp > 4*maxWidth:
		return fmt.Errorf("%s.mlp: expected 1 to %d hidden units, found %d", name, 4*maxWidth, t.mlp)
	case t.activation != QuickGELU && t.activation != GELU:
		return fmt.Errorf("%s.activation: expected %q or %q, found %q", name, QuickGELU, GELU, t.activation)
	case !(t.eps > 0 && t.eps < 1):
		return fmt.Errorf("%s.layer_norm_eps: expected a number between 0 and 1, found %g", name, t.eps)
	}
	return nil
}
