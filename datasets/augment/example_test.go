package augment_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/datasets/augment"
	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// A picture of two pixels, red and blue, and its mirror image.
func ExampleConfig_Apply() {
	p := picture.NewRGB(2, 1)
	copy(p.Pix, []uint8{255, 0, 0, 0, 0, 255})
	mirrored := augment.Config{Flip: 1}.Apply(p, 2, 1, rand.New(rand.NewPCG(1, 2)))
	fmt.Println(mirrored.Pix)
	// Output: [0 0 255 255 0 0]
}
