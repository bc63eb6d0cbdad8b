package devise

import (
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/datasets"
)

// Labels are the labels of [Swatches], two words each. The last two are those of the split unseen, which no training picture has.
func Labels() []string {
	return []string{"light red", "dark red", "light green", "light blue", "dark blue", "dark yellow", "dark green", "light yellow"}
}

// unseen is how many of the last labels are kept from training.
const unseen = 2

// side is that of a picture, in pixels.
const side = 8

// Swatches are drawn pictures of one colour each, with noise, and the colour's name as label and caption.
type Swatches struct {
	split string
	n     int
}

var _ datasets.Dataset = (*Swatches)(nil)

// NewSwatches are n pictures of a split: train and test have six of the eight labels, unseen has the other two.
func NewSwatches(split string, n int) (*Swatches, error) {
	if split != "train" && split != "test" && split != "unseen" {
		return nil, fmt.Errorf("swatches: expected one of the splits train, test and unseen, found %q", split)
	}
	if n < 1 {
		return nil, fmt.Errorf("swatches: expected at least one picture, found %d", n)
	}
	return &Swatches{split, n}, nil
}

// Name implements [datasets.Dataset].
func (s *Swatches) Name() string { return "swatches/" + s.split }

// Len implements [datasets.Dataset].
func (s *Swatches) Len() int { return s.n }

// Fingerprint implements [datasets.Dataset]: the pictures follow from their split and number alone. Whoever draws them otherwise changes the version.
func (s *Swatches) Fingerprint() string { return fmt.Sprintf("swatches-1 %s %d", s.split, s.n) }

// At implements [datasets.Dataset]. The picture is drawn when it is opened.
func (s *Swatches) At(i int) datasets.Example {
	label := Labels()[s.label(i)]
	return datasets.Example{
		ID:       fmt.Sprintf("%s-%05d", s.split, i),
		Captions: []string{label},
		Label:    label,
		Open:     func() (image.Image, error) { return s.draw(i), nil },
	}
}

// label is the place of picture i's among [Labels].
func (s *Swatches) label(i int) int {
	seen := len(Labels()) - unseen
	if s.split == "unseen" {
		return seen + i%unseen
	}
	return i % seen
}

// draw draws picture i: two splits never share a picture, because their random numbers differ.
func (s *Swatches) draw(i int) image.Image {
	rng := rand.New(rand.NewPCG(uint64(i), uint64(len(s.split))))
	mean := colours[Labels()[s.label(i)]]
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	for p := range side * side {
		noisy := func(v float64) uint8 { return uint8(min(max(v+40*rng.NormFloat64(), 0), 255)) }
		img.SetRGBA(p%side, p/side, color.RGBA{noisy(mean[0]), noisy(mean[1]), noisy(mean[2]), 255})
	}
	return img
}

var colours = map[string][3]float64{
	"light red": {255, 128, 128}, "light green": {128, 255, 128}, "light blue": {128, 128, 255}, "light yellow": {255, 255, 128},
	"dark red": {128, 0, 0}, "dark green": {0, 128, 0}, "dark blue": {0, 0, 128}, "dark yellow": {128, 128, 0},
}
