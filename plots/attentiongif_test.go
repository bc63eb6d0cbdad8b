package plots

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"math"
	"testing"
)

func TestAttentionGIF(t *testing.T) {
	cfg := AttentionConfig{
		Picture: testPicture(60, 40), Rows: 1, Cols: 2, Words: []string{"left", "right"}, Notes: []string{"1 place", "one"},
		Weights: [][]float64{{1, 0}, {0, 1}},
	}
	animation, err := AttentionGIF(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := gif.EncodeAll(&buf, animation); err != nil {
		t.Fatal(err)
	}
	read, err := gif.DecodeAll(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if len(read.Image) != 4 || read.LoopCount != 0 {
		t.Fatalf("expected the picture, two words, the picture again, for ever, found %d frames and the count %d", len(read.Image), read.LoopCount)
	}
	// How light the halves of the picture are, and how many pixels below it are not white.
	const top, high = 8, 280 // the picture is 420 x 280
	half := func(frame *image.Paletted, right int) (sum float64) {
		for y := top; y < top+high; y++ {
			for x := 8 + 210*right; x < 8+210*(right+1); x++ {
				sum += float64(color.GrayModel.Convert(frame.At(x, y)).(color.Gray).Y)
			}
		}
		return sum
	}
	ink := func(frame *image.Paletted) (n int) {
		for y := top + high; y < frame.Rect.Dy(); y++ {
			for x := range frame.Rect.Dx() {
				if frame.At(x, y) != (color.RGBA{255, 255, 255, 255}) {
					n++
				}
			}
		}
		return n
	}
	plain := [2]float64{half(read.Image[0], 0), half(read.Image[0], 1)}
	for word, frame := range read.Image[1:3] {
		lit, dark := half(frame, word)/plain[word], half(frame, 1-word)/plain[1-word]
		if lit < 0.8 || dark > 0.6 {
			t.Errorf("word %d: its half has %.2f of its light, the other %.2f", word, lit, dark)
		}
	}
	if first, last, next := ink(read.Image[0]), ink(read.Image[3]), ink(read.Image[2]); first != 0 || last == 0 || next <= last {
		t.Errorf("pixels of the caption: %d before it, %d with its last word under way, %d after it", first, next, last)
	}
	for i := range read.Image {
		if read.Image[i].Rect != read.Image[0].Rect || read.Delay[i] < 50 {
			t.Errorf("frame %d has the place %v and is shown for %d/100 s", i, read.Image[i].Rect, read.Delay[i])
		}
	}
	cfg.Notes = cfg.Notes[:1]
	if _, err := AttentionGIF(cfg); err == nil {
		t.Error("expected an error for one note and two words")
	}
}

// A tall picture leaves its caption the room of a wide one.
func TestAttentionGIFOfATower(t *testing.T) {
	animation, err := AttentionGIF(AttentionConfig{Picture: testPicture(10, 100), Rows: 1, Cols: 1,
		Words: []string{"a", "tower"}, Weights: [][]float64{{1}, {1}}})
	if err != nil {
		t.Fatal(err)
	}
	if size := animation.Image[0].Rect.Size(); size.X != 436 || size.Y < 440 {
		t.Errorf("expected 436 pixels with a caption below 420, found %v", size)
	}
}

// A picture of few colours keeps them; one of many comes near.
func TestQuantize(t *testing.T) {
	few := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range 256 {
		few.SetRGBA(i%16, i/16, color.RGBA{uint8(16 * (i % 16)), uint8(16 * (i / 16)), 77, 255})
	}
	for y := range 16 {
		for x := range 16 {
			if got := paletted(few).At(x, y); y < 15 && distanceOf(got, few.At(x, y)) > 34 {
				t.Fatalf("at %d, %d: %v became %v", x, y, few.At(x, y), got)
			}
		}
	}
	two := image.NewRGBA(image.Rect(0, 0, 10, 10))
	for i := range 100 {
		two.SetRGBA(i%10, i/10, []color.RGBA{{1, 2, 3, 255}, {250, 128, 9, 255}}[i/70])
	}
	if colors := quantize(two, 255); len(colors) != 2 || distanceOf(colors[0], color.RGBA{1, 2, 3, 255}) != 0 || distanceOf(colors[1], color.RGBA{250, 128, 9, 255}) != 0 {
		t.Errorf("two colours became %v", quantize(two, 255))
	}
	gradient := image.NewRGBA(image.Rect(0, 0, 200, 200))
	for y := range 200 {
		for x := range 200 {
			gradient.SetRGBA(x, y, color.RGBA{uint8(x), uint8(y), uint8((x + y) / 2), 255})
		}
	}
	colors, sum := color.Palette(quantize(gradient, 255)), 0.0
	if len(colors) != 255 {
		t.Fatalf("expected 255 colours, found %d", len(colors))
	}
	for y := range 200 {
		for x := range 200 {
			sum += math.Pow(distanceOf(colors.Convert(gradient.At(x, y)), gradient.At(x, y)), 2)
		}
	}
	if rms := math.Sqrt(sum / 40000); rms > 8 { // 255 square tiles of 12.5 x 12.5 would be off by 6.2
		t.Errorf("a gradient of two colours is off by %.1f", rms)
	}
}

func distanceOf(a, b color.Color) float64 {
	x, y := color.RGBAModel.Convert(a).(color.RGBA), color.RGBAModel.Convert(b).(color.RGBA)
	d := [3]float64{float64(x.R) - float64(y.R), float64(x.G) - float64(y.G), float64(x.B) - float64(y.B)}
	return math.Sqrt(d[0]*d[0] + d[1]*d[1] + d[2]*d[2])
}
