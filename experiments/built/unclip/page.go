package unclip

import (
	"fmt"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// bar is the share of true samples that was asked for beforehand.
const bar = 0.6

const asks = `CLIP maps a picture to an embedding. Can one go back, from an embedding to pictures, and so from a text to pictures? unCLIP, which is known as DALL-E 2 (Ramesh et al. 2022), takes two steps:
a prior makes a picture's embedding out of the text's, and a decoder, a diffusion model, makes a picture out of that embedding.

Here CLIP is trained in the run, on windows of 16 pixels on scenes of one large plain object, and frozen. The prior is a small transformer that takes the noise out of embeddings and predicts the clean one itself (section 2.2); of two
that it makes for a prompt the one nearer to the text is kept. The decoder is a small U-Net; the embedding is added to what it knows of the step of the noise (section 2.1). It is guided without a classifier: 10% of the time in training it is not told the
embedding, and in sampling it goes from what it says then in the direction of what it says with it, and beyond.

Three ways to an embedding are compared: the **prior**; the **text**'s embedding itself, as if it were a picture's (section 5.1); and the embedding of a real **picture** of what is asked for, which nothing was trained on. The prompts are "a COLOUR SHAPE", and
a classifier that was trained apart says what a sample shows; a sample is true if both colour and shape are the prompt's. Neither CLIP, prior nor decoder has ever seen eight of the 48 pairs, such as red crosses; the classifier has. The scale of guidance is chosen for
each way by samples of seen pairs, and counted are samples of other noise.

The bar, set beforehand: at least 60% of the samples of seen pairs true to the prompt, by prior and decoder.`

type ran = lesson.Run[Config, Report]

// of takes a share of way i.
func of(runs []ran, i int, share func(Way) stats.Proportion) stats.Mean {
	return lesson.ShareOver(runs, func(r Report) stats.Proportion { return share(r.Ways[i]) })
}

func seen(w Way) stats.Proportion   { return w.Seen }
func unseen(w Way) stats.Proportion { return w.Unseen }

// The places of the ways in a report.
const (
	byPrior = iota
	byText
	byPicture
)

func tell(runs []ran) (told lesson.Told, err error) {
	verdict := "missed"
	if of(runs, byPrior, seen).Value >= bar {
		verdict = "reached"
	}
	told.Answer = fmt.Sprintf("By prior and decoder %s of the samples are what the prompt says, and %s of those of pairs never seen. Given the text's embedding without a prior the decoder makes %s, and %s of pairs never seen; given a real picture's, %s and %s. The bar, %g%%, is %s.",
		lesson.PercentOf(of(runs, byPrior, seen)), lesson.PercentOf(of(runs, byPrior, unseen)), lesson.PercentOf(of(runs, byText, seen)), lesson.PercentOf(of(runs, byText, unseen)),
		lesson.PercentOf(of(runs, byPicture, seen)), lesson.PercentOf(of(runs, byPicture, unseen)), 100*bar, verdict)
	plot, err := draw(runs)
	if err != nil {
		return told, err
	}
	r, seed := runs[0].Report, runs[0].Seed
	const intervals = "95% intervals, over samples for one seed and over seeds for several."
	told.Sections = []lesson.Section{
		{Heading: "Three ways to an embedding", Text: table(runs), Figures: []lesson.Figure{{Name: "scale", Title: "True samples by the scale of guidance",
			Caption: "Samples of seen pairs, by which the scales are chosen. A scale of 1 is no guidance. " + intervals, Plot: plot["scale"]}}},
		{Heading: "Samples", Text: fmt.Sprintf("The first %d samples of each way at its scale, seed %d, not chosen, from the same noise; framed where the classifier finds what the prompt says.", len(r.Ways[0].First.Asked), seed),
			Figures: []lesson.Figure{{Name: "samples", Title: "The first samples of each way", Caption: "Prompts below the pictures; framed: true to the prompt.", Plot: plot["samples"]}}},
		{Heading: "What the prior does", Text: nearness(runs)},
		{Heading: "Variations", Text: "What does an embedding keep of a picture? The decoder makes of one embedding another picture from other noise each time (section 3.1). What they have in common the embedding has kept. What differs it has left out, or the decoder did not make of it: where a frame is missing and CLIP tells the pair (last section), it is the decoder.",
			Figures: []lesson.Figure{{Name: "variations", Title: "Variations of a picture",
				Caption: fmt.Sprintf("Seed %d. Left the picture, which nothing was trained on; behind it what is made of its embedding. Framed: the classifier finds the picture's colour and shape. Scale %g. The pairs of the last two rows were never trained on.", seed, r.Ways[byPicture].Scale), Plot: plot["variations"]}}},
		{Heading: "From one picture to another", Text: "The decoder is given what lies between the embeddings of two pictures, on the great circle from one to the other, with the same noise all the way (section 3.2).",
			Figures: []lesson.Figure{{Name: "interpolations", Title: "Between two pictures",
				Caption: fmt.Sprintf("Seed %d. Left and right two pictures, which nothing was trained on; between them what is made of the embeddings on the way. Below, what the classifier sees. Scale %g. The last two rows end with a pair that was never trained on.", seed, r.Ways[byPicture].Scale), Plot: plot["interpolations"]}}},
		{Heading: "Who counts, and what CLIP knows", Text: judges(runs)},
	}
	return told, nil
}

var names = map[string]string{ByPrior: "made by the prior", ByText: "the text's itself", ByPicture: "a real picture's"}

func table(runs []ran) string {
	var rows [][]string
	for i, w := range runs[0].Report.Ways {
		var scales []string
		for _, r := range runs {
			scales = append(scales, fmt.Sprintf("%g", r.Report.Ways[i].Scale))
		}
		share := func(figure func(Way) stats.Proportion) string { return lesson.PercentOf(of(runs, i, figure)) }
		rows = append(rows, []string{names[w.Name], strings.Join(scales, ", "), share(seen), share(unseen), share(func(w Way) stats.Proportion { return w.Colour }),
			share(func(w Way) stats.Proportion { return w.Shape }), lesson.Number(lesson.PartOver(runs, func(r Report) float64 { return r.Ways[i].Sure }), 2)})
	}
	return lesson.Table([]string{"the embedding is", "scale of guidance", "true, seen pairs", "true, pairs never seen", "colour right", "shape right", "how sure the classifier is"}, rows) +
		"\nA real picture's embedding is one of the many that the pictures of a pair have: it may be a hard one to draw, so it is no bound on what the other two can reach.\n"
}

func nearness(runs []ran) string {
	var rows [][]string
	row := func(name string, figure func(Nearness) float64) {
		cells := []string{name}
		for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
			cells = append(cells, lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Prior[split]) }), 3))
		}
		rows = append(rows, cells)
	}
	row("its prompt's", func(n Nearness) float64 { return n.Text })
	row("what the prior makes of its prompt", func(n Nearness) float64 { return n.Prior })
	row("another picture's of the same colour and shape", func(n Nearness) float64 { return n.Other })
	return "The embeddings that a large CLIP has of pictures and of texts lie apart, even where they mean the same. How near (mean cosine) does an embedding come to a new picture's here, where captions say little and CLIP learns all that they say? Where the text's own comes as near as another picture's, a prior has little to do.\n\n" +
		lesson.Table([]string{"the other embedding is", "seen pairs", "pairs never seen"}, rows)
}

