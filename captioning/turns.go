package captioning

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Turn is a question about a picture with its answer, in words: a turn of the conversations that LLaVA learns from (Liu et al. 2023, "Visual Instruction
// Tuning", arXiv 2304.08485, section 4.2 and table 2).
type Turn struct{ Question, Answer []string }

// The words that say whose turn it is. A vocabulary of conversations has them.
const (
	AskingWord    = "question:"
	AnsweringWord = "answer:"
)

// Words are those of a turn as it stands in a text: "question: what colour is the ring answer: red".
func (t Turn) Words() []string {
	return append(t.asked(), t.Answer...)
}

func (t Turn) asked() []string {
	words := append([]string{AskingWord}, t.Question...)
	return append(words, AnsweringWord)
}

// EncodeTurns returns a conversation as numbers: the start word, and for each turn its words and the end word, which ends an answer, not the text. learned
// says of each word after the start word whether it is learned: those of the answers and the end words behind them, the green ones of LLaVA's table 2. At
// most maxLen words follow the start word: the first turn that does not fit, and those behind it, are left out; turns says how many there are. A word of
// an answer that the vocabulary does not have is an error, for the model would learn not to know; one of a question becomes [Unknown].
func (v *Vocabulary) EncodeTurns(all []Turn, maxLen int) (ids []int32, learned []bool, turns int, err error) {
	ids = []int32{Start}
	for i, t := range all {
		if len(t.Answer) == 0 {
			return nil, nil, 0, fmt.Errorf("turn %d: expected an answer to %q, found none", i, t.Question)
		}
		asked := t.asked()
		if len(learned)+len(asked)+len(t.Answer)+1 > maxLen {
			break
		}
		for _, word := range asked {
			ids, learned = append(ids, v.ID(word)), append(learned, false)
		}
		for _, word := range t.Answer {
			id := v.ID(word)
			if id == Unknown {
				return nil, nil, 0, fmt.Errorf("turn %d: expected answers of the vocabulary's words, found %q", i, word)
			}
			ids, learned = append(ids, id), append(learned, true)
		}
		ids, learned, turns = append(ids, End), append(learned, true), i+1
	}
	return ids, learned, turns, nil
}

// EncodeAsking returns a conversation as numbers up to where the answer to a further question would begin: what a model reads before it answers.
func (v *Vocabulary) EncodeAsking(before []Turn, question []string, maxLen int) ([]int32, error) {
	ids, _, turns, err := v.EncodeTurns(before, maxLen)
	if err != nil {
		return nil, err
	}
	for _, word := range (Turn{Question: question}).asked() {
		ids = append(ids, v.ID(word))
	}
	if turns < len(before) || len(ids) > maxLen { // a word of the answer has to fit, too
		return nil, fmt.Errorf("expected a conversation of at most %d words with an answer to its last question, found a longer one; leave out its first turns", maxLen)
	}
	return ids, nil
}

// BatchTurns puts conversations side by side: numbers [len(all), maxLen+1], filled up with [Pad], and the mask [len(all), maxLen] that is 1 where the next word
// is learned, as [TurnsLoss] wants them. A conversation of which no turn fits is an error that names its place.
func (v *Vocabulary) BatchTurns(all [][]Turn, maxLen int) (ids []int32, mask []float32, err error) {
	ids, mask = make([]int32, len(all)*(maxLen+1)), make([]float32, len(all)*maxLen)
	for n, conversation := range all {
		words, learned, turns, err := v.EncodeTurns(conversation, maxLen)
		if err != nil {
			return nil, nil, fmt.Errorf("conversation %d: %w", n, err)
		}
		if turns == 0 {
			return nil, nil, fmt.Errorf("conversation %d: expected a turn of at most %d words, found none", n, maxLen)
		}
		copy(ids[n*(maxLen+1):], words)
		for i, is := range learned {
			if is {
				mask[n*maxLen+i] = 1
			}
		}
	}
	return ids, mask, nil
}

// TurnsLoss is the mean of -log p, in nats, of the words of ids [N, T] (int32) that mask [N, T-1] (float32) says are learned, for the scores logits [N, T-1, V] of
// the word that follows each step: LLaVA's equation 3, with the answers' words alone. A scalar; 0 where nothing is learned.
func TurnsLoss(logits, ids, mask *Node) *Node {
	dims := logits.Shape().Dimensions
	N, steps, V := dims[0], dims[1], dims[2]
	ids.AssertDims(N, steps+1)
	mask.AssertDims(N, steps)
	if mask.DType() != dtypes.Float32 {
		panic(fmt.Errorf("expected a mask of float32, found %s", mask.Shape()))
	}
	target := graph.Reshape(graph.SliceAxis(ids, 1, graph.AxisRangeToEnd(1)), N*steps)
	nll, _ := surprise(graph.Reshape(logits, N*steps, V), target, 0)
	sum := graph.ReduceAllSum(graph.Mul(graph.Reshape(nll, N, steps), mask))
	return graph.Div(sum, graph.MaxScalar(graph.ReduceAllSum(mask), 1))
}
