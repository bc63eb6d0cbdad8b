package main

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// look is how a captioner looked at a picture for one word, or over all words together.
type look struct {
	Word    string
	Weights []float64 // of the places, row by row
	Entropy float64   // of the weights as shares, in nats: 0 for one place, ln of their number for all alike
	Places  float64   // exp of the entropy: so many places with even shares would be as sharp a look
	All     bool      // the sum over all words
}

// looksOf are the looks for the words of a caption, and last their sum over the words (the doubly stochastic picture), if
// there is a word. Show and Tell does not look.
func looksOf(d captioner.Described) []look {
	if len(d.Alphas) == 0 {
		return nil
	}
	var looks []look
	for i, word := range d.Words {
		looks = append(looks, newLook(word, d.Alphas[i]))
	}
	sum := make([]float64, len(d.Alphas[0]))
	for _, alpha := range d.Alphas {
		floats.Add(sum, alpha)
	}
	all := newLook("all words", sum)
	all.All = true
	return append(looks, all)
}

func newLook(word string, weights []float64) look {
	shares := slices.Clone(weights)
	floats.Scale(1/floats.Sum(shares), shares)
	entropy := stat.Entropy(shares)
	return look{Word: word, Weights: weights, Entropy: entropy, Places: math.Exp(entropy)}
}

// short says how sharp the look is in a few words.
func (l look) short() string { return fmt.Sprintf("%.1f places", l.Places) }

// line says it in a line.
func (l look) line() string {
	return fmt.Sprintf("looks at %.1f of %d places (H = %.2f nats)", l.Places, len(l.Weights), l.Entropy)
}

// note says it in sentences.
func (l look) note() string {
	if l.All {
		return fmt.Sprintf("All looks added up. A place got %.2f on average, the least %.2f, the most %.2f. The doubly stochastic term of training "+
			"wants these sums to be even, so that no place is passed over; they are as even as %.1f of %d places alike (H = %.2f nats).",
			stat.Mean(l.Weights, nil), slices.Min(l.Weights), slices.Max(l.Weights), l.Places, len(l.Weights), l.Entropy)
	}
	most, even := slices.Max(l.Weights), 1/float64(len(l.Weights))
	if most < 1.1*even {
		return fmt.Sprintf("“%s”: it looked everywhere alike (H = %.2f nats of at most %.2f). The brightest place has %.1f%% of the attention, an even share is %.1f%%.",
			l.Word, l.Entropy, math.Log(float64(len(l.Weights))), 100*most, 100*even)
	}
	return fmt.Sprintf("“%s”: as sharp a look as at %.1f of %d places alike (H = %.2f nats of at most %.2f). The brightest place has %.1f%% of the attention, %.1f times an even share.",
		l.Word, l.Places, len(l.Weights), l.Entropy, math.Log(float64(len(l.Weights))), 100*most, most/even)
}
