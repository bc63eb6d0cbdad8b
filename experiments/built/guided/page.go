package guided

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIP makes nothing: it says how well a picture goes with a text. A diffusion model makes pictures and knows no text: it was trained to tell the noise in a picture, and takes
it out of noise alone, a little at a time. Can the one steer the other?

A small network learns to tell the noise in windows of 16 pixels on scenes of one large plain object. A CLIP is trained on the same windows, noised too, and is told how noised they are (Nichol et al. 2022). At each step of sampling the noise that is
taken out is shifted by the gradient of the similarity of picture and prompt with respect to the picture, times a scale (Dhariwal and Nichol 2021, algorithm 2). Each prompt is "a COLOUR SHAPE". A classifier that was trained apart, on clean scenes, says
what a sample shows; a sample is true if both colour and shape are the prompt's. Neither the diffusion model nor CLIP has ever seen eight of the 48 pairs, such as red crosses; the classifier has.

The bar, set beforehand: at the best scale at least twice the share of true samples that there is without guidance.`

type ran = lesson.Run[Config, Report]

// scaled are the samples of runs at all scales.
func scaled(runs []ran) judge.Runs[Config, Report] {
	return judge.Runs[Config, Report]{Runs: runs, Of: func(r Report) []judge.Scaled { return r.Scales }}
}

func tell(runs []ran) (told lesson.Told, err error) {
	r, of := runs[0].Report, scaled(runs)
	at := of.Best(judge.Seen)
	unguided, guided := of.Share(0, judge.Seen), of.Share(at, judge.Seen)
	bar := "missed"
	if guided.Value >= 2*unguided.Value && at > 0 {
		bar = "reached"
	}
	told.Answer = fmt.Sprintf("Without guidance %s of the samples are what the prompt says; guided by CLIP, at the best scale (%g), %s, and %s of those of pairs never seen. The bar, twice the unguided share, is %s.",
		lesson.PercentOf(unguided), r.Scales[at].Scale, lesson.PercentOf(guided), lesson.PercentOf(of.Share(at, judge.Unseen)), bar)
	shares, samples, way, err := of.Drawn(r.Way, r.Guess, r.WayAt)
	if err != nil {
		return told, err
	}
	levels, err := levelFigure(runs)
	if err != nil {
		return told, err
	}
	climbed, err := climbedFigure(r)
	if err != nil {
		return told, err
	}
	told.Sections = []lesson.Section{
		{Heading: "How strongly to guide", Text: of.Table() + "\nThe best scale is the one with the largest share of these very samples, so that the share is a little flattered.\n", Figures: []lesson.Figure{{Name: "scale", Title: "True samples by the scale of guidance", Caption: "Scale 0 is no guidance. " + judge.Intervals, Plot: shares}}},
		{Heading: "Samples", Text: of.SamplesText(),
			Figures: []lesson.Figure{{Name: "samples", Title: "The first samples at each scale", Caption: "Prompts below the pictures; framed: true to the prompt.", Plot: samples},
				{Name: "way", Title: "From noise to a picture", Caption: fmt.Sprintf("The first sample of seed %d at the scale that is best for this seed alone. Above the picture as it is, below what is guessed of the clean one; steps of the noise that are left below.", runs[0].Seed), Plot: way}}},
		{Heading: "CLIP alone", Text: climbedTable(runs), Figures: []lesson.Figure{{Name: "pixels", Title: "Pixels that climb the similarity", Caption: fmt.Sprintf("The first prompts of seed %d. Framed: true to the prompt.", runs[0].Seed), Plot: climbed}}},
		{Heading: "Who counts, and who guides", Text: judge.Told(runs, func(r Report) map[scenes.Split]stats.Proportion { return r.Judge }), Figures: []lesson.Figure{{Name: "guide", Title: "What CLIP sees in noise",
			Caption: "Share of new scenes whose prompt CLIP finds the likeliest of all 48, by the share of the variance that is noise. " + judge.Intervals, Plot: levels}}},
	}
	return told, nil
}

func climbedTable(runs []ran) string {
	var rows [][]string
	for i, c := range runs[0].Report.Climbed {
		rows = append(rows, []string{climbedName(c), lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return r.Climbed[i].Cosine }), 2),
			lesson.PercentOf(lesson.ShareOver(runs, func(r Report) stats.Proportion { return r.Climbed[i].True })), lesson.Number(lesson.PartOver(runs, func(r Report) float64 { return r.Climbed[i].Sure }), 2)})
	}
	return fmt.Sprintf("What if there is no diffusion model, and the pixels of a grey picture go up the slope of the similarity themselves, %d steps for each of the 48 prompts? Clean scenes and their prompts have a cosine of %s (mean).\n\n",
		runs[0].Config.Climb.Steps, lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return r.Clean }), 2)) +
		lesson.Table([]string{"what climbs", "cosine reached", "true to the prompt", "how sure the classifier is"}, rows)
}

func climbedName(c Climbed) string {
	if c.Cutouts == 0 {
		return "the whole picture"
	}
	return fmt.Sprintf("the mean of %d random cutouts", c.Cutouts)
}

func climbedFigure(r Report) (*plots.Figure, error) {
	cfg := plots.SheetConfig{Title: "Pixels that climb the similarity"}
	for _, c := range r.Climbed {
		row, err := c.First.Row(climbedName(c), nil)
		if err != nil {
			return nil, err
		}
		cfg.Rows = append(cfg.Rows, row)
	}
	return plots.Sheet(cfg)
}

func levelFigure(runs []ran) (*plots.Figure, error) {
	curve := plots.Series{Name: "prompt found"}
	for i, l := range runs[0].Report.Levels {
		m := lesson.ShareOver(runs, func(r Report) stats.Proportion { return r.Levels[i].Right })
		curve.X, curve.Y = append(curve.X, 1-l.Left), append(curve.Y, m.Value)
		curve.Low, curve.High = append(curve.Low, max(m.Low, 0)), append(curve.High, min(m.High, 1))
	}
	return plots.Curves(plots.CurvesConfig{Title: "What CLIP sees in noise", XLabel: "share of the variance that is noise", YLabel: "share found (95% interval)", Series: []plots.Series{curve},
		References: []plots.ReferenceLine{{Label: "guessing", Y: 1.0 / 48}}})
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for split, p := range r.Judge {
		lesson.PutMean(out, "judge_"+string(split), stats.Mean(p))
	}
	for _, c := range r.Climbed {
		lesson.PutMean(out, fmt.Sprintf("pixels_%d_cutouts", c.Cutouts), stats.Mean(c.True))
		out[fmt.Sprintf("pixels_%d_cutouts_cosine", c.Cutouts)] = c.Cosine
	}
	judge.PutScales(out, r.Scales)
	return out
}
