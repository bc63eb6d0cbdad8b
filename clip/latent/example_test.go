package latent_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/clip/latent"
)

// How much smaller a latent is than its picture, and on which grid the noise is told.
func ExampleDefaultAutoencoder() {
	a, c := latent.DefaultAutoencoder(), latent.Default()
	side := a.Latents()
	fmt.Printf("%dx%dx3 numbers become %dx%dx%d, a twelfth: %d\n", a.Side, a.Side, side, side, a.Depth, a.Side*a.Side*3/(side*side*a.Depth))
	fmt.Println(c.Noise.Side == side, c.Check())
	// Output:
	// 32x32x3 numbers become 8x8x4, a twelfth: 12
	// true <nil>
}
