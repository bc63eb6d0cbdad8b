package observatory

import (
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

const asks = `CLIP puts pictures and texts into one space. What does that space look like while it comes about, and what may be read from its pictures?

A CLIP is trained from scratch on product photographs with their titles. Before training and after some of its steps, held-out pairs are embedded and drawn in the
plane by PCA, t-SNE (van der Maaten and Hinton 2008) and UMAP (McInnes et al. 2018, arXiv 1802.03426). Beside each picture stands what it keeps: of a point's nearest neighbours
in the embedding, the share that are among as many nearest in the picture, and the trustworthiness (Venna and Kaski 2001), 1 where no point has a neighbour in the picture that is
far away in the embedding.

The modality gap is the difference of the centroids of the unit embeddings of pictures and of texts ("Mind the Gap", Liang et al. 2022, arXiv 2203.02053). It is measured over
training, in models with fresh weights, and for a second model, a text transformer against a locked SqueezeNet on Flickr8k's photographs with captions. Then both modalities are
moved along it, a picture x to unit(x - lambda gap) and a text y to unit(y + lambda gap) as in section 4.2 of the paper: lambda 0.5 closes the gap, negative lambdas widen it,
lambda 1 turns it around. Nothing is trained for that.

t-SNE and UMAP draw clusters. Whether the distances between them mean anything is measured on the held-out pictures of the trained model: by the rank correlation of the distances
between the centroids of classes in the embedding with those in the map, and of two maps of the same embeddings that differ in their random start alone.`

type ran = lesson.Run[Config, Report]

// subject is a model that was watched.
type subject struct {
	name, title string
	of          func(Report) Watched
}

func watched() []subject {
	return []subject{
		{"products", "products with titles", func(r Report) Watched { return r.Products }},
		{"photographs", "photographs with captions", func(r Report) Watched { return r.Photographs }},
	}
}

// over is a figure over seeds.
func over(runs []ran, figure func(Report) float64) stats.Mean { return lesson.OverSeeds(runs, figure) }

// either is over seeds, or of the one seed with the interval that it has within.
func either(runs []ran, figure func(Report) stats.Mean) stats.Mean {
	if len(runs) == 1 {
		return figure(runs[0].Report)
	}
	return over(runs, func(r Report) float64 { return figure(r).Value })
}

func shiftAt(cfg Config, lambda float64) int { return slices.Index(cfg.Lambdas, lambda) }

func moment(step int) string {
	if step == 0 {
		return "before training"
	}
	return fmt.Sprintf("after %d steps", step)
}

// points is a difference of shares with its interval, such as -1.2 points (-2.3 to 0.1).
func points(m stats.Mean) string {
	if m.Low == m.High {
		return fmt.Sprintf("%+.1f points", 100*m.Value)
	}
	return fmt.Sprintf("%+.1f points (%+.1f to %+.1f)", 100*m.Value, 100*m.Low, 100*m.High)
}

func tell(runs []ran) (told lesson.Told, err error) {
	for _, r := range runs {
		if len(r.Report.Products.Moments) != len(r.Config.Moments)+1 || len(r.Report.Photographs.Moments) != 2 || len(r.Report.Classes.Maps) == 0 {
			return told, fmt.Errorf("expected the moments that the configuration names and maps of classes, found others in the report of seed %d", r.Seed)
		}
	}
	last := len(runs[0].Report.Products.Moments) - 1
	gap := func(i int) string {
		return lesson.Number(over(runs, func(r Report) float64 { return r.Products.Moments[i].Gap.Length }), 2)
	}
	random := mapBy(runs[0].Report, "tsne_random")
	told.Answer = fmt.Sprintf("The gap between pictures and titles is %s before training and %s after %d steps. Closing it by a mean shift changes recall@10 by %s (photographs with captions: %s). "+
		"Distances between classes in a t-SNE from a random start have a rank correlation of %s with those in the embedding, and of %s with another start's; in a PCA %s.",
		gap(0), gap(last), runs[0].Report.Products.Moments[last].Step,
		points(either(runs, func(r Report) stats.Mean { return r.Products.Shifted.Closed.At10 })), points(either(runs, func(r Report) stats.Mean { return r.Photographs.Shifted.Closed.At10 })),
		lesson.Number(distances(runs, random), 2), lesson.Number(agreement(runs, random), 2), lesson.Number(distances(runs, mapBy(runs[0].Report, "pca")), 2))
	for _, section := range []func([]ran) (lesson.Section, error){mapsSection, gapSection, shiftSection, classSection} {
		s, err := section(runs)
		if err != nil {
			return told, err
		}
		told.Sections = append(told.Sections, s)
	}
	return told, nil
}

func mapBy(r Report, key string) int {
	return max(0, slices.IndexFunc(r.Classes.Maps, func(m ClassMap) bool { return m.Key == key }))
}

func distances(runs []ran, i int) stats.Mean {
	return either(runs, func(r Report) stats.Mean { return r.Classes.Maps[i].Distances })
}

func agreement(runs []ran, i int) stats.Mean {
	return either(runs, func(r Report) stats.Mean { return r.Classes.Maps[i].Agreement })
}
