package contrastive_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
)

// A batch of four texts, two of them equal: what is pushed away from one belongs to the other, and the loss cannot fall to 0.
func ExampleTextFigures() {
	figures := contrastive.TextFigures([][]int32{{5, 6}, {7, 8}, {5, 6}, {9, 9}})
	fmt.Printf("duplicates %.2f, floor %.3f nats\n", figures[learning.Duplicates], figures[learning.Floor])
	// Output: duplicates 0.50, floor 0.347 nats
}
