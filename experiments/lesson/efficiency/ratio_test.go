package efficiency

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// A tower of one stage, a transformer of one layer, counted by hand.
func TestWorkOf(t *testing.T) {
	c := clip.Config{EmbedDim: 5,
		Vision: clip.VisionConfig{Height: 8, Width: 8, Patch: 4, Stages: []clip.Stage{{Channels: 6, Blocks: 1}}},
		Text:   clip.TextConfig{VocabSize: 100, ContextLength: 7, Width: 8, Layers: 1, Heads: 2}}
	// Four patches of 4 x 4 x 3 into 6 channels, two convolutions 3 x 3 from 6 into 6 on each of the four places, and the projection of 6 on 5.
	image := 4*(4*4*3*6) + 2*4*(9*6*6) + 6*5
	// Of l places: queries, keys, values and the way out 8 x 8 each; 8 x 32 and back; every place with every other for the scores and for the values.
	blocks := func(l int) int { return l*(4*8*8) + l*(2*8*32) + 2*l*l*8 }
	for method, text := range map[Method]int{
		Language:    blocks(6) + 5*8 + 6*8*100,
		Prediction:  5 * 100,
		Contrastive: 8*32 + 32*5 + 10*5, // the last: its picture against the ten texts of the batch
		Transformer: blocks(7) + 8*5 + 10*5,
	} {
		// A multiplication and an addition, once forward and twice backward.
		want := Work{float64(3 * 2 * image), float64(3 * 2 * text)}
		if got := workOf(method, c, 10); got != want || got.Total() != want.Image+want.Text {
			t.Errorf("%s: expected %v, found %v", method, want, got)
		}
	}
}

func TestSchedule(t *testing.T) {
	if got, want := schedule(8, 64), []int{8, 11, 16, 23, 32, 45, 64}; !slices.Equal(got, want) {
		t.Errorf("expected %v, found %v", want, got)
	}
	if got, want := schedule(1, 5), []int{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("expected %v, found %v", want, got)
	}
}

// curve is a training that was right in these shares after 100 pictures, 200, 400 and so on.
func curve(m Method, right ...float64) Trained {
	t := Trained{Method: m, Work: Work{Image: 1e6, Text: map[Method]float64{Language: 2e6, Prediction: 1e6}[m]}}
	for i, r := range right {
		p := Point{Pictures: 100 << i, Right: map[Rule]float64{}}
		for _, rule := range m.Rules() {
			p.Right[rule] = r
		}
		t.Curve = append(t.Curve, p)
	}
	return t
}

func TestReaches(t *testing.T) {
	c := curve(Contrastive, 0.1, 0.3, 0.2, 0.5)
	for accuracy, want := range map[float64]crossing{
		0.05: {pictures: 100, early: true}, 0.1: {pictures: 100, early: true}, 0.2: {pictures: 100 * math.Sqrt2}, 0.3: {pictures: 200},
		0.35: {pictures: 400 * math.Sqrt2}, 0.6: {pictures: 800, never: true}, // where it falls in between does not count
	} {
		if got := c.reaches(accuracy); math.Abs(got.pictures-want.pictures) > 1e-6*want.pictures || got.early != want.early || got.never != want.never {
			t.Errorf("%g: expected %+v, found %+v", accuracy, want, got)
		}
	}
}

// synthetic runs: prediction needs half of the language model's pictures, contrastive a quarter of that, the transformer is nowhere.
func synthetic(factors ...int) (runs []ran) {
	for i, f := range factors { // f is how many doublings the language model is behind
		language := append(make([]float64, 3+f), 0.12, 0.32, 0.52)
		runs = append(runs, ran{Seed: int64(i), Config: defaults("full", "onnx"), Report: Report{HeldOut: 100, Classes: 16, Training: 4200, Words: 2000, Trained: []Trained{
			curve(Language, language...), curve(Prediction, 0, 0, 0, 0.12, 0.32, 0.52), curve(Contrastive, 0, 0.12, 0.32, 0.52), curve(Transformer, 0, 0.01, 0.02, 0.03, 0.01, 0.01),
		}}})
		for j := range runs[i].Report.Trained { // as long as each other
			t := &runs[i].Report.Trained[j]
			for last := t.Curve[len(t.Curve)-1]; len(t.Curve) < 8; {
				last.Pictures *= 2
				t.Curve = append(t.Curve, last)
			}
		}
	}
	return runs
}

