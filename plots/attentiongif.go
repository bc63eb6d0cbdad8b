package plots

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"math"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// How long a frame is shown, in hundredths of a second: the bare picture, a word, the whole caption before it begins anew.
const (
	delayBefore = 80
	delayWord   = 90
	delayAfter  = 300
)

// AttentionGIF is [AttentionStrip] in time: first the bare picture, then a frame a word, bright where the word looks, while the
// caption grows below it; at the end the bare picture with the whole caption. It plays for ever. The title and PerRow play no
// part; a word's note stands below the caption. Frames are as wide as the picture's panel, 420 pixels.
//
// Every frame has the 255 colours that suit it best, and its errors are spread by Floyd and Steinberg's dithering.
//
// Errors are those of [AttentionStrip].
func AttentionGIF(cfg AttentionConfig) (*gif.GIF, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("attention GIF: %w", err)
	}
	f := newFrames(cfg)
	out := &gif.GIF{}
	add := func(frame image.Image, delay int) {
		out.Image, out.Delay = append(out.Image, paletted(frame)), append(out.Delay, delay)
	}
	add(f.draw(f.picture, 0, -1), delayBefore)
	brightest := cfg.brightest(f.picture.Rect.Size())
	for i := range cfg.Words {
		light := upsample(cfg.Weights[i], cfg.Rows, cfg.Cols, f.picture.Rect.Dy(), f.picture.Rect.Dx())
		add(f.draw(shine(f.picture, light, brightest(light)), i+1, i), delayWord)
	}
	add(f.draw(f.picture, len(cfg.Words), -1), delayAfter)
	return out, nil
}

const (
	frameSide   = 420 // pixels, the longer side of the picture
	frameMargin = 8 * pixel
)

var (
	captionStyle = style{size: 13.5, color: inkColor}
	saidColor    = color.RGBA{0xff, 0xe6, 0x9a, 0xff} // behind the word of the frame
)

// frames lays out an animation: where every word of the caption goes is known before the first of them.
type frames struct {
	cfg           AttentionConfig
	picture       *image.RGBA
	width, height vg.Length
	words         []string
	at            []vg.Point // the left end of each word's baseline
}

func newFrames(cfg AttentionConfig) *frames {
	size := cfg.Picture.Bounds().Size()
	scale := float64(frameSide) / float64(max(size.X, size.Y))
	side := func(n int) int { return max(1, int(math.Round(float64(n)*scale))) }
	f := &frames{
		cfg:     cfg,
		picture: onWhite(cfg.Picture, image.Pt(side(size.X), side(size.Y))),
		width:   frameSide*pixel + 2*frameMargin, // a tower too leaves its caption room
	}
	line, space := captionStyle.line(), captionStyle.width(" ")
	x, y := frameMargin, vg.Length(0)
	for _, word := range cfg.Words {
		word = captionStyle.fit(oneLine(word), f.width-2*frameMargin)
		w := captionStyle.width(word)
		if x > frameMargin && x+w > f.width-frameMargin {
			x, y = frameMargin, y+line
		}
		f.words, f.at = append(f.words, word), append(f.at, vg.Point{X: x, Y: y})
		x += w + space
	}
	room := y + line
	if cfg.Notes != nil {
		room += tickStyle.line() + 2
	}
	f.height = snapUp(vg.Length(f.picture.Rect.Dy())*pixel + room + 3*frameMargin)
	for i := range f.at { // from lines counted downwards to heights above the bottom
		f.at[i].Y = f.height - vg.Length(f.picture.Rect.Dy())*pixel - 2*frameMargin - captionStyle.size - f.at[i].Y
	}
	return f
}

// draw paints the picture with the first words of the caption below it; now is the word that is being said, or -1.
func (f *frames) draw(picture image.Image, words, now int) image.Image {
	canvasOf := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(screenDPI), vgimg.UseBackgroundColor(color.White))
	c := canvas{vgdraw.NewCanvas(rasterCanvas{canvasOf}, f.width, f.height), screenDPI, true}
	for i, word := range f.words[:words] {
		if i == now {
			c.SetColor(saidColor)
			low := f.at[i].Add(vg.Point{X: -2, Y: -0.3 * captionStyle.size})
			box := vg.Rectangle{Min: low, Max: low.Add(vg.Point{X: captionStyle.width(word) + 4, Y: captionStyle.line()})}
			c.Fill(box.Path())
		}
		c.text(captionStyle, word, f.at[i], atStart, atStart, 0)
	}
	if now >= 0 && f.cfg.Notes != nil {
		c.text(tickStyle, tickStyle.fit(oneLine(f.cfg.Notes[now]), f.width-2*frameMargin), vg.Point{X: frameMargin, Y: frameMargin}, atStart, atStart, 0)
	}
	frame := onWhite(canvasOf.Image(), canvasOf.Image().Bounds().Size())
	corner := image.Pt((frame.Rect.Dx()-f.picture.Rect.Dx())/2, int(math.Round(float64(frameMargin/pixel))))
	draw.Draw(frame, f.picture.Rect.Add(corner), picture, image.Point{}, draw.Src)
	return frame
}
