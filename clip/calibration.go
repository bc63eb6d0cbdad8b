package clip

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// CalibrationBins is how many bins confidences fall into unless another number is chosen: tenths, as in the
// reliability diagrams of Guo et al. 2017, figure 1.
const CalibrationBins = 10

// Calibration says how far the probabilities of a classifier can be trusted: whether of the predictions that were made
// with confidence 0.8 four in five are right. All figures are over N examples.
type Calibration struct {
	Bins []CalibrationBin

	// ECE is the expected calibration error, the sum over the bins of n_b/N |accuracy_b - confidence_b|, and MCE the
	// largest of the differences (Guo et al. 2017, On Calibration of Modern Neural Networks, equations 3 and 5). Both
	// depend on the number of bins, and ECE is above 0 for a perfect classifier too when there are few examples.
	ECE, MCE float64

	Accuracy float64 // share of examples whose first largest probability is at their label

	// Brier is the mean squared distance between the probabilities and the one-hot vector of the label (Brier 1950,
	// equation 2): 0 is perfect, 2 the worst.
	Brier float64

	NLL float64 // mean of -ln of the label's probability, nats; infinite when one of them is 0
	N   int
}

// CalibrationBin holds the predictions with Low < confidence <= High; the first one also those with confidence 0.
type CalibrationBin struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Count      int     `json:"count"`
	Accuracy   float64 `json:"accuracy"`   // mean; 0 when Count is 0
	Confidence float64 `json:"confidence"` // likewise
}

// Calibrate measures probabilities [N][C] against labels [N] with equal-width bins over [0, 1]. The confidence of a
// prediction is its largest probability. Errors: no examples, rows of different lengths, a label without a column,
// probabilities outside of [0, 1], fewer than one bin.
func Calibrate(probabilities [][]float64, labels []int, bins int) (*Calibration, error) {
	if err := checkProbabilities(probabilities, labels); err != nil {
		return nil, err
	}
	if bins < 1 {
		return nil, fmt.Errorf("expected at least one bin, found %d", bins)
	}
	c := &Calibration{Bins: make([]CalibrationBin, bins), N: len(labels)}
	for i := range c.Bins {
		c.Bins[i].Low, c.Bins[i].High = float64(i)/float64(bins), float64(i+1)/float64(bins)
	}
	n, hits := float64(len(labels)), 0
	for i, row := range probabilities {
		confidence := slices.Max(row)
		b := &c.Bins[sort.Search(bins-1, func(b int) bool { return confidence <= c.Bins[b].High })]
		b.Count++
		b.Confidence += confidence
		if slices.Index(row, confidence) == labels[i] {
			b.Accuracy++
			hits++
		}
		for class, p := range row {
			if class == labels[i] {
				p--
			}
			c.Brier += p * p / n
		}
		c.NLL -= math.Log(row[labels[i]]) / n
	}
	c.Accuracy = float64(hits) / n
	for i := range c.Bins {
		b := &c.Bins[i]
		if b.Count == 0 {
			continue
		}
		b.Accuracy /= float64(b.Count)
		b.Confidence /= float64(b.Count)
		gap := math.Abs(b.Accuracy - b.Confidence)
		c.ECE += float64(b.Count) / n * gap
		c.MCE = max(c.MCE, gap)
	}
	return c, nil
}

func checkProbabilities(probabilities [][]float64, labels []int) error {
	if len(labels) == 0 || len(labels) != len(probabilities) {
		return fmt.Errorf("expected a label for each of at least one example, found %d labels and %d rows of probabilities", len(labels), len(probabilities))
	}
	for i, row := range probabilities {
		if len(row) != len(probabilities[0]) || labels[i] < 0 || labels[i] >= len(row) {
			return fmt.Errorf("expected %d probabilities and a label of 0 to %d for example %d, found %d and the label %d",
				len(probabilities[0]), len(probabilities[0])-1, i, len(row), labels[i])
		}
		for class, p := range row {
			if !(p >= 0 && p <= 1+1e-6) { // rounding of float32 may leave a little more than 1
				return fmt.Errorf("expected probabilities of 0 to 1, found %g for example %d, class %d", p, i, class)
			}
		}
	}
	return nil
}

// Softmax turns scores into probabilities: exp(scale*x_i) over the sum of all of them.
func Softmax(x []float32, scale float64) []float64 {
	largest := float64(slices.Max(x))
	out, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		out[i] = math.Exp(scale * (float64(v) - largest))
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
