package segmentation

import (
	"slices"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/experiments"
)

// way is a way of making a mask: maps [scene][phrase][pixel] of a test, nil for phrases that it does not take.
type way struct {
	name      string
	threshold string // the way whose threshold it takes; its own if there is none
	maps      func(env *experiments.Env, m *segmenting.Model, t test) ([][][]float32, error)
}

// The ways' names.
const (
	withText    = "text"
	withExample = "example picture"
	withBoth    = "half text, half example"
	asPlaces    = "CLIP's places, untrained"
	asStretched = "CLIP's places, stretched"
	asWhole     = "whole picture"
)

// ways are all of them.
func ways() []way {
	return []way{
		{withText, "", decoded(func(text, _ []float32) []float32 { return text })},
		{withExample, withText, decoded(func(_, example []float32) []float32 { return example })},
		{withBoth, withText, decoded(func(text, example []float32) []float32 { return mixed(text, example) })},
		{asPlaces, "", places(func(row []float32) {})},
		{asStretched, "", places(stretch)},
		{asWhole, asWhole, whole},
	}
}

// mixed is half of both; without an example there is nothing to be mixed.
func mixed(text, example []float32) []float32 {
	if example == nil {
		return nil
	}
	half := make([]float32, len(text))
	for i := range half {
		half[i] = (text[i] + example[i]) / 2
	}
	return half
}

// decoded is the decoder with the condition that is made of a phrase's text and its example, which may be nil; where the condition is nil, it is not asked.
func decoded(condition func(text, example []float32) []float32) func(*experiments.Env, *segmenting.Model, test) ([][][]float32, error) {
	return func(env *experiments.Env, m *segmenting.Model, t test) ([][][]float32, error) {
		texts, err := textsOf(env, m, t)
		if err != nil {
			return nil, err
		}
		maps, conditions, at := make([][][]float32, len(t.asked)), make([][][]float32, len(t.asked)), make([][]int, len(t.asked))
		for i, a := range t.asked {
			maps[i] = make([][]float32, len(a.phrases))
			for k := range a.phrases {
				if c := condition(texts[i][k], a.examples[k]); c != nil {
					conditions[i], at[i] = append(conditions[i], c), append(at[i], k)
				}
			}
		}
		found, err := m.Probabilities(env.Backend.Backend, t.pixels(), conditions)
		for i, list := range found {
			for n, values := range list {
				maps[i][at[i][n]] = values
			}
		}
		return maps, err
	}
}

// pixels are those of all scenes.
func (t test) pixels() (all [][]float32) {
	for _, a := range t.asked {
		all = append(all, a.pixels)
	}
	return all
}

// textsOf are the embeddings of a test's phrases.
func textsOf(env *experiments.Env, m *segmenting.Model, t test) ([][][]float32, error) {
	var flat []string
	for _, a := range t.asked {
		for _, p := range a.phrases {
			flat = append(flat, p.String())
		}
	}
	different := slices.Compact(slices.Sorted(slices.Values(flat)))
	embedded, err := m.Texts(env.Backend.Backend, different)
	if err != nil {
		return nil, err
	}
	all := make([][][]float32, len(t.asked))
	for i, a := range t.asked {
		for _, p := range a.phrases {
			k, _ := slices.BinarySearch(different, p.String())
			all[i] = append(all[i], embedded[k])
		}
	}
	return all, nil
}

// places is how near every place of CLIP's last grid is to the text, smoothly enlarged, with no training.
func places(change func(row []float32)) func(*experiments.Env, *segmenting.Model, test) ([][][]float32, error) {
	return func(env *experiments.Env, m *segmenting.Model, t test) ([][][]float32, error) {
		texts, err := textsOf(env, m, t)
		if err != nil {
			return nil, err
		}
		maps, err := m.Similarities(env.Backend.Backend, t.pixels(), texts)
		if err != nil {
			return nil, err
		}
		v := m.Config.CLIP.Vision
		h, w, _ := v.Grid()
		for _, list := range maps {
			for k := range list {
				change(list[k])
				list[k] = segmenting.Resized(list[k], w, h, v.Width, v.Height)
			}
		}
		return maps, nil
	}
}

// stretch moves and scales values so that they reach from 0 to 1.
func stretch(row []float32) {
	low, high := slices.Min(row), slices.Max(row)
	for i := range row {
		row[i] = (row[i] - low) / max(high-low, 1e-6)
	}
}

// whole marks every pixel.
func whole(_ *experiments.Env, _ *segmenting.Model, t test) ([][][]float32, error) {
	maps := make([][][]float32, len(t.asked))
	for i, a := range t.asked {
		for _, truth := range a.truths {
			maps[i] = append(maps[i], slices.Repeat([]float32{1}, len(truth)))
		}
	}
	return maps, nil
}
