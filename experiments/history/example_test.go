package history_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/history"
)

// Results as a run's results.json has them, with their intervals.
func ExampleFigures() {
	for _, f := range history.Figures(map[string]float64{"loss": 1.25, "zeroshot_top1": 0.5, "zeroshot_top1_low": 0.4, "zeroshot_top1_high": 0.6, "zeroshot_top1_n": 100}) {
		fmt.Println(f.Name, f)
	}
	// Output:
	// zeroshot_top1 0.5 (0.4 to 0.6)
	// loss 1.25
}

// A curve in eight characters.
func ExampleCurve_Sparkline() {
	c := history.Curve{Name: "loss", Steps: []float64{1, 2, 3, 4, 5, 6, 7, 8}, Values: []float64{8, 7, 6, 5, 4, 3, 2, 1}}
	fmt.Println(c.Sparkline(8), c.Last())
	// Output: █▇▆▅▄▃▂▁ 1
}
