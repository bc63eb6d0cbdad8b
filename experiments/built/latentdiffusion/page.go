package latentdiffusion

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `A picture has many numbers that say little: neighbouring pixels are alike. Rombach et al. (2022) train an autoencoder first, and then make noise into its small latents; this became Stable Diffusion.
The network that tells the noise is told what to make by a text, whose tokens every place of the picture can look at.

An autoencoder learns windows of 32 pixels on scenes of one large plain object, 3,072 numbers, as latents of 8 x 8 places with 4 numbers each. A CLIP is trained on Scenes of one object with their captions; of it only the text transformer is kept,
frozen. A network with as large a grid as that of built/guided learns to tell the noise in latents, and looks at the states of CLIP's tokens (those before its last block) behind each of its blocks, one vector of all of them going with the step; one text in ten is left out. In sampling (DDIM, 20 steps) what it says without
the text is left behind in the direction of what it says with it, times a scale (Ho and Salimans 2022): 0 does not know the text, 1 is the network as it was trained. Prompts and counting are those of built/guided: each prompt is "a COLOUR SHAPE", a classifier that was trained apart says what
a sample shows, and a sample is true if both are the prompt's. Nothing but the classifier has ever seen eight of the 48 pairs, such as red crosses. The scale is chosen by samples from other noise than that of the samples that are counted.

` + Bar

// Bar is what was set beforehand.
const Bar = `The bar, set beforehand: at the scale that is chosen at least 60% of the samples are what the prompt says.`

const barAt = 0.6

type ran = lesson.Run[Config, Report]

// scaled are the samples of runs at all scales.
func scaled(runs []ran) judge.Runs[Config, Report] {
	return judge.Runs[Config, Report]{Runs: runs, Of: func(r Report) []judge.Scaled { return r.Scales }}
}

func tell(runs []ran, encoder string) (told lesson.Told, err error) {
	r, of := runs[0].Report, scaled(runs)
	at := of.Best(judge.Dev)
	seen, bar := of.Share(at, judge.Seen), "missed"
	if seen.Value >= barAt {
		bar = "reached"
	}
	told.Answer = fmt.Sprintf("With the states of %s, and guidance of a scale chosen on other noise, one for all seeds (%g), %s of the samples are what the prompt says, and %s of those of pairs never seen; without the text it is %s. The bar, 60%%, is %s.",
		encoder, r.Scales[at].Scale, lesson.PercentOf(seen), lesson.PercentOf(of.Share(at, judge.Unseen)), lesson.PercentOf(of.Share(0, judge.Seen)), bar)
	shares, samples, way, err := of.Drawn(r.Way, r.Guess, r.WayAt)
	if err != nil {
		return told, err
	}
	returned, err := returnedFigure(r)
	if err != nil {
		return told, err
	}
	told.Sections = []lesson.Section{
		{Heading: "How strongly to guide", Text: of.Table(), Figures: []lesson.Figure{{Name: "scale", Title: "True samples by the scale of guidance", Caption: "Scale 0 does not know the text, 1 is no guidance. " + judge.Intervals, Plot: shares}}},
		{Heading: "Samples", Text: of.SamplesText(),
			Figures: []lesson.Figure{{Name: "samples", Title: "The first samples at each scale", Caption: "Prompts below the pictures; framed: true to the prompt.", Plot: samples},
				{Name: "way", Title: "From noise to a picture", Caption: fmt.Sprintf("The first sample of seed %d at the scale that this seed alone chose, %g. Above what the decoder makes of the latents as they are, below of what is guessed of the clean ones; steps of the noise that are left below.", runs[0].Seed, r.Best), Plot: way}}},
		{Heading: "What the autoencoder keeps", Text: returnedTable(runs), Figures: []lesson.Figure{{Name: "returned", Title: "Scenes and what comes back", Caption: "The first scenes that are tested with, and what the decoder makes of their latents. Framed: the classifier tells colour and shape.", Plot: returned}}},
		{Heading: "Who counts", Text: judge.Told(runs, func(r Report) map[scenes.Split]stats.Proportion { return r.Judge })},
	}
	return told, nil
}

func returnedTable(runs []ran) string {
	var rows [][]string
	for _, s := range []struct {
		split scenes.Split
		name  string
	}{{scenes.Test, "of seen pairs"}, {scenes.Unseen, "of pairs never seen"}} {
		of := func(figure func(Returned) stats.Proportion) string {
			return lesson.PercentOf(lesson.ShareOver(runs, func(r Report) stats.Proportion { return figure(r.Returned[s.split]) }))
		}
		rows = append(rows, []string{s.name, lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return r.Returned[s.split].Error }), 1),
			of(func(r Returned) stats.Proportion { return r.Before }), of(func(r Returned) stats.Proportion { return r.After })})
	}
	return "New scenes, made into latents and back:\n\n" + lesson.Table([]string{"scenes", "error (root of the mean square, of 255)", "the classifier tells before", "and after"}, rows)
}

func returnedFigure(r Report) (*plots.Figure, error) {
	before, err := r.Before.Row("the scene", nil)
	if err != nil {
		return nil, err
	}
	after, err := r.After.Row("what comes back", nil)
	if err != nil {
		return nil, err
	}
	return plots.Sheet(plots.SheetConfig{Title: "Scenes and what comes back", Rows: []plots.SheetRow{before, after}})
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{"best_scale": r.Best}
	for split, p := range r.Judge {
		lesson.PutMean(out, "judge_"+string(split), stats.Mean(p))
	}
	for split, p := range r.Returned {
		out["returned_"+string(split)+"_error"] = p.Error
		lesson.PutMean(out, "returned_"+string(split), stats.Mean(p.After))
	}
	judge.PutScales(out, r.Scales)
	return out
}
