package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
)

// calibrationMetrics is a case of `glimpse metrics calibration --json`.
type calibrationMetrics struct {
	Case     any                  `json:"case"`
	N        int                  `json:"N"`
	C        int                  `json:"C"`
	Bins     int                  `json:"bins"`
	ECE      float64              `json:"ece"`
	MCE      float64              `json:"mce"`
	Accuracy float64              `json:"accuracy"`
	Brier    float64              `json:"brier"`
	NLL      *float64             `json:"nll"` // nats; null when a label has probability 0, where it is infinite
	PerBin   []calibrationBinJSON `json:"per_bin"`
}

type calibrationBinJSON struct {
	Low        float64  `json:"low"`
	High       float64  `json:"high"`
	Count      int      `json:"count"`
	Accuracy   *float64 `json:"accuracy"` // null in an empty bin
	Confidence *float64 `json:"confidence"`
}

func metricsCalibrationCommand() *cobra.Command {
	var in metricsInput
	bins := 0
	cmd := &cobra.Command{
		Use:   "calibration --input F.safetensors",
		Short: "Whether probabilities can be trusted: ECE, MCE, Brier score, negative log-likelihood",
		Long: `Calibration takes probabilities [N, C] (float32, 0 to 1) and labels [N] (int32, 0 to C-1). The confidence of a
prediction is its largest probability. Confidences fall into bins of equal width over 0 to 1, a bin holding
low < confidence <= high (the first one also 0).

  ece     sum over the bins of count/N * |accuracy - mean confidence| (Guo et al. 2017)
  mce     the largest of these differences
  brier   mean squared distance of the probabilities to the label's one-hot vector (Brier 1950): 0 to 2
  nll     mean of -ln of the label's probability, in nats (infinite, null in the JSON, when one is 0)

The number of bins is that of --bins, else that of a tensor bins in the input, else that of "bins" of the case in a
JSON file of the input's name beside it, else 10.`,
		Example: examples(
			"glimpse metrics calibration --input probabilities.safetensors",
			"glimpse metrics calibration --input probabilities.safetensors --bins 15 --json"),
	}
	cmd.Flags().IntVar(&bins, "bins", 0, "`number` of bins (default: see above)")
	return in.command(cmd, []string{"probabilities", "labels"}, func(c *metricsCase) (metricsResult, error) {
		n, err := calibrationBins(cmd, c, bins)
		if err != nil {
			return nil, err
		}
		return measureCalibration(c, n)
	})
}

// mostBins bounds the bins: there is no use in more, and a damaged file may ask for them.
const mostBins = 10_000

func calibrationBins(cmd *cobra.Command, c *metricsCase, asked int) (int, error) {
	switch {
	case cmd.Flags().Changed("bins") && (asked < 1 || asked > mostBins):
		return 0, usagef(cmd, "expected --bins to be 1 to %d, found %d", mostBins, asked)
	case asked > 0:
		return asked, nil
	}
	bins := 0
	if _, ok := c.file.Get(c.prefix + "bins"); ok {
		values, shape, err := c.file.Int32s(c.prefix + "bins")
		if err != nil {
			return 0, err
		}
		if len(values) != 1 {
			return 0, fmt.Errorf("expected one number in bins, found the shape %v", shape)
		}
		if bins = int(values[0]); bins < 1 || bins > mostBins {
			return 0, fmt.Errorf("expected bins of 1 to %d, found %d", mostBins, bins)
		}
		return bins, nil
	}
	if bins = binsBeside(c); bins >= 1 && bins <= mostBins {
		return bins, nil
	}
	return clip.CalibrationBins, nil
}

// binsBeside is the number of bins that the JSON file beside the input states for a case, 0 when there is none: the
// layout of golden/zero-shot/metrics keeps it there.
func binsBeside(c *metricsCase) int {
	data, err := os.ReadFile(strings.TrimSuffix(c.path, filepath.Ext(c.path)) + ".json")
	if err != nil {
		return 0
	}
	var beside struct {
		Bins  int `json:"bins"`
		Cases []struct {
			Case any `json:"case"`
			Bins int `json:"bins"`
		} `json:"cases"`
	}
	if json.Unmarshal(data, &beside) != nil {
		return 0 // another file of that name
	}
	for _, of := range beside.Cases {
		if fmt.Sprint(of.Case) == fmt.Sprint(c.id()) {
			return of.Bins
		}
	}
	return beside.Bins
}

func measureCalibration(c *metricsCase, bins int) (metricsResult, error) {
	values, err := c.matrix("probabilities", "N", "C")
	if err != nil {
		return nil, err
	}
	labels, err := c.indices("labels", len(values), len(values[0]), "example")
	if err != nil {
		return nil, err
	}
	probabilities := make([][]float64, len(values))
	for i, row := range values {
		for _, p := range row {
			probabilities[i] = append(probabilities[i], float64(p))
		}
	}
	found, err := clip.Calibrate(probabilities, labels, bins)
	if err != nil {
		return nil, err
	}
	m := &calibrationMetrics{Case: c.id(), N: len(values), C: len(values[0]), Bins: bins, ECE: found.ECE, MCE: found.MCE,
		Accuracy: found.Accuracy, Brier: found.Brier, PerBin: calibrationBinsJSON(found.Bins)}
	if !math.IsInf(found.NLL, 1) {
		m.NLL = &found.NLL
	}
	return m, nil
}

func calibrationBinsJSON(bins []clip.CalibrationBin) []calibrationBinJSON {
	var out []calibrationBinJSON
	for _, b := range bins {
		bin := calibrationBinJSON{Low: b.Low, High: b.High, Count: b.Count}
		if b.Count > 0 {
			bin.Accuracy, bin.Confidence = &b.Accuracy, &b.Confidence
		}
		out = append(out, bin)
	}
	return out
}

func (m *calibrationMetrics) print(table io.Writer) {
	nll := "infinite"
	if m.NLL != nil {
		nll = number(*m.NLL)
	}
	fmt.Fprintf(table, "%d examples, %d classes, %d bins\n", m.N, m.C, m.Bins)
	fmt.Fprintf(table, "accuracy\t%s\nece\t%s\nmce\t%s\nbrier\t%s\nnll\t%s\n", number(m.Accuracy), number(m.ECE), number(m.MCE), number(m.Brier), nll)
	fmt.Fprintln(table, "confidence\texamples\tmean\taccuracy")
	for _, b := range m.PerBin {
		if b.Count > 0 {
			fmt.Fprintf(table, "%.3g to %.3g\t%s\t%s\t%s\n", b.Low, b.High, strconv.Itoa(b.Count), number(*b.Confidence), number(*b.Accuracy))
		}
	}
}
