package picture

import (
	"fmt"
	"image"
)

// ToRGB is Pillow's convert("RGB"): grey is repeated, palettes are looked up, alpha is dropped.
func ToRGB(img image.Image) *RGB {
	if p, ok := img.(*RGB); ok {
		return p
	}
	return load(img, image.Rectangle{Max: img.Bounds().Size()}).rgb()
}

// ToCHW gives (v/255 - mean) / std as a tensor [3, H, W], in float32 as torchvision's ToTensor and Normalize.
func ToCHW(img image.Image, mean, std [3]float32) []float32 {
	p := ToRGB(img)
	out := make([]float32, 3*p.W*p.H)
	CHWInto(out, p, mean, std)
	return out
}

// ToHWC gives the same numbers as a tensor [H, W, 3].
func ToHWC(img image.Image, mean, std [3]float32) []float32 {
	p := ToRGB(img)
	out := make([]float32, 3*p.W*p.H)
	HWCInto(out, p, mean, std)
	return out
}

// CHWInto is [ToCHW] into one place of a batch. It panics unless dst has 3*H*W elements.
func CHWInto(dst []float32, p *RGB, mean, std [3]float32) {
	checkRoom(dst, p)
	table := levels(mean, std)
	n := p.W * p.H
	r, g, b := dst[:n], dst[n:2*n], dst[2*n:3*n]
	pix := p.Pix
	for i := range r {
		v := pix[3*i : 3*i+3 : 3*i+3]
		r[i], g[i], b[i] = table[0][v[0]], table[1][v[1]], table[2][v[2]]
	}
}

// HWCInto is [ToHWC] into one place of a batch. It panics unless dst has 3*H*W elements.
func HWCInto(dst []float32, p *RGB, mean, std [3]float32) {
	checkRoom(dst, p)
	table := levels(mean, std)
	for i := 0; i < len(dst); i += 3 {
		v, d := p.Pix[i:i+3:i+3], dst[i:i+3:i+3]
		d[0], d[1], d[2] = table[0][v[0]], table[1][v[1]], table[2][v[2]]
	}
}

func checkRoom(dst []float32, p *RGB) {
	if len(dst) != 3*p.W*p.H {
		panic(fmt.Sprintf("expected room for a picture of %dx%dx3 = %d values, found %d", p.W, p.H, 3*p.W*p.H, len(dst)))
	}
}

// levels is the number that each of the 256 grey levels becomes in each channel.
func levels(mean, std [3]float32) *[3][256]float32 {
	var table [3][256]float32
	for c := range 3 {
		for v := range 256 {
			table[c][v] = (float32(v)/255 - mean[c]) / std[c]
		}
	}
	return &table
}
