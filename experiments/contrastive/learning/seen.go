package learning

import "fmt"

// Line is a line of what is seen.
type Line struct{ Name, Value string }

// Seen puts a report's figures into words, each with what it is to be read against. Figures that there are none of are left out.
func (r Report) Seen(s Settings) (lines []Line) {
	f := r.Figures
	add := func(name, format string, figures ...string) {
		var values []any
		for _, figure := range figures {
			v, ok := f[figure]
			if !ok {
				return
			}
			values = append(values, v)
		}
		lines = append(lines, Line{name, fmt.Sprintf(format, values...)})
	}
	percent := map[string]float64{}
	for _, name := range []string{ImageToText, TextToImage, Duplicates} {
		if v, ok := f[name]; ok {
			percent[name] = 100 * v
		}
	}
	step := fmt.Sprintf("%d", r.Step)
	if s.Steps > 0 {
		step += fmt.Sprintf(" of %d", s.Steps)
	}
	lines = append(lines, Line{"step", step + fmt.Sprintf(", means of the last %d", r.Span)})
	add("loss", "%.2f nats, chance "+view{s, nil}.inWords(r.Chance), "loss")
	if image, ok := percent[ImageToText]; ok {
		lines = append(lines, Line{"accuracy in the batch", fmt.Sprintf("picture to text %.1f%%, text to picture %.1f%%, chance %.1f%%", image, percent[TextToImage], 100/float64(s.Batch))})
	}
	if share, ok := percent[Duplicates]; ok {
		lines = append(lines, Line{"equal texts in the batch", fmt.Sprintf("%.1f%%, for which the loss cannot go below %.2f", share, f[Floor])})
	}
	if scale, ok := f[LogitScale]; ok {
		lines = append(lines, Line{"temperature", fmt.Sprintf("%.4f, a factor of %.1f on cosines, kept between %g and %g", 1/scale, scale, s.MinScale, s.MaxScale)})
	}
	for _, tower := range []struct{ what, name string }{{"pictures", GradImage}, {"texts", GradText}, {"temperature", GradScale}} {
		add("gradient norm, "+tower.what, "%.3g", tower.name)
	}
	add("mean cosine", "of pairs %.3f, of non-pairs %.3f", Pairs, NonPairs)
	add("modality gap", "%.3f, from 0 to 2", Gap)
	add("effective rank", "of pictures %.1f, of texts %.1f, at most "+fmt.Sprint(s.EmbedDim), RankImage, RankText)
	return lines
}
