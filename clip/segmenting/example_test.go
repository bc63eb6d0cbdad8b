package segmenting_test

import (
	"fmt"
	"image"
	"log"
	"os"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/segmenting"
)

// A segmenter on a CLIP. Neither is trained here, so that the mask says nothing; `glimpse train built/segmentation` trains both.
func Example() {
	b, err := clip.OpenBackend(os.Stderr)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Finalize()
	tokenizer, err := clip.TrainTokenizer([]string{"a red circle", "the blue square"}, 20)
	if err != nil {
		log.Fatal(err)
	}
	eye, err := clip.New(clip.Tiny(tokenizer.VocabSize()), tokenizer, 1)
	if err != nil {
		log.Fatal(err)
	}
	cfg := segmenting.Default()
	cfg.Layers = []string{"visual.after_layer2", "visual.after_layer1"} // that this small tower has
	m, err := segmenting.New(cfg, eye, 1)
	if err != nil {
		log.Fatal(err)
	}
	conditions, err := m.Texts(b.Backend, []string{"red"})
	if err != nil {
		log.Fatal(err)
	}
	picture := image.NewRGBA(image.Rect(0, 0, 64, 48)) // yours
	mask, err := m.Mask(b.Backend, picture, conditions[0])
	if err != nil {
		log.Fatal(err)
	}
	share, box := mask.Share(m.Config.Threshold)
	fmt.Println(mask.Width, "x", mask.Height, "pixels; there is a box where there is a mask:", (share > 0) == !box.Empty())
	// Output: 64 x 48 pixels; there is a box where there is a mask: true
}
