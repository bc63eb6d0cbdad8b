package unclip_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/clip/unclip"
)

// Between two embeddings the way leads along the sphere, so that all that lies on it is an embedding, too.
func ExampleSlerp() {
	a, b := []float32{1, 0}, []float32{0, 1}
	for _, share := range []float64{0, 1. / 3, 0.5, 1} {
		z := unclip.Slerp(a, b, share)
		fmt.Printf("%.2f: (%.2f, %.2f), length %.2f\n", share, z[0], z[1], unclip.Dot(z, z))
	}
	// Output:
	// 0.00: (1.00, 0.00), length 1.00
	// 0.33: (0.87, 0.50), length 1.00
	// 0.50: (0.71, 0.71), length 1.00
	// 1.00: (0.00, 1.00), length 1.00
}
