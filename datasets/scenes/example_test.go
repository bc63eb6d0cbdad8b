package scenes_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

func Example() {
	data, err := scenes.New(scenes.Default())
	if err != nil {
		fmt.Println(err)
		return
	}
	scene := data.Scene(3)
	for _, caption := range scene.Captions() {
		fmt.Println(caption)
	}
	question := scene.Questions()[1]
	fmt.Println(question.Text, question.Answer)

	isTrue, err := scene.True("a star below a square")
	fmt.Println(isTrue, err)
	// Output:
	// a large orange star, a large dotted yellow circle and a small orange square
	// an orange square is right of a yellow circle
	// a picture of two orange shapes
	// there are two orange shapes and a large yellow circle
	// an orange star, a large dotted yellow circle and a small orange square
	// what is the large orange shape? star
	// false <nil>
}
