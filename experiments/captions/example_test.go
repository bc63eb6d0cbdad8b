package captions_test

import (
	"encoding/json"
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captions"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// What the two forms of the experiment are trained on.
func ExamplePhotographs() {
	e := captions.Photographs()
	for _, form := range []experiments.Form{experiments.Full, experiments.Quick} {
		raw, err := e.Config(backend.Go, experiments.Options{Form: form})
		if err != nil {
			fmt.Println(err)
			return
		}
		var c captions.Config
		if err := json.Unmarshal(raw, &c); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %s, encoder %s, decoder %s\n", form, c.Data, c.Encoder, c.Decoder)
	}
	// Output:
	// full: flickr8k, encoder squeezenet, decoder attend
	// quick: scenes, encoder cnn, decoder attend
}