func TestCompare(t *testing.T) {
	runs := synthetic(1, 1, 1)
	for _, c := range []struct {
		slow, fast Method
		want       string
		over       string
	}{
		{Language, Prediction, "2.00", "15% to 50%"}, {Prediction, Contrastive, "4.00", "15% to 50%"}, {Contrastive, Prediction, "0.25", "15% to 50%"},
		{Transformer, Contrastive, "more than 57.68", "15%"}, {Contrastive, Transformer, "less than 0.02", "15%"},
	} {
		r := compare(runs, c.slow, c.fast, 3)
		if r.String() != c.want || r.over() != c.over {
			t.Errorf("%s over %s: expected %s at %s, found %s at %s", c.slow, c.fast, c.want, c.over, r, r.over())
		}
	}
	if r := compare(runs, Language, Prediction, 3).times(1.5); r.String() != "3.00" {
		t.Errorf("FLOPs: expected 3.00, found %s", r)
	}
	// 1, 2 and 4 times as many: 2 on the logarithm, with Student's t of 2 degrees of freedom, 4.3027 ln 2 / sqrt 3, around it.
	r := compare(synthetic(0, 1, 2), Language, Prediction, 3)
	if width := math.Exp(4.302653 * math.Ln2 / math.Sqrt(3)); math.Abs(r.mean.Value-2) > 1e-9 || math.Abs(r.mean.Low-2/width) > 1e-4 || math.Abs(r.mean.High-2*width) > 1e-3 {
		t.Errorf("found %+v", r.mean)
	}
	// A level that one seed's curve does not reach is none to compare at.
	runs[1].Report.Trained[1] = curve(Prediction, 0, 0, 0, 0.12, 0.22)
	if r := compare(runs, Language, Prediction, 3); r.over() != "15% to 20%" {
		t.Errorf("found a ratio over %s", r.over())
	}
	// Nothing can be said of two that are nowhere.
	if r := compare(runs, Transformer, Transformer, 0); r.kind != "none" {
		t.Errorf("found %+v", r)
	}
}

// By another rule, the predictive methods have its accuracies, and the runs stay as they are.
func TestBy(t *testing.T) {
	runs := synthetic(1)
	p := runs[0].Report.Trained[1]
	for i := range p.Curve {
		p.Curve[i].Right[Relative] = 0
		if i > 1 {
			p.Curve[i].Right[Relative] = p.Curve[3].Right[Sum] + 0.52 // from 400 on
		}
	}
	other := by(runs, Relative)
	if c := other[0].Report.of(Prediction).reaches(0.5); c.pictures >= 400 || c.never {
		t.Errorf("found %+v", c)
	}
	if r := compare(runs, Prediction, Contrastive, 4); r.String() != "4.00" {
		t.Errorf("the runs were changed: %s", r)
	}
	if c := other[0].Report.of(Contrastive).reaches(0.5); c != runs[0].Report.of(Contrastive).reaches(0.5) {
		t.Errorf("found %+v", c)
	}
}

func TestTell(t *testing.T) {
	for _, runs := range [][]ran{synthetic(1), synthetic(0, 1, 2)} {
		told, err := tell(runs)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(told.Answer, "prediction 2.00 ") || !strings.Contains(told.Answer, "contrastively 4.00 ") || len(told.Errata) != 1 {
			t.Errorf("found %q", told.Answer)
		}
		text, figures := "", 0
		for _, s := range told.Sections {
			text += s.Text
			figures += len(s.Figures)
		}
		if figures != 3 {
			t.Errorf("expected 3 figures, found %d", figures)
		}
		for _, want := range []string{"more than 12,800", "| bag-of-words contrastive over transformer contrastive | less than"} {
			if !strings.Contains(text, want) {
				t.Errorf("expected %q in %s", want, text)
			}
		}
		if strings.Contains(text+told.Answer, "NaN") || strings.Contains(text+told.Answer, "Inf") {
			t.Errorf("found a figure that is none: %s", text)
		}
	}
	nowhere := synthetic(1)
	for i := range nowhere[0].Report.Trained {
		nowhere[0].Report.Trained[i] = curve(nowhere[0].Report.Trained[i].Method, 0, 0, 0.01)
	}
	told, err := tell(nowhere)
	if err != nil || len(told.Sections[2].Figures) != 0 || !strings.Contains(told.Sections[0].Text, "No method reaches") {
		t.Errorf("of runs that learned nothing: %+v, %v", told, err)
	}
}

// What a ratio says beside the paper's follows from its interval or bound: of one that is less than 2 nothing says that it is more than 1.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		kind             string
		value, low, high float64
		want             string
	}{
		{"", 2, 1.5, 2.5, "in the paper's direction, by less"}, {"", 4, 3.5, 5, "more than the paper's"}, {"", 0.5, 0.2, 0.9, "the other way round than in the paper"},
		{"", 1.5, 0.5, 2.5, "less than the paper's, and not told from 1"}, {"", 2, 0.5, 4, "not told from the paper's"},
		{"more than", 3.5, 3.5, 3.5, "more than the paper's"}, {"more than", 2, 2, 2, "a bound that does not exclude the paper's"},
		{"less than", 2, 2, 2, "less than the paper's, in which direction the bound does not say"}, {"less than", 0.5, 0.5, 0.5, "the other way round than in the paper"},
		{"less than", 5, 5, 5, "a bound that says nothing certain"}, {"none", 0, 0, 0, "nothing to compare"},
	} {
		r := ratio{kind: c.kind, paper: 3, mean: stats.Mean{Value: c.value, Low: c.low, High: c.high, N: 3}}
		if got := r.verdict(); got != c.want {
			t.Errorf("%s %g (%g to %g) beside 3: expected %q, found %q", c.kind, c.value, c.low, c.high, c.want, got)
		}
	}
}
