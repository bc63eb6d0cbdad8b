package captioner

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// View is how the pictures of a data set are shown, for a decoder to train on more than one view of each. The zero value shows them as they are.
type View struct {
	Mirrored bool
	Crop     int // 0 for the whole picture; each other number is another part of it, drawn once and for all by this number and the picture's
}

// leastArea is the smallest share of a picture that a crop shows, and cropAspect the largest factor by which its sides are stretched against each other:
// captions tell of the whole picture, so that crops are larger than those that classifiers train on (Szegedy et al. 2015, arXiv 1409.4842, section 6).
const (
	leastArea  = 0.6
	cropAspect = 1.15
)

// preparation is what the view adds to how a picture becomes features.
func (v View) preparation() (text string) {
	if v.Mirrored {
		text += ", mirrored"
	}
	if v.Crop != 0 {
		text += fmt.Sprintf(", crop %d", v.Crop)
	}
	return text
}

// prepareView squashes picture i of a set, or the view's part of it, to what the encoder sees.
func (e *Encoder) prepareView(img image.Image, i int, v View) (*picture.RGB, error) {
	rgb, err := e.cropped(img, i, v.Crop)
	if err == nil && v.Mirrored {
		rgb = picture.FlipHorizontal(rgb)
	}
	return rgb, err
}

func (e *Encoder) cropped(img image.Image, i, crop int) (*picture.RGB, error) {
	if crop == 0 {
		return e.prepare(img)
	}
	rng := rand.New(rand.NewPCG(uint64(i), uint64(crop)))
	area, ratio := leastArea+(1-leastArea)*rng.Float64(), math.Exp((2*rng.Float64()-1)*math.Log(cropAspect))
	w, h := min(math.Sqrt(area*ratio), 1), min(math.Sqrt(area/ratio), 1) // shares of the picture's sides
	W, H := int(float64(e.size)/w), int(float64(e.size)/h)               // the picture as large that the crop is what the encoder sees
	x, y := rng.IntN(W-e.size+1), rng.IntN(H-e.size+1)
	return picture.ResizeCrop(img, W, H, image.Rect(x, y, x+e.size, y+e.size), e.filter())
}
