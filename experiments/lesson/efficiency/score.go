package efficiency

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/parallel"
)

// exam is what all models are measured on: pictures of some classes, and the names of these.
type exam struct {
	pixels  []float32 // [n, H, W, 3]
	labels  []int     // [n]
	classes []string
	names   []string // prompts, those of a class side by side
	owner   []int    // the class of each
	words   []int    // how many words (tokens) each has
	ids     []int32  // [names, length]
	length  int
}

// newExam takes at most each pictures of every class, the first ones, so that classes count about the same, as ImageNet's do. The prompts are the ways
// to write a class's name.
func newExam(ctx context.Context, p *contrastive.Titled, m *clip.Model, each int) (*exam, error) {
	set, e := p.HeldOut(), &exam{}
	var chosen []datasets.Example
	taken := map[string]int{}
	for i := range set.Len() {
		example := set.At(i)
		if class := p.Class(example); class != "" && taken[class] < each {
			taken[class]++
			chosen = append(chosen, example)
		}
	}
	for class := range taken {
		e.classes = append(e.classes, class)
	}
	if len(e.classes) < 2 {
		return nil, fmt.Errorf("expected held-out pictures of at least 2 classes, found %d", len(e.classes))
	}
	slices.Sort(e.classes)
	prepared, errs := parallel.Map(ctx, len(chosen), func(i int) ([]float32, error) {
		img, err := chosen[i].Open()
		if err != nil {
			return nil, err
		}
		return m.Preprocess(img)
	})
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", chosen[i].ID, err)
		}
		e.labels = append(e.labels, slices.Index(e.classes, p.Class(chosen[i])))
	}
	e.pixels = slices.Concat(prepared...)
	return e, e.nameClasses(m)
}

// nameClasses encodes the prompts.
func (e *exam) nameClasses(m *clip.Model) error {
	for c, class := range e.classes {
		for _, name := range evaluate.Names(class) {
			ids, _, err := m.Tokenizer.Encode(name, m.Config.Text.ContextLength, false)
			if err != nil {
				return err
			}
			e.names, e.owner, e.words = append(e.names, name), append(e.owner, c), append(e.words, len(ids)-2)
			e.length = max(e.length, len(ids))
		}
	}
	e.ids = m.Tokenizer.EncodeBatch(e.names, e.length)
	return nil
}

func (e *exam) pictures(v clip.VisionConfig) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(e.pixels, len(e.labels), v.Height, v.Width, 3)
}

// scorer gives the pictures of an exam their scores, compiled once for all the times that a model is measured.
type scorer struct {
	n     *network
	e     *exam
	look  *model.Exec // from pictures, and the prompts' ids, to scores; of the language model, from pictures alone to prefixes
	speak *model.Exec // of the language model: from prefixes [n, W] and ids [n, L] to log p of each text [n]
}

func newScorer(b *backend.Backend, n *network, e *exam) (s *scorer, err error) {
	s = &scorer{n: n, e: e}
	if s.look, err = model.NewExec(b.Backend, n.store, s.seen); err != nil || n.method != Language {
		return s, err
	}
	s.speak, err = model.NewExec(b.Backend, n.store, func(scope *model.Scope, in []*graph.Node) *graph.Node {
		return graph.Neg(n.languageLosses(scope, in[0], in[1]).PerExample)
	})
	return s, err
}

func (s *scorer) close() {
	for _, exec := range []*model.Exec{s.look, s.speak} {
		if exec != nil {
			exec.Finalize()
		}
	}
}

// seen is the graph of look: cosines of pictures and classes [n, C]; log p of the words of prompts [n, P]; prefixes [n, W].
func (s *scorer) seen(scope *model.Scope, in []*graph.Node) *graph.Node {
	feature := s.n.image(scope, in[0])
	switch s.n.method {
	case Language:
		return s.n.prefix(scope, feature)
	case Prediction:
		logP := logSoftmax(s.n.words(scope, feature))
		bag := bagOf(in[1], logP.Shape().Dim(-1), s.n.shaped.Tokenizer.StartToken())
		return graph.DotGeneral(logP, []int{1}, nil, bag, []int{1}, nil)
	}
	// A class is the direction of the mean of its prompts, as in CLIP.
	classes := clip.Normalize(graph.MatMul(graph.Const(feature.Graph(), s.e.members()), s.n.text(scope, in[1])))
	return graph.DotGeneral(clip.Normalize(feature), []int{1}, nil, classes, []int{1}, nil)
}

// members [C][P] are 1 where a prompt is a class's.
func (e *exam) members() [][]float32 {
	of := make([][]float32, len(e.classes))
	for c := range of {
		of[c] = make([]float32, len(e.owner))
	}
	for p, c := range e.owner {
		of[c][p] = 1
	}
	return of
}

// measure returns the share of pictures that are classified rightly, by each [Rule] that the method has.
func (s *scorer) measure() (map[Rule]float64, error) {
	scores, err := s.scores()
	if err != nil {
		return nil, fmt.Errorf("cannot classify by the %s: %w", s.n.method, err)
	}
	found := map[Rule]float64{}
	for _, rule := range s.n.method.Rules() {
		hits := 0
		for i, class := range clip.Predicted(s.e.byClass(scores, rule)) {
			if class == s.e.labels[i] {
				hits++
			}
		}
		found[rule] = float64(hits) / float64(len(s.e.labels))
	}
	return found, nil
}

// scores are what look gives, or of the language model log p of every prompt [n][P].
func (s *scorer) scores() ([][]float32, error) {
	inputs := []any{s.e.pictures(s.n.shaped.Config.Vision)}
	if s.n.method != Language {
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(s.e.ids, len(s.e.names), s.e.length))
	}
	out, err := s.look.Call1(inputs...)
	if err != nil {
		return nil, err
	}
	defer out.FinalizeAll()
	if s.n.method != Language {
		return out.Value().([][]float32), nil
	}
	n := len(s.e.labels)
	all := make([][]float32, n)
	for p := range s.e.names {
		ids := slices.Repeat(s.e.ids[p*s.e.length:(p+1)*s.e.length], n)
		said, err := s.speak.Call1(out, tensors.FromFlatDataAndDimensions(ids, n, s.e.length))
		if err != nil {
			return nil, err
		}
		for i, v := range said.Value().([]float32) {
			all[i] = append(all[i], v)
		}
		said.FinalizeAll()
	}
	return all, nil
}
