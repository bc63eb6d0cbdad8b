package observatory

import (
	"context"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
)

// MeasureGap measures the gap between the pictures of e that have texts and the first text of each, of any length: their unit vectors are what
// is compared. Half of the pairs fit the linear classifier, the others measure it. Fewer than 4 pairs are an error.
func MeasureGap(ctx context.Context, e *evaluate.Embedded) (Gap, error) {
	images, texts := pairsOf(e)
	return gapOf(ctx, images, texts, len(images))
}

// MeasureShifts measures what e is worth when its modalities are moved by each lambda along the gap. scale is the factor on cosines, 1/temperature,
// with which the loss of the first batch pairs is computed, in nats. There are no classes, and so no zero-shot classification.
func MeasureShifts(e *evaluate.Embedded, lambdas []float64, scale float64, batch int) (shifts []Shift) {
	s := newShiftable(e, nil, nil)
	images, texts := s.centroids()
	gap := minus(images, texts)
	for _, lambda := range lambdas {
		shift, _ := s.along(gap, lambda).measure(gap, []float64{scale}, batch)
		shift.Lambda = lambda
		shifts = append(shifts, shift)
	}
	return shifts
}

// Move is e with its pictures and texts moved by lambda along the gap, as unit vectors, see [Shift].
func Move(e *evaluate.Embedded, lambda float64) *evaluate.Embedded {
	s := newShiftable(e, nil, nil)
	images, texts := s.centroids()
	s = s.along(minus(images, texts), lambda)
	out := *e
	out.Images, out.Texts = s.images, s.texts
	return &out
}
