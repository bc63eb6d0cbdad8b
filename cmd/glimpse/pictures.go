package main

import (
	"fmt"
	"image"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// What a model can say something about once it is squashed to a square.
const (
	fewestPixels = 8  // on a side
	mostAspect   = 20 // the long side over the short one
)

// openPicture decodes a picture that a person wants something said about.
func openPicture(path string) (image.Image, error) {
	img, err := picture.DecodeFile(path, picture.Limits{})
	if err != nil {
		return nil, err
	}
	if err := checkPicture(img); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, nil
}

// checkPicture refuses pictures that nothing can be said about.
func checkPicture(img image.Image) error {
	size := img.Bounds().Size()
	switch short, long := min(size.X, size.Y), max(size.X, size.Y); {
	case short < fewestPixels:
		return fmt.Errorf("expected a picture of at least %dx%d pixels, found %dx%d, in which there is nothing to see; give a larger one",
			fewestPixels, fewestPixels, size.X, size.Y)
	case long > mostAspect*short:
		return fmt.Errorf("expected a picture at most %d times as long as wide, found %dx%d pixels, of which nothing is left once it is squashed to a square; cut it first",
			mostAspect, size.X, size.Y)
	}
	return nil
}

// named is a picture with the name its user gave it.
type named struct {
	file    string
	picture image.Image
}

// eachPicture hands the pictures at paths to do, at most most at a time. One that cannot be used is named on standard
// error, the others are done, and an error at the end counts them.
func eachPicture(cmd *cobra.Command, paths []string, most int, do func([]named) error) error {
	var waiting []named
	bad := 0
	flush := func() error {
		if len(waiting) == 0 {
			return nil
		}
		done := waiting
		waiting = nil
		return do(done)
	}
	for _, path := range paths {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		img, err := openPicture(path)
		if err != nil && len(paths) == 1 {
			return err
		}
		if err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s\n", sentence(err))
			bad++
			continue
		}
		if waiting = append(waiting, named{path, img}); len(waiting) == most {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d pictures could not be used", bad, len(paths))
	}
	return nil
}
