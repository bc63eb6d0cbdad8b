package captioning

import (
	"github.com/gomlx/gomlx/ml/model"
)

// The two LSTMs as a walk sees them.

func (c Config) sizes() sizes {
	s := sizes{features: []int{c.Locations, c.FeatureDim}, vocab: c.VocabSize, locations: c.Locations, hidden: c.Hidden, maxLen: c.MaxLen}
	s.seen = [][]int{s.features}
	if c.Attention != AttentionUniform {
		s.seen = append(s.seen, []int{c.Locations, c.AttentionDim})
	}
	return s
}

// meet keeps the features and what the attention makes of them, W_a a + b: projected once a picture, not at every step.
func (c Config) meet(scope *model.Scope, features *Node) (seen []*Node, h, cell *Node) {
	d := newDecoder(scope, c, features)
	s := d.start()
	seen = []*Node{d.a}
	if d.p != nil {
		seen = append(seen, d.p)
	}
	return seen, s.h, s.c
}

func (c Config) next(scope *model.Scope, seen []*Node, h, cell, words *Node) (logits, alpha, nextH, nextC *Node) {
	d := newDecoder(scope, c, seen[0])
	if d.p != nil {
		d.p = seen[1]
	}
	y := d.embed(words)
	s := d.stepAlone(y, state{h: h, c: cell})
	logits = d.logits(s.h, func() (_, z *Node) { return y, s.gated })
	return logits, s.alpha, s.h, s.c
}

func (c ShowAndTellConfig) sizes() sizes {
	return sizes{features: []int{c.FeatureDim}, vocab: c.VocabSize, hidden: c.Hidden, maxLen: c.MaxLen}
}

// meet shows the picture to the LSTM, and keeps nothing of it.
func (c ShowAndTellConfig) meet(scope *model.Scope, features *Node) (seen []*Node, h, cell *Node) {
	t := newTeller(scope, c, features.Graph())
	h, cell = t.look(t.inputs(t.project(features)))
	return nil, h, cell
}

func (c ShowAndTellConfig) next(scope *model.Scope, _ []*Node, h, cell, words *Node) (logits, alpha, nextH, nextC *Node) {
	t := newTeller(scope, c, words.Graph())
	nextH, nextC = t.step(t.inputs(t.embed(words)), h, cell)
	return t.logits(nextH), nil, nextH, nextC
}
