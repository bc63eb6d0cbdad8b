package segmentation

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
)

// shownScenes is of how many scenes of a split masks are shown.
const shownScenes = 6

// Shown is the first phrase about a scene with what was made of it.
type Shown struct {
	Split  scenes.Split `json:"split"`
	Phrase string       `json:"phrase"`
	Strip  judge.Strip  `json:"strip"` // picture, truth, example, and the masks
	Notes  []string     `json:"notes"`
}

// show keeps the masks of the first phrase about each of the first scenes, whatever they are.
func (r *Report) show(t test, maps map[string][][][]float32) error {
	for i, a := range t.asked[:min(shownScenes, len(t.asked))] {
		picture := a.scene.Image()
		tiles, notes := []image.Image{picture, over(picture, a.truths[0], 0.5), a.first}, []string{"picture", "truth", "example"}
		for _, w := range ways() {
			if w.name == asWhole || w.name == asPlaces {
				continue
			}
			found, threshold := maps[w.name][i][0], r.threshold(w)
			tiles = append(tiles, over(picture, found, threshold))
			notes = append(notes, fmt.Sprintf("%s: %.2f", w.name, iou(found, a.truths[0], threshold)))
		}
		strip, err := strip(tiles)
		if err != nil {
			return err
		}
		r.Shown = append(r.Shown, Shown{t.split, a.phrases[0].String(), strip, notes})
	}
	return nil
}

func over(picture image.Image, values []float32, threshold float64) image.Image {
	size := picture.Bounds().Size()
	return (&segmenting.Mask{Width: size.X, Height: size.Y, Probabilities: values}).Over(picture, threshold)
}

// strip lays pictures of one size out beside each other.
func strip(tiles []image.Image) (judge.Strip, error) {
	side := tiles[0].Bounds().Dx()
	all := image.NewRGBA(image.Rect(0, 0, side*len(tiles), side))
	for i, tile := range tiles {
		draw.Draw(all, image.Rect(i*side, 0, (i+1)*side, side), tile, tile.Bounds().Min, draw.Src)
	}
	var b bytes.Buffer
	err := png.Encode(&b, all)
	return judge.Strip{PNG: b.Bytes(), Side: side}, err
}
