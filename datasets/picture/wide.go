package picture

import (
	"image"
	"math"
)

// resampleWide is resample for grey of 32 bits (Pillow's ImagingResample..._32bpc): weights and sums are float64, each
// pass rounds to whole numbers, and nothing is clipped in between.
func resampleWide(img image.Image, w, h int, crop image.Rectangle, f Filter) raster {
	size := img.Bounds().Size()
	part := crop
	var across, down kernel
	var acrossWeights, downWeights []float64
	if size.X != w {
		across, acrossWeights = exactKernel(f, size.X, w, crop.Min.X, crop.Max.X)
		part.Min.X, part.Max.X = across.span()
	}
	if size.Y != h {
		down, downWeights = exactKernel(f, size.Y, h, crop.Min.Y, crop.Max.Y)
		part.Min.Y, part.Max.Y = down.span()
	}
	r := load(img, part)
	if acrossWeights != nil {
		r = passWide(r, across, acrossWeights, crop.Dx(), r.h, 1)
	}
	if downWeights != nil {
		r = passWide(r, down, downWeights, r.w, crop.Dy(), r.w)
	}
	return r
}

// passWide applies a kernel along rows (step 1) or columns (step r.w) to get w x h pixels.
func passWide(r raster, k kernel, weights []float64, w, h, step int) raster {
	out := newRaster(modeI, w, h)
	for y := range h {
		for x := range w {
			along, start := x, y*r.w // which output sample, and the first pixel of its row or column
			if step != 1 {
				along, start = y, x
			}
			sum := 0.0
			for j, weight := range weights[along*k.size:][:k.count[along]] {
				sum += float64(r.wide[start+(k.first[along]+j)*step]) * weight
			}
			out.wide[y*w+x] = roundUp(sum)
		}
	}
	return out
}

// roundUp rounds to the nearest whole number, halves away from zero, within 32 bits.
func roundUp(v float64) int32 {
	v = math.Copysign(math.Floor(math.Abs(v)+0.5), v)
	return int32(max(math.MinInt32, min(v, math.MaxInt32)))
}
