package unclip

import (
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

const asks = `x`

type ran = lesson.Run[Config, Report]

func tell(runs []ran) (told lesson.Told, err error) {
	told.Answer = "todo"
	return told, nil
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for split, p := range r.Judge {
		lesson.PutMean(out, "judge_"+string(split), stats.Mean(p))
	}
	for split, p := range r.CLIP {
		lesson.PutMean(out, "clip_"+string(split), stats.Mean(p))
	}
	for split, n := range r.Prior {
		out["cosine_text_"+string(split)], out["cosine_prior_"+string(split)], out["cosine_other_"+string(split)] = n.Text, n.Prior, n.Other
	}
	for _, w := range r.Ways {
		out[w.Name+"_scale"], out[w.Name+"_sure"] = w.Scale, w.Sure
		lesson.PutMean(out, w.Name+"_seen", stats.Mean(w.Seen))
		lesson.PutMean(out, w.Name+"_unseen", stats.Mean(w.Unseen))
	}
	return out
}
