package composition

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// towers is a CLIP whose text tower is a transformer, or knows no order of words.
type towers struct {
	store     *model.Store
	vision    clip.VisionConfig
	text      clip.TextConfig
	embedDim  int
	bag       bool // the text is the sum of its words
	tokenizer *clip.Tokenizer
}

// embed returns unit embeddings [N, D] of pictures [N, H, W, 3] and texts [N, L].
func (t *towers) embed(scope *model.Scope, pictures, ids *graph.Node) (image, text *graph.Node) {
	image = clip.EncodeImage(scope, t.vision, t.embedDim, pictures)
	if t.bag {
		text = clip.EncodeBagOfWords(scope, t.text, t.embedDim, ids)
	} else {
		text = clip.EncodeText(scope, t.text, t.embedDim, ids)
	}
	return clip.Normalize(image), clip.Normalize(text)
}

// scorer compares pictures with texts.
type scorer struct {
	t    *towers
	exec *model.Exec
}

func (t *towers) scorer(b *backend.Backend) (*scorer, error) {
	exec, err := model.NewExec(b.Backend, t.store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		image, text := t.embed(scope, inputs[0], inputs[1])
		return graph.ReduceSum(graph.Mul(image, text), 1)
	})
	return &scorer{t, exec}, err
}

// cosines are those of pictures, each [H*W*3], and one text for each.
func (s *scorer) cosines(pictures [][]float32, texts []string) (all []float32, err error) {
	const batch = 100 // of one size but the last, so that little is compiled
	v := s.t.vision
	for from := 0; from < len(texts); from += batch {
		to := min(from+batch, len(texts))
		var pixels []float32
		for _, p := range pictures[from:to] {
			pixels = append(pixels, p...)
		}
		ids := s.t.tokenizer.EncodeBatch(texts[from:to], s.t.text.ContextLength)
		out, err := s.exec.Call1(tensors.FromFlatDataAndDimensions(pixels, to-from, v.Height, v.Width, 3), tensors.FromFlatDataAndDimensions(ids, to-from, s.t.text.ContextLength))
		if err != nil {
			return nil, fmt.Errorf("cannot compare pictures with texts: %w", err)
		}
		err = tensors.ConstFlatData(out, func(flat []float32) { all = append(all, flat...) })
		out.FinalizeAll()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
