package clip_test

import (
	"fmt"
	"image"
	"image/color"
	"log"
	"os"

	"github.com/glimpse-ml/glimpse/clip"
)

// Load a model from its folder, or from the folder of the run that trained it, and ask which label fits a picture.
func Example() {
	dir, err := tinyModel() // yours would be runs/clip, say
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	b, err := clip.OpenBackend(os.Stderr)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Finalize()
	model, err := clip.Load(dir)
	if err != nil {
		log.Fatal(err)
	}
	classifier, err := model.NewClassifier(b.Backend, []string{"red circle", "blue square"}, []string{"a photo of a {}"})
	if err != nil {
		log.Fatal(err)
	}
	probabilities, err := classifier.Classify(redSquare()) // any number of pictures at once
	if err != nil {
		log.Fatal(err)
	}
	sum := 0.0
	for i, label := range classifier.Labels {
		p := probabilities[0][i] // the model of this example is not trained, so they say nothing
		sum += p
		fmt.Println(label, p > 0 && p < 1)
	}
	fmt.Printf("together %.3f\n", sum)
	// Output:
	// red circle true
	// blue square true
	// together 1.000
}

// tinyModel saves a model with fresh weights.
func tinyModel() (dir string, err error) {
	tokenizer, err := clip.TrainTokenizer([]string{"a photo of a red circle", "a photo of a blue square"}, 100)
	if err != nil {
		return "", err
	}
	cfg := clip.Tiny(tokenizer.VocabSize())
	cfg.Text.ContextLength = 32 // its vocabulary spells most words out
	m, err := clip.New(cfg, tokenizer, 1)
	if err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp("", "clip-example-"); err != nil {
		return "", err
	}
	return dir, m.Save(dir)
}

func redSquare() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range 64 * 48 {
		img.Set(i%64, i/64, color.RGBA{200, 30, 30, 255})
	}
	return img
}
