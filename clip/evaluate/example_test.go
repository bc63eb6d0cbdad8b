package evaluate_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
)

// Three pictures with a text each, as unit vectors. The third text lies nearest to the second picture.
func ExampleEmbedded_Retrieve() {
	e := evaluate.Embedded{
		Examples: make([]datasets.Example, 3),
		Images:   [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		Texts:    [][]float32{{0.8, 0.6, 0}, {0, 1, 0}, {0, 0.8, 0.6}},
		Captions: []string{"a dog", "a cat", "a cat on a chair"},
		Owner:    []int{0, 1, 2},
	}
	r := e.Retrieve()
	fmt.Printf("picture to text: recall@1 %.2f of %d\n", r.ImageToText[1].Value, r.ImageToText[1].N)
	fmt.Printf("text to picture: recall@1 %.2f\n", r.TextToImage[1].Value)
	// Output:
	// picture to text: recall@1 1.00 of 3
	// text to picture: recall@1 0.67
}

// A class of a catalogue, as titles may write it.
func ExampleNames() {
	fmt.Println(evaluate.Names("Tshirts"))
	// Output: [Tshirts Tshirt T-shirt]
}
