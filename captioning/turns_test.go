package captioning

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func turn(question, answer string) Turn {
	return Turn{strings.Fields(question), strings.Fields(answer)}
}

// talk is a vocabulary of the turns' words.
func talk(all ...Turn) *Vocabulary {
	var words [][]string
	for _, t := range all {
		words = append(words, t.Words())
	}
	return NewVocabulary(words, 1)
}

// A conversation by hand: what is asked is read, what is answered is learned, with the end of each answer.
func TestEncodeTurns(t *testing.T) {
	all := []Turn{turn("what colour", "red"), turn("how many rings", "two rings")}
	v := talk(all...)
	spelled := func(ids []int32) string {
		var words []string
		for _, id := range ids {
			words = append(words, v.Word(id))
		}
		return strings.Join(words, " ")
	}
	ids, learned, turns, err := v.EncodeTurns(all, 20)
	if err != nil || turns != 2 || spelled(ids) != "<start> question: what colour answer: red <end> question: how many rings answer: two rings <end>" {
		t.Fatalf("found %q, %d turns, %v", spelled(ids), turns, err)
	}
	var said []int32
	for i, is := range learned {
		if is {
			said = append(said, ids[i+1])
		}
	}
	if len(learned) != len(ids)-1 || spelled(said) != "red <end> two rings <end>" {
		t.Errorf("learned is %q of %d words", spelled(said), len(learned))
	}
	if ids, learned, turns, err = v.EncodeTurns(all, 13); err != nil || turns != 1 || len(ids) != 7 || len(learned) != 6 {
		t.Errorf("a turn that does not fit: found %q, %d turns, %v", spelled(ids), turns, err)
	}
	asking, err := v.EncodeAsking(all[:1], []string{"what", "weather"}, 12)
	if err != nil || spelled(asking) != "<start> question: what colour answer: red <end> question: what <unk> answer:" {
		t.Errorf("found %q, %v", spelled(asking), err)
	}
	for want, err := range map[string]error{
		`found "green"`:       second(v.EncodeTurns([]Turn{turn("what colour", "green")}, 20)),
		"found none":          second(v.EncodeTurns([]Turn{turn("what colour", "")}, 20)),
		"leave out its first": last(v.EncodeAsking(all, []string{"what"}, 14)),
		"at most 10 words":    last(v.EncodeAsking(all[:1], []string{"what", "weather"}, 10)),
		"conversation 1: exp": second3(v.BatchTurns([][]Turn{all, nil}, 20)),
		"turn of at most 3":   second3(v.BatchTurns([][]Turn{all}, 3)),
		"conversation 0: tur": second3(v.BatchTurns([][]Turn{{turn("what", "blue")}}, 20)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}

func second(_ []int32, _ []bool, _ int, err error) error { return err }
func last(_ []int32, err error) error                    { return err }
func second3(_ []int32, _ []float32, err error) error    { return err }

// scenesTurns are the questions about scenes, and a vocabulary for them.
func scenesTurns(t *testing.T, n int) (all [][]Turn, v *Vocabulary) {
	t.Helper()
	cfg := scenes.Default()
	cfg.Count = n
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var words []Turn
	for i := range n {
		var turns []Turn
		for _, q := range set.Scene(i).Questions() {
			turns = append(turns, Turn{Tokenize(q.Text), Tokenize(q.Answer)})
		}
		all, words = append(all, turns), append(words, turns...)
	}
	return all, talk(append(words, turn("", strings.Join(scenes.Answers(), " ")))...)
}

// The questions about a scene are a conversation of known words, and the mask counts its answers and their ends.
func TestTurnsOfScenes(t *testing.T) {
	all, v := scenesTurns(t, 60)
	const maxLen = 120
	ids, mask, err := v.BatchTurns(all, maxLen)
	if err != nil {
		t.Fatal(err)
	}
	for n, turns := range all {
		row, learned := ids[n*(maxLen+1):(n+1)*(maxLen+1)], mask[n*maxLen:(n+1)*maxLen]
		ends, said := 0, 0
		for i, m := range learned {
			if row[i+1] == End {
				ends++
			}
			if m == 1 {
				said++
			}
		}
		if slices.Contains(row, Unknown) || ends == 0 || ends > len(turns) || said != 2*ends { // an answer of Scenes is one word
			t.Errorf("scene %d: %d answers of %d, %d words learned: %v", n, ends, len(turns), said, row)
		}
	}
}

// The loss is the mean over the answers' words, by a loop, and no slope goes to the scores of others.
func TestTurnsLoss(t *testing.T) {
	all, v := scenesTurns(t, 3)
	const maxLen = 40
	ids, mask, err := v.BatchTurns(all, maxLen)
	if err != nil {
		t.Fatal(err)
	}
	V := v.Len()
	rng := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, 3*maxLen*V)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64())
	}
	sum, words := 0.0, 0.0
	for i, m := range mask {
		if m == 1 {
			words++
			sum += surprised(logits[i*V:(i+1)*V], int(ids[i/maxLen*(maxLen+1)+i%maxLen+1]))
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out := graph.MustExecOnceN(b, func(logits, ids, mask *Node) []*Node {
			loss := TurnsLoss(logits, ids, mask)
			return []*Node{loss, graph.Gradient(loss, logits)[0]}
		}, tensors.FromFlatDataAndDimensions(slices.Clone(logits), 3, maxLen, V), tensors.FromFlatDataAndDimensions(slices.Clone(ids), 3, maxLen+1),
			tensors.FromFlatDataAndDimensions(slices.Clone(mask), 3, maxLen))
		if loss := tensors.ToScalar[float32](out[0]); math.Abs(float64(loss)-sum/words) > 1e-4 {
			t.Errorf("expected the loss %.5f, found %.5f", sum/words, loss)
		}
		slopes := flatOf(t, out[1])
		for i, m := range mask {
			steep := slices.ContainsFunc(slopes[i*V:(i+1)*V], func(s float32) bool { return s != 0 })
			if steep != (m == 1) {
				t.Fatalf("step %d: learned %g, a slope: %t", i, m, steep)
			}
		}
	})
}

