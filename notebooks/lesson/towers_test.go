package lesson

import (
	"image"
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// freshCLIP is a model that was not trained, on pure Go.
func freshCLIP(t *testing.T) *TrainedCLIP {
	t.Helper()
	tokenizer, err := clip.TrainTokenizer([]string{"a red circle", "a red circle left of a blue square", "a blue square"}, 40)
	if err != nil {
		t.Fatal(err)
	}
	cfg := clip.Tiny(tokenizer.VocabSize())
	cfg.Text.ContextLength = 24 // its vocabulary spells many words out
	m, err := clip.New(cfg, tokenizer, 1)
	if err != nil {
		t.Fatal(err)
	}
	return &TrainedCLIP{Model: m, Backend: pureGo(t), Data: "scenes", Scale: 14, seed: 1}
}

func TestPieces(t *testing.T) {
	c := freshCLIP(t)
	pieces := Pieces(c, "A red circle")
	var text strings.Builder
	for _, p := range pieces[1 : len(pieces)-1] {
		text.WriteString(p.Text)
	}
	first, last := pieces[0], pieces[len(pieces)-1]
	if text.String() != "a red circle " || first != (Piece{c.Tokenizer.StartToken(), "<start>"}) || last != (Piece{c.Tokenizer.EndToken(), "<end>"}) {
		t.Errorf("found %q", pieces)
	}
}

// The layers end in the features whose directions are the embeddings, and those of the text encoder know nothing of what comes later.
func TestLayers(t *testing.T) {
	c := freshCLIP(t)
	set, err := scenes.New(scenes.Single())
	if err != nil {
		t.Fatal(err)
	}
	picture, text := set.Scene(0).Image(), "a red circle"
	layers := Layers(c, picture, text)
	embeddings := Try(c.EncodeImages(c.Backend.Backend, [][]float32{Try(c.Preprocess(picture))}))
	embeddings = append(embeddings, Try(c.EncodeTexts(c.Backend.Backend, []string{text}))...)
	for i, name := range []string{"image_features", "text_features"} {
		feature := LayerNamed(layers, name)
		if !slices.Equal(feature.Shape, []int{1, c.Config.EmbedDim}) {
			t.Errorf("%s has the shape %v", name, feature.Shape)
		}
		for k, v := range feature.Values {
			if unit := float64(v) / Length(feature.Values); math.Abs(unit-float64(embeddings[i][k])) > 1e-5 {
				t.Fatalf("%s: component %d is %g after division by the length, the embedding has %g", name, k, unit, embeddings[i][k])
			}
		}
	}
	last := func(text string) Layer { return LayerNamed(Layers(c, picture, text), "text.after_ln_final") }
	apart := Distances(last(text), last("a red square"))
	same := 1 + len(Pieces(c, "a red")) - 2 // the start token and the two words
	for i, d := range apart[:len(Pieces(c, text))] {
		if (d == 0) != (i < same) {
			t.Errorf("token %d is %g away: %v", i, d, apart)
		}
	}
}

// The gradient is that of finite differences.
func TestInfoNCE(t *testing.T) {
	b := pureGo(t)
	m := [][]float64{{2, 0, 0.5}, {1, 3, 0}, {0, 1, 1}}
	byHand := func(m [][]float64) (loss float64) {
		for i := range m {
			rows, columns := 0.0, 0.0
			for j := range m {
				rows, columns = rows+math.Exp(m[i][j]), columns+math.Exp(m[j][i])
			}
			loss += (math.Log(rows) + math.Log(columns) - 2*m[i][i]) / float64(2*len(m))
		}
		return loss
	}
	loss, gradient := InfoNCE(b, m)
	if math.Abs(loss-byHand(m)) > 1e-5 {
		t.Errorf("a loss of %g, expected %g", loss, byHand(m))
	}
	for i := range m {
		for j := range m {
			const h = 1e-5
			before := byHand(m)
			m[i][j] += h
			if slope := (byHand(m) - before) / h; math.Abs(slope-gradient[i][j]) > 1e-4 {
				t.Errorf("at %d, %d: %g, expected %g", i, j, gradient[i][j], slope)
			}
			m[i][j] -= h
		}
	}
}

// Right captions are true, wrong ones are not, and a model that puts nothing apart is right in no choice.
func TestSeveralChoices(t *testing.T) {
	for _, asked := range []Asked{AskColour, AskShape, AskNumber} {
		for _, c := range SeveralChoices(asked, 40) {
			right, err := c.Scene.True(c.Right)
			wrong, err2 := c.Scene.True(c.Wrong)
			if err != nil || err2 != nil || !right || wrong {
				t.Errorf("%s: %q is %v, %q is %v (%v, %v)", asked, c.Right, right, c.Wrong, wrong, err, err2)
			}
			if n := len(c.Scene.Objects); n < 2 || n > 4 {
				t.Errorf("a scene of %d objects", n)
			}
		}
	}
	same := SeveralChoices(AskNumber, 8)
	for i := range same {
		same[i].Wrong = same[i].Right
	}
	if p := freshCLIP(t).Chosen(same); p.Value != 0 || p.N != 8 {
		t.Errorf("of equal captions %v were nearer", p)
	}
}

func TestMirrored(t *testing.T) {
	picture := image.NewRGBA(image.Rect(2, 3, 5, 5)) // 3 x 2, not at the origin
	red, blue := color.RGBA{255, 0, 0, 255}, color.RGBA{0, 0, 255, 255}
	picture.Set(2, 3, red)
	picture.Set(4, 4, blue)
	for upDown, want := range map[bool][2]image.Point{false: {{2, 0}, {0, 1}}, true: {{0, 1}, {2, 0}}} {
		m := Mirrored(picture, upDown)
		if m.Bounds() != image.Rect(0, 0, 3, 2) || m.At(want[0].X, want[0].Y) != red || m.At(want[1].X, want[1].Y) != blue {
			t.Errorf("upDown %v: %v", upDown, m)
		}
	}
	if !UpDown("a red circle above a blue square") || UpDown("a red circle left of a blue square") {
		t.Error("which sentences are about above and below?")
	}
}