func judges(runs []ran) string {
	clip := func(split scenes.Split) string {
		return lesson.PercentOf(lesson.ShareOver(runs, func(r Report) stats.Proportion { return r.CLIP[split] }))
	}
	return judge.Told(runs, func(r Report) map[scenes.Split]stats.Proportion { return r.Judge }) +
		fmt.Sprintf(" CLIP finds the right one of all 48 prompts for %s of new scenes of seen pairs, and for %s of pairs that it never saw.", clip(scenes.Test), clip(scenes.Unseen))
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for split, p := range r.Judge {
		lesson.PutMean(out, "judge_"+string(split), stats.Mean(p))
		lesson.PutMean(out, "clip_"+string(split), stats.Mean(r.CLIP[split]))
		n := r.Prior[split]
		out["cosine_text_"+string(split)], out["cosine_prior_"+string(split)], out["cosine_other_"+string(split)] = n.Text, n.Prior, n.Other
	}
	for _, w := range r.Ways {
		out[w.Name+"_scale"], out[w.Name+"_sure"] = w.Scale, w.Sure
		lesson.PutMean(out, w.Name+"_seen", stats.Mean(w.Seen))
		lesson.PutMean(out, w.Name+"_unseen", stats.Mean(w.Unseen))
		chosen := w.Tried[slices.IndexFunc(w.Tried, func(t Tried) bool { return t.Scale == w.Scale })]
		out[w.Name+"_tried"] = chosen.Seen.Value
	}
	return out
}
