package lesson

import (
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// CaptionedPictures are held-out pictures with what a captioner says of them.
type CaptionedPictures struct {
	Examples []datasets.Example
	Pictures []image.Image
	Greedy   []captioner.Described // the likeliest word at every step
	Beam     []captioner.Described // what a beam of 5 finds
}

// HeldOutCaptions has a captioner write about n held-out pictures, spread evenly over its data set, in two ways.
func HeldOutCaptions(c *captioner.Model, n int) *CaptionedPictures {
	p := &CaptionedPictures{Examples: Try(c.Samples(n))}
	for _, example := range p.Examples {
		p.Pictures = append(p.Pictures, Try(example.Open()))
	}
	p.Greedy = Try(c.Caption(p.Pictures))
	writer := Try(c.NewWriter(captioner.Writing{Beam: captioning.BeamOptions{K: 5}}, 10))
	defer writer.Close()
	for _, captions := range Try(writer.Write(p.Pictures)) {
		p.Beam = append(p.Beam, captions[0])
	}
	return p
}

// Unheard are the words of a caption that none of the people's sentences about the picture has, each once.
func Unheard(d captioner.Described, example datasets.Example) []string {
	var heard, unheard []string
	for _, sentence := range example.Captions {
		heard = append(heard, captioning.Tokenize(sentence)...)
	}
	for _, word := range d.Words {
		if !slices.Contains(heard, word) && !slices.Contains(unheard, word) {
			unheard = append(unheard, word)
		}
	}
	return unheard
}

// HeldOutLoss is how surprised a captioner is by the words that people write, in nats a word, on n held-out pictures.
func HeldOutLoss(c *captioner.Model, n int) stats.Mean {
	heldOut := datasets.Limit(Try(c.HeldOut()), n)
	prepared, _, err := c.Prepare(context.Background(), &experiments.Env{Messages: io.Discard}, heldOut)
	Check(err)
	return Try(c.HeldOutLoss(context.Background(), prepared)).Loss
}

// FirstSentences are, for each picture, the words of its first sentence of at most so many. Where all are longer it is the beginning of the first, and a
// line says so.
func FirstSentences(examples []datasets.Example, most int) [][]string {
	var all [][]string
	for _, example := range examples {
		words := captioning.Tokenize(example.Captions[0])
		for _, other := range example.Captions[1:] {
			if len(words) > most {
				words = captioning.Tokenize(other)
			}
		}
		if len(words) > most {
			words = captioning.Tokenize(example.Captions[0])[:most]
			fmt.Printf("%s: no sentence has at most %d words, so its first is read up to there\n", example.ID, most)
		}
		all = append(all, words)
	}
	return all
}

// PrintSteps prints what a decoder did, a line a step: what it read, how it looked, the likeliest words, the one it took.
func PrintSteps(t *captioner.Trace, candidates int) {
	fmt.Printf("%-4s %-10s %-13s %-6s %-*s %s\n", "step", "reads", "looks at", "gate", 19*candidates, "might say", "takes")
	for i, s := range t.Steps {
		var likely strings.Builder
		for _, c := range s.P[:min(candidates, len(s.P))] {
			fmt.Fprintf(&likely, "%-12s %.2f  ", c.Word, c.P)
		}
		fmt.Printf("%-4d %-10s %4.1f places   %.2f   %s %s\n", i+1, s.Read, PlacesLookedAt(s.Alpha), s.Beta, likely.String(), s.Took)
	}
}
