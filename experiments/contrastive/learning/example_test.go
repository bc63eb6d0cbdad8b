package learning_test

import (
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
)

// A run of 400 steps that learns nothing: its loss stays at ln N.
func ExampleLook() {
	settings := learning.Settings{Batch: 64, EmbedDim: 128, Steps: 400, LR: 0.001, MinScale: 1, MaxScale: 100}
	var steps []map[string]float64
	for step := 10; step <= 400; step += 10 {
		steps = append(steps, map[string]float64{"step": float64(step), "loss": math.Log(64), learning.ImageToText: 1.0 / 64, learning.TextToImage: 1.0 / 64})
	}
	report := learning.Look(steps, settings)
	fmt.Printf("chance is %.2f nats\n", report.Chance)
	for _, finding := range report.Findings {
		fmt.Println(finding.Rule, "at step", finding.Step)
	}
	// Output:
	// chance is 4.16 nats
	// chance at step 400
}

// Four embeddings along two directions.
func ExampleEffectiveRank() {
	rank, err := learning.EffectiveRank([][]float32{{1, 0, 0}, {0, 1, 0}, {1, 0, 0}, {0, 1, 0}})
	fmt.Printf("%.2f %v\n", rank, err)
	// Output: 2.00 <nil>
}
