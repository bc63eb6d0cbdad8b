package squeezenet_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
)

// How many places attention can look at, by the size of the pictures.
func ExampleGrid() {
	for _, size := range []int{128, 224} {
		side, err := squeezenet.Grid(size)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d pixels: %d x %d places of %d numbers\n", size, side, side, squeezenet.Channels)
	}
	// Output:
	// 128 pixels: 7 x 7 places of 512 numbers
	// 224 pixels: 13 x 13 places of 512 numbers
}

// A white pixel and a black one, as the network expects them.
func ExamplePreprocess() {
	dst := make([]float32, 6)
	squeezenet.Preprocess(dst, []uint8{255, 255, 255, 0, 0, 0})
	fmt.Println(dst)
	// Output: [132 138 151 -123 -117 -104]
}
