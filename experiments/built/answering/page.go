package answering

import "github.com/glimpse-ml/glimpse/experiments/lesson"

const asks = `x`

type ran = lesson.Run[Config, Report]

func tell(runs []ran) (told lesson.Told, err error) { return told, nil }

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, x := range r.Results {
		lesson.PutMean(out, x.Network+"/"+x.Group+"/"+string(x.Split), x.Right)
	}
	return out
}
