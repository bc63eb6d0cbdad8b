package captioner_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// An encoder of one's own, and what its grid is of.
func ExampleCNNEncoder() {
	encoder, err := captioner.CNNEncoder(captioning.SmallCNN())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer encoder.Close()
	fmt.Printf("%d x %d places of %d numbers, frozen: %v\n", encoder.Grid, encoder.Grid, encoder.Channels, encoder.Frozen())
	// Output:
	// 7 x 7 places of 256 numbers, frozen: false
}
