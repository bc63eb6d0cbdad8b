package evaluate

import (
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Calibration says how far the probabilities of a zero-shot classifier can be trusted (see [clip.Calibration], which
// has the definitions), each figure with a bootstrap over pictures. The intervals of ECE and MCE lie high: resampling
// adds noise, and noise adds to them.
type Calibration struct {
	ECE   stats.Mean            `json:"ece"`
	MCE   stats.Mean            `json:"mce"`
	Brier stats.Mean            `json:"brier"`
	NLL   stats.Mean            `json:"nll"`   // nats
	Scale float64               `json:"scale"` // the factor on cosines that the model has learned: 1/temperature
	Bins  []clip.CalibrationBin `json:"per_bin"`
}

// calibrate measures the softmax over classes of scale times the cosines [n][classes] against labels.
func calibrate(cosines [][]float32, labels []int, scale float64) (*Calibration, error) {
	probabilities := make([][]float64, len(cosines))
	for i, row := range cosines {
		probabilities[i] = clip.Softmax(row, scale)
	}
	whole, err := clip.Calibrate(probabilities, labels, clip.CalibrationBins)
	if err != nil {
		return nil, err
	}
	n := len(labels)
	bin, gap, brier, nll := make([]int, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i, row := range probabilities {
		one, err := clip.Calibrate(probabilities[i:i+1], labels[i:i+1], clip.CalibrationBins)
		if err != nil {
			return nil, err
		}
		bin[i] = slices.IndexFunc(one.Bins, func(b clip.CalibrationBin) bool { return b.Count == 1 })
		gap[i], brier[i], nll[i] = one.Accuracy-slices.Max(row), one.Brier, one.NLL
	}
	// In a bin, accuracy minus confidence is the mean of the gaps.
	gaps := func(pick []int) (expected, largest float64) {
		var sum, count [clip.CalibrationBins]float64
		for _, i := range pick {
			sum[bin[i]] += gap[i]
			count[bin[i]]++
		}
		for b, s := range sum {
			expected += math.Abs(s) / float64(len(pick))
			if count[b] > 0 {
				largest = max(largest, math.Abs(s)/count[b])
			}
		}
		return expected, largest
	}
	return &Calibration{
		ECE:   stats.Bootstrap(n, func(pick []int) float64 { e, _ := gaps(pick); return e }),
		MCE:   stats.Bootstrap(n, func(pick []int) float64 { _, m := gaps(pick); return m }),
		Brier: stats.NewMean(brier), NLL: stats.NewMean(nll), Scale: scale, Bins: whole.Bins,
	}, nil
}
