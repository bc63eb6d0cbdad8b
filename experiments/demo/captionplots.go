package demo

import (
	"fmt"
	"math"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/plots"
)

// drawCaptioner draws the figures of a run of the experiment captioner. heldOut holds the examples' pictures.
func drawCaptioner(run *experiments.Run, r *CaptionerReport, c *captioner.Model, heldOut *captioner.Set) error {
	f := &figures{run: run}
	steps, err := run.Metrics()
	if err != nil {
		return err
	}
	chance := math.Log(float64(r.Words))
	loss, err := plots.Curves(plots.CurvesConfig{Title: "The captioner's loss", XLabel: "training step", YLabel: "cross-entropy (nats a word)",
		Series:     []plots.Series{series("training batch", steps, "cross_entropy")},
		References: []plots.ReferenceLine{{Label: fmt.Sprintf("all words alike: ln %d = %.2f", r.Words, chance), Y: chance}, {Label: fmt.Sprintf("held-out: %.2f", r.Soft.Loss.Value), Y: r.Soft.Loss.Value}}})
	f.add("loss.png", "Loss", fmt.Sprintf("Held-out pictures cost %.3f nats a word (95%% interval %.3f to %.3f, %d pictures).", r.Soft.Loss.Value, r.Soft.Loss.Low, r.Soft.Loss.High, r.Soft.Loss.N), loss, err)
	drawGain(f, r)
	for k, example := range r.Examples {
		drawExample(f, k, example, c, heldOut)
	}
	return f.write()
}

// drawGain compares the decoder with the same one that cannot look.
func drawGain(f *figures, r *CaptionerReport) {
	names, bars := []string{"attention"}, plots.BarSeries{Name: "held-out loss"}
	put := func(value, low, high float64) {
		bars.Values, bars.Low, bars.High = append(bars.Values, value), append(bars.Low, low), append(bars.High, high)
	}
	put(r.Soft.Loss.Value, r.Soft.Loss.Low, r.Soft.Loss.High)
	caption := ""
	if r.Uniform != nil {
		names = append(names, "trained without attention")
		put(r.Uniform.Loss.Value, r.Uniform.Loss.Low, r.Uniform.Loss.High)
		caption = fmt.Sprintf("Trained without attention, the same decoder loses %.3f nats a word more (95%% interval of the difference, paired by picture: %.3f to %.3f). ",
			r.Gain.Value, r.Gain.Low, r.Gain.High)
	}
	names = append(names, "attention forced uniform")
	put(r.Forced.Value, r.Forced.Low, r.Forced.High)
	caption += fmt.Sprintf("With its own attention forced uniform it loses %.3f (%.3f to %.3f).", r.ForcedGain.Value, r.ForcedGain.Low, r.ForcedGain.High)
	figure, err := plots.Bars(plots.BarsConfig{Title: "What attention is worth", YLabel: "held-out loss (nats a word, 95% interval)", Categories: names, Series: []plots.BarSeries{bars}})
	f.add("gain.png", "What attention is worth", caption, figure, err)
}

// drawExample lays the attention of each word over the picture.
func drawExample(f *figures, k int, e captioner.Example, c *captioner.Model, heldOut *captioner.Set) {
	if f.err != nil || len(e.Described.Words) == 0 {
		return
	}
	for i, index := range heldOut.Indices {
		if index != e.Index {
			continue
		}
		img, err := heldOut.Examples[i].Open()
		if err != nil {
			f.err = err
			return
		}
		seen, err := c.Encoder.Show(img)
		if err != nil {
			f.err = err
			return
		}
		said := strings.Join(e.Described.Words, " ")
		strip, err := plots.AttentionStrip(plots.AttentionConfig{Picture: seen, Words: e.Described.Words, Weights: e.Described.Alphas,
			Rows: e.Described.Rows, Cols: e.Described.Cols, PerRow: 7})
		f.add(fmt.Sprintf("attention-%02d.png", k+1), said, "People say: "+e.Human[0], strip, err)
	}
}
