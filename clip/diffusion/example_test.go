package diffusion_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
)

// How much of a picture is left as noise is added, and what a sampler of four steps does on the way back.
func ExampleNewSchedule() {
	schedule, err := diffusion.NewSchedule(diffusion.Cosine, 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	way, err := schedule.Every(4)
	if err != nil {
		fmt.Println(err)
		return
	}
	for k := 1; k < len(way); k++ {
		s := schedule.Stride(way[k-1], way[k], 0)
		fmt.Printf("step %4d to %3d: %.2f of the guessed picture, %.2f of the noise\n", s.From, s.To, s.Clean, s.Noise)
	}
	// Output:
	// step 1000 to 750: 0.38 of the guessed picture, 0.93 of the noise
	// step  750 to 500: 0.70 of the guessed picture, 0.71 of the noise
	// step  500 to 250: 0.92 of the guessed picture, 0.39 of the noise
	// step  250 to   0: 1.00 of the guessed picture, 0.00 of the noise
}
