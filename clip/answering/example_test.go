package answering_test

import (
	"fmt"
	"image"
	"log"
	"os"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/answering"
)

// A network on the image tower of a CLIP. Neither is trained here, so that the answers say nothing; `glimpse train built/answering` trains both.
func Example() {
	b, err := clip.OpenBackend(os.Stderr)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Finalize()
	eye, err := clip.New(clip.Tiny(300), nil, 1)
	if err != nil {
		log.Fatal(err)
	}
	cfg := answering.Default()
	cfg.Words, cfg.Answers = answering.Vocabulary([]string{"what colour is the circle?"}), []string{"red", "green", "blue"}
	m, err := answering.New(cfg, eye, 1)
	if err != nil {
		log.Fatal(err)
	}
	picture := image.NewRGBA(image.Rect(0, 0, 64, 64)) // yours
	answers, err := m.Ask(b.Backend, picture, "What colour is the circle?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(answers), "answers, the likeliest first:", answers[0].Probability >= answers[1].Probability)
	_, err = m.Ask(b.Backend, picture, "what colour is the dog?")
	fmt.Println(err)
	// Output:
	// 3 answers, the likeliest first: true
	// expected words that the model knows, found "dog" in "what colour is the dog?"; it knows: circle, colour, is, the, what
}
