package scenesclip_test

import (
	"fmt"
	"log"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/scenesclip"
)

// What the CLIP of a study sees: a study's own tests draw from the split that training never had.
func ExampleConfig_Scenes() {
	cfg := scenesclip.Defaults(experiments.Full)
	set, err := cfg.Scenes(scenes.Test, 1, 100)
	if err != nil {
		log.Fatal(err)
	}
	scene := set.Scene(0)
	fmt.Println(set.Name(), set.Len(), scene.Image().Bounds().Size(), len(scene.Objects) <= cfg.MaxObjects)
	// Output: scenes/test 100 (48,48) true
}
