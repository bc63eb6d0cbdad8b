package judging

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

const asks = `CLIP says how well a picture goes with a text, one number for a pair. It makes neither pictures nor texts. What can be done with a judge?

- **Best of n.** A captioner draws captions, and the one that CLIP likes best is taken; a diffusion model draws pictures, and the one that CLIP likes best is taken, as DALL·E's samples were
  (Ramesh et al. 2021, section 2.6). Beside it stand the captioner's own probability, both together, and an oracle that takes a true one wherever one was drawn.
- **Pairs filtered.** Wrong pairs are mixed with right ones: which of them does a threshold on the score keep out? What training on filtered pairs does is on the page
  [lesson-noise](lesson-noise.md).
- **A concept filter.** "Pictures that show a red circle" are those above a threshold that was chosen on other scenes.
- **What it cannot output.** The only way to a text is a search: in a list, or word by word for what CLIP likes best.

Everything is done with drawn scenes, where it is known what is true. A small CLIP is trained on scenes of one or two objects and their captions, and a small Show, Attend and Tell on captions of two objects and how they lie
to each other. The pictures come from the diffusion model of [built-guided](built-guided.md), trained for half as long, with its own CLIP; a classifier that was trained apart says what they show. Thresholds, wordings and the weight of
CLIP beside the captioner's own probability are chosen on dev scenes.

The bars, set beforehand: the best of 16 captions by CLIP is true at least 10 points more often than one draw; the best of 16 pictures at least four times as often as one; the
mean area under the ROC curves of colours, shapes and pairs that training had is at least 0.95, and the thresholds let through at most one point more than was allowed.`

type ran = lesson.Run[Config, Report]

// over is a figure over seeds, or of the one seed with the interval of its own.
func over(runs []ran, figure func(Report) stats.Mean) stats.Mean {
	if len(runs) == 1 {
		return figure(runs[0].Report)
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r).Value })
}

// share is [over] for a proportion, within 0 and 1.
func share(runs []ran, figure func(Report) stats.Proportion) stats.Mean {
	return lesson.ShareOver(runs, figure)
}

const intervals = "95% intervals, over scenes or samples for one seed and over seeds for several."

func held(is bool) string {
	if is {
		return "reached"
	}
	return "missed"
}

func tell(runs []ran) (told lesson.Told, err error) {
	n, m := bars(runs[0].Config)
	caption := func(r Ranker, n int) stats.Mean {
		return share(runs, func(x Report) stats.Proportion { return x.Captions.pick(r, n).True })
	}
	picture := func(r Ranker, n int) stats.Mean {
		return share(runs, func(x Report) stats.Proportion { return x.Pictures[0].pick(r, n).Seen })
	}
	one, ranked, single, chosen := caption(ByDraw, 1), caption(ByCLIP, n), picture(ByDraw, 1), picture(ByCLIP, m)
	area, wrong := areas(runs)
	allowed := runs[0].Config.Filter.FalsePositives
	told.Answer = fmt.Sprintf("One caption drawn is true in %s, the best of %d by CLIP in %s (bar, 10 points more: %s), by the captioner's own probability in %s, by both in %s; one unguided picture is true in %s, the best of %d by CLIP in %s (bar, four times: %s). "+
		"Pictures that show a concept are told from others with an AUC of %s, and thresholds for %s false positives let %s through (bars: %s, %s). Texts found word by word are liked better than every true caption in %s of the scenes, and %s of them are sentences.",
		lesson.PercentOf(one), n, lesson.PercentOf(ranked), held(ranked.Value >= one.Value+0.1), lesson.PercentOf(caption(ByModel, n)), lesson.PercentOf(caption(ByBoth, n)),
		lesson.PercentOf(single), m, lesson.PercentOf(chosen), held(chosen.Value >= 4*single.Value && chosen.Value > single.Value),
		lesson.Number(area, 3), lesson.Percent(allowed), lesson.PercentOf(wrong), held(area.Value >= 0.95), held(wrong.Value <= allowed+0.01),
		lesson.PercentOf(share(runs, func(r Report) stats.Proportion { return r.Search.Above })), lesson.PercentOf(share(runs, func(r Report) stats.Proportion { return r.Search.Language })))
	for _, section := range []func([]ran) (lesson.Section, error){captionsSection, picturesSection, pairsSection, conceptsSection, searchSection} {
		s, err := section(runs)
		if err != nil {
			return told, err
		}
		told.Sections = append(told.Sections, s)
	}
	return told, nil
}

// bars are the numbers of captions and of samples that the bars are about: 16, or as many as a quick run has.
func bars(c Config) (captions, samples int) {
	captions = 2
	for captions*2 <= min(c.Captions.Draws, 16) {
		captions *= 2
	}
	samples = 1
	for samples*4 <= min(c.Samples, 16) {
		samples *= 4
	}
	return captions, samples
}

// areas are the mean area and the mean share of false positives of the three kinds of concepts that training had. The bounds of one seed are the means of
// theirs, which is wider than 95%: they are measured on the same pictures.
func areas(runs []ran) (area, wrong stats.Mean) {
	mean := func(of func(Group) stats.Mean) stats.Mean {
		return over(runs, func(r Report) (m stats.Mean) {
			for _, g := range r.Concepts[:3] {
				x := of(g)
				m.Value, m.Low, m.High, m.N = m.Value+x.Value/3, m.Low+x.Low/3, m.High+x.High/3, x.N
			}
			return m
		})
	}
	return mean(func(g Group) stats.Mean { return g.AUC }), mean(func(g Group) stats.Mean { return g.False })
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{"weight": r.Captions.Weight}
	for _, p := range r.Captions.Picks {
		lesson.PutMean(out, fmt.Sprintf("captions_%s_%d", name(string(p.Ranker)), p.N), stats.Mean(p.True))
	}
	for _, s := range r.Pictures {
		for _, p := range s.Picks {
			lesson.PutMean(out, fmt.Sprintf("pictures_scale_%g_%s_%d_seen", s.Scale, name(string(p.Ranker)), p.N), stats.Mean(p.Seen))
			lesson.PutMean(out, fmt.Sprintf("pictures_scale_%g_%s_%d_unseen", s.Scale, name(string(p.Ranker)), p.N), stats.Mean(p.Unseen))
		}
	}
	for _, p := range r.Pairs {
		lesson.PutMean(out, "pairs_"+name(string(p.Kind))+"_auc", p.AUC)
	}
	for _, g := range r.Concepts {
		lesson.PutMean(out, name(string(g.Kind))+"_auc", g.AUC)
		lesson.PutMean(out, name(string(g.Kind))+"_false", g.False)
		lesson.PutMean(out, name(string(g.Kind))+"_true", g.True)
	}
	lesson.PutMean(out, "climbed_above", stats.Mean(r.Search.Above))
	lesson.PutMean(out, "climbed_language", stats.Mean(r.Search.Language))
	lesson.PutMean(out, "climbed_true", stats.Mean(r.Search.True))
	lesson.PutMean(out, "listed", stats.Mean(r.Search.Listed))
	return out
}