// A language model that sees learns to answer in turns: the second answer follows the second question, and what is asked is not learned.
func TestTurnsAreLearned(t *testing.T) {
	colours, sizes := []string{"red", "blue", "green"}, []string{"small", "large"}
	var all [][]Turn
	var features []float32
	cfg := tinyLanguage(BridgeLinear)
	for i := range 6 {
		colour, size := turn("what colour", colours[i%3]), turn("what size", sizes[i/3])
		conversation := []Turn{colour, size}
		if i%2 == 1 { // either may come first
			conversation = []Turn{size, colour}
		}
		all = append(all, conversation)
		seen := make([]float32, cfg.Locations*cfg.FeatureDim)
		seen[i%3], seen[3+i/3] = 3, 3
		features = append(features, seen...)
	}
	v := talk(slices.Concat(all...)...)
	const maxLen = 12
	cfg.MaxLen = maxLen
	cfg = cfg.Fit(v.Len(), cfg.Locations, cfg.FeatureDim)
	ids, mask, err := v.BatchTurns(all, maxLen)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	adam := optimizer.Adam().LearningRate(0.01).Done()
	b := backendtest.Go(t)
	seen := func() *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(slices.Clone(features), 6, cfg.Locations, cfg.FeatureDim)
	}
	train := model.MustNewExec(b, store, func(scope *model.Scope, a, ids, mask *Node) []*Node {
		store.SetTraining(a.Graph(), true)
		logits := DecodeLanguage(scope.At("captioner"), cfg, a, ids)
		loss := TurnsLoss(logits, ids, mask)
		adam.UpdateGraph(scope, a.Graph(), loss)
		return []*Node{loss, TurnsLoss(logits, ids, graph.OneMinus(mask))}
	})
	defer train.Finalize()
	var losses []float32
	for range 80 {
		losses = nil
		for _, x := range train.MustCall(seen(), tensors.FromFlatDataAndDimensions(slices.Clone(ids), 6, maxLen+1), tensors.FromFlatDataAndDimensions(slices.Clone(mask), 6, maxLen)) {
			losses = append(losses, tensors.ToScalar[float32](x))
		}
	}
	if losses[0] > 0.1 || losses[1] < 1 {
		t.Errorf("losses of the answers and of everything else: %v", losses)
	}
	ask := model.MustNewExec(b, store, func(scope *model.Scope, a, ids *Node) *Node {
		return graph.ArgMax(DecodeLanguage(scope.At("captioner"), cfg, a, ids), -1)
	})
	defer ask.Finalize()
	for i, conversation := range all {
		asking, err := v.EncodeAsking(conversation[:1], conversation[1].Question, maxLen)
		if err != nil {
			t.Fatal(err)
		}
		batch := make([]int32, 6*(maxLen+1))
		copy(batch[i*(maxLen+1):], asking)
		said := ask.MustCall1(seen(), tensors.FromFlatDataAndDimensions(batch, 6, maxLen+1)).Value().([][]int32)[i][len(asking)-1]
		if want := conversation[1].Answer[0]; v.Word(said) != want {
			t.Errorf("%s: expected %q, found %q", fmt.Sprint(conversation[1].Question), want, v.Word(said))
		}
	}
}
