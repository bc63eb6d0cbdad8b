package picture_test

import (
	"errors"
	"fmt"
	"image"
	"image/color"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// CLIP's geometry: the short side to 2 pixels, the middle of the long one, channels first, and values in -1..1.
func ExampleShortSideCrop() {
	img := image.NewRGBA(image.Rect(0, 0, 8, 4))
	for i := range 8 * 4 {
		img.Set(i%8, i/8, color.RGBA{255, 0, 0, 255})
	}
	cropped, err := picture.ShortSideCrop(img, 2, picture.Bicubic)
	if err != nil {
		fmt.Println(err)
		return
	}
	half := [3]float32{0.5, 0.5, 0.5}
	fmt.Println(cropped.Bounds().Size(), picture.ToCHW(cropped, half, half))
	// Output: (2,2) [1 1 1 1 -1 -1 -1 -1 -1 -1 -1 -1]
}

// What is no picture says so.
func ExampleDecode() {
	_, err := picture.Decode("notes.txt", []byte("to do"), picture.Limits{})
	fmt.Println(errors.Is(err, picture.ErrNotAPicture))
	// Output: true
}
