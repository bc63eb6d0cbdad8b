package lesson

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/plots"
)

// SharedSpaceDiagram draws two towers that end in one space.
func SharedSpaceDiagram() (*plots.Figure, error) {
	return plots.Diagram(plots.DiagramConfig{
		Boxes: []plots.DiagramBox{
			{Text: "picture\npixels", Row: 0, Column: 0, Plain: true}, {Text: "text\nsymbols", Row: 1, Column: 0, Plain: true},
			{Text: "image tower", Row: 0, Column: 1, Group: "learned"}, {Text: "text tower", Row: 1, Column: 1, Group: "learned"},
			{Text: "I\nlist of numbers", Name: "I", Row: 0, Column: 2}, {Text: "T\nlist of numbers", Name: "T", Row: 1, Column: 2},
			{Text: "cosine\nlarge for a pair,\nsmall for others", Name: "cosine", Row: 0, Rows: 2, Column: 3},
		},
		Arrows: []plots.DiagramArrow{
			{From: "picture\npixels", To: "image tower"}, {From: "text\nsymbols", To: "text tower"},
			{From: "image tower", To: "I"}, {From: "text tower", To: "T"}, {From: "I", To: "cosine"}, {From: "T", To: "cosine"},
		},
	})
}

// ShowAndTellDiagram draws an encoder and an LSTM that is unrolled over three words.
func ShowAndTellDiagram() (*plots.Figure, error) {
	cfg := plots.DiagramConfig{Boxes: []plots.DiagramBox{
		{Text: "picture", Row: 1, Column: 0, Plain: true},
		{Text: "network\nfor pictures", Name: "network", Row: 1, Column: 1, Group: "learned"},
		{Text: "mean\nof all places", Name: "mean", Row: 1, Column: 2},
	}, Arrows: []plots.DiagramArrow{{From: "picture", To: "network"}, {From: "network", To: "mean"}}}
	last := "mean"
	for i, words := range [][2]string{{"<start>", "a"}, {"a", "red"}, {"red", "ring"}, {"ring", "<end>"}} {
		lstm, says, reads := "LSTM"+words[0], "p "+words[1], "reads "+words[0]
		cfg.Boxes = append(cfg.Boxes,
			plots.DiagramBox{Text: "says\n" + words[1], Name: says, Row: 0, Column: 3 + i, Plain: true},
			plots.DiagramBox{Text: "LSTM", Name: lstm, Row: 1, Column: 3 + i, Group: "learned"},
			plots.DiagramBox{Text: "reads\n" + words[0], Name: reads, Row: 2, Column: 3 + i, Plain: true})
		cfg.Arrows = append(cfg.Arrows, plots.DiagramArrow{From: last, To: lstm},
			plots.DiagramArrow{From: lstm, To: says}, plots.DiagramArrow{From: reads, To: lstm})
		last = lstm
	}
	return plots.Diagram(cfg)
}

// LoopDiagram draws the loop of Show, Attend and Tell: what is remembered decides where to look, and what is seen is remembered.
func LoopDiagram() (*plots.Figure, error) {
	return plots.Diagram(plots.DiagramConfig{
		Boxes: []plots.DiagramBox{
			{Text: "places aᵢ", Row: 0, Column: 0, Plain: true},
			{Text: "score\neᵢ", Name: "score", Row: 0, Column: 1, Group: "attention"},
			{Text: "softmax\nαᵢ", Name: "softmax", Row: 0, Column: 2, Group: "attention"},
			{Text: "weighted sum\nz", Name: "sum", Row: 0, Column: 3, Group: "attention"},
			{Text: "LSTM\nremembers h", Name: "LSTM", Row: 0, Column: 4, Group: "language"},
			{Text: "next word", Row: 0, Column: 5, Plain: true},
		},
		Arrows: []plots.DiagramArrow{
			{From: "places aᵢ", To: "score"}, {From: "score", To: "softmax"}, {From: "softmax", To: "sum"}, {From: "sum", To: "LSTM"},
			{From: "LSTM", To: "next word"}, {From: "LSTM", To: "score", Label: "h: where to look next", Route: plots.Above},
			{From: "next word", To: "LSTM", Label: "is read at the next step", Route: plots.Below},
		},
	})
}

// timelineSteps is how many steps of a caption fit beside each other.
const timelineSteps = 4

// TimelineDiagram draws the first steps of a caption beside each other: at each, what is remembered decides on a look at the places,
// whose context the LSTM is given with the word before.
func TimelineDiagram(t *captioner.Trace) (*plots.Figure, error) {
	n := min(timelineSteps, len(t.Steps))
	cfg := plots.DiagramConfig{Boxes: []plots.DiagramBox{{Text: "the places of the picture, aᵢ", Name: "places", Row: 3, Columns: n}}}
	for i, s := range t.Steps[:n] {
		says, lstm, look := fmt.Sprintf("says %d", i), fmt.Sprintf("LSTM %d", i), fmt.Sprintf("look %d", i)
		cfg.Boxes = append(cfg.Boxes,
			plots.DiagramBox{Text: s.Took, Name: says, Row: 0, Column: i, Plain: true},
			plots.DiagramBox{Text: "LSTM\nreads " + s.Read, Name: lstm, Row: 1, Column: i, Group: "language"},
			plots.DiagramBox{Text: fmt.Sprintf("look %d\nat %.1f places", i+1, PlacesLookedAt(s.Alpha)), Name: look, Row: 2, Column: i, Group: "attention"})
		cfg.Arrows = append(cfg.Arrows, plots.DiagramArrow{From: "places", To: look},
			plots.DiagramArrow{From: look, To: lstm, Label: "z"}, plots.DiagramArrow{From: lstm, To: says})
		if i > 0 {
			before := fmt.Sprintf("LSTM %d", i-1)
			cfg.Arrows = append(cfg.Arrows, plots.DiagramArrow{From: before, To: lstm, Label: "h"}, plots.DiagramArrow{From: before, To: look})
		}
	}
	return plots.Diagram(cfg)
}

// BuiltDiagram draws what is built on CLIP, in the order of the notebook, and which parts of a CLIP each has: its two towers, or the cosine that comes
// of both.
func BuiltDiagram() (*plots.Figure, error) {
	cfg := plots.DiagramConfig{Boxes: []plots.DiagramBox{
		{Text: "image tower", Row: 0, Rows: 2, Column: 0, Group: "CLIP"},
		{Text: "cosine", Row: 2, Rows: 2, Column: 0, Group: "CLIP"},
		{Text: "text tower", Row: 4, Rows: 2, Column: 0, Group: "CLIP"},
	}}
	for row, built := range []struct {
		text string
		with []string
	}{
		{"captions of a language model\nbuilt/captioning, built/blip", []string{"image tower"}},
		{"answers to questions\nbuilt/answering", []string{"image tower"}},
		{"masks of what a text means\nbuilt/segmentation", []string{"image tower", "text tower"}},
		{"guidance and judgement\nbuilt/guided, built/judge", []string{"cosine"}},
		{"pictures that have an embedding\nbuilt/unclip", []string{"text tower", "image tower"}},
		{"pictures that read a prompt\nbuilt/latent", []string{"text tower"}},
	} {
		cfg.Boxes = append(cfg.Boxes, plots.DiagramBox{Text: built.text, Row: row, Column: 1, Columns: 3})
		for _, part := range built.with {
			cfg.Arrows = append(cfg.Arrows, plots.DiagramArrow{From: part, To: built.text})
		}
	}
	return plots.Diagram(cfg)
}
