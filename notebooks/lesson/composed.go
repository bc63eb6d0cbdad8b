package lesson

import (
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"os"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	studies "github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/lesson/composition"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Composition is what the quick form of the experiment lesson/composition leaves: a CLIP that was trained on drawn scenes of two objects and
// captions such as "a red circle left of a blue square", and how often it, and one whose text encoder is a bag of words, chose the
// right one of two captions.
type Composition struct {
	*TrainedCLIP
	results []composition.Result
}

// OpenComposition opens it. The first time, both are trained: half a minute.
func OpenComposition() Composition {
	b := Backend()
	run, _, err := Train(b, composition.Study().Experiment, experiments.Options{Form: experiments.Quick, Seed: 1})
	Check(err)
	var report composition.Report
	Check(json.Unmarshal(Try(os.ReadFile(run.Path(studies.ReportFile))), &report))
	m := Try(clip.Load(run.Path("model")))
	return Composition{&TrainedCLIP{Model: m, Backend: b, Data: "scenes of two objects", Scale: Try(m.Scale()), seed: run.Manifest.Seed}, report.Results}
}

// Right is how often the right caption was the nearer one, of new scenes with pairs of colour and shape that training had. The tower is
// "transformer" or "bag of words".
func (c Composition) Right(tower string, test composition.Test) stats.Proportion {
	for _, r := range c.results {
		if r.Tower == tower && r.Test == test && r.Split == scenes.Test {
			return stats.Proportion(r.Right)
		}
	}
	Check(fmt.Errorf("expected a tower and a test of lesson/composition, found %q and %q", tower, test))
	return stats.Proportion{}
}

// Choices are n new scenes, as large as the model sees them, with a right caption and one that is wrong as the test says.
func (c Composition) Choices(test composition.Test, n int) []composition.Choice {
	cfg := scenes.Pairs()
	cfg.Size, cfg.Split, cfg.Seed = c.Config.Vision.Width, scenes.Test, 77
	return Try(composition.Choices(cfg, test, n))
}

// Mirrored is the other way round: what was on the left is on the right, or, where upDown is set, what was above is below.
func Mirrored(picture image.Image, upDown bool) image.Image {
	b := picture.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Bounds(), picture, b.Min, draw.Src)
	for y := range b.Dy() {
		for x := range b.Dx() {
			from := image.Pt(b.Dx()-1-x, y)
			if upDown {
				from = image.Pt(x, b.Dy()-1-y)
			}
			out.Set(x, y, picture.At(b.Min.X+from.X, b.Min.Y+from.Y))
		}
	}
	return out
}

// SeveralCLIP opens a CLIP of drawn scenes with two to four objects, whose captions list them, count them, or say how they lie to each other. The
// first time it is trained: half a minute.
func SeveralCLIP() *TrainedCLIP {
	b := Backend()
	overrides := []experiments.Override{
		{Key: "data", Value: severalScenes}, {Key: "attribute", Value: "objects"},
		{Key: "model.text.context_length", Value: "28"}, {Key: "train.steps", Value: "200"}, {Key: "held_out", Value: "400"},
	}
	run, _, err := Train(b, demo.CLIP(), experiments.Options{Form: experiments.Quick, Seed: 1, Overrides: overrides})
	Check(err)
	return Try(openCLIP(b, run.Dir))
}

// severalScenes is the name of those scenes among the data of the experiment clip.
const severalScenes = "scenes-several"

// Cosines are those of pictures (rows) and texts (columns).
func (c *TrainedCLIP) Cosines(pictures []image.Image, texts ...string) [][]float64 {
	pixels := make([][]float32, len(pictures))
	for i, picture := range pictures {
		pixels[i] = Try(c.Preprocess(picture))
	}
	images, err := c.EncodeImages(c.Backend.Backend, pixels)
	Check(err)
	out := make([][]float64, len(pictures))
	for i, row := range clip.Similarities(images, Try(c.EncodeTexts(c.Backend.Backend, texts))) {
		for _, cosine := range row {
			out[i] = append(out[i], float64(cosine))
		}
	}
	return out
}
