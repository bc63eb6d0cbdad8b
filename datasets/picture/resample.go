package picture

import (
	"image"
	"math"
)

// Filter is an interpolation, with the widths and shapes of Pillow's.
type Filter int

const (
	Bicubic  Filter = iota // a = -0.5, antialiased when reducing
	Bilinear               // triangle, antialiased when reducing
	Nearest                // always used for palette and 1-bit pictures
)

func (f Filter) support() float64 {
	if f == Bilinear {
		return 1
	}
	return 2
}

func (f Filter) weight(x float64) float64 {
	x = math.Abs(x)
	if f == Bilinear {
		return max(0, 1-x)
	}
	const a = -0.5
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

// precision is the number of fractional bits of Pillow's 8-bit resampling: 32 bits less 8 for the value and 2 for
// the overshoot of the kernel.
const precision = 32 - 8 - 2

// kernel holds the weights of consecutive output samples along one axis: sample i is the sum over
// weights[i*size : i*size+count[i]] times the input from first[i] on.
type kernel struct {
	first, count []int
	weights      []int32
	size         int
}

// newKernel is Pillow's precompute_coeffs and normalize_coeffs_8bpc (Resample.c) for the output samples lo..hi of
// an axis that goes from in to out samples.
func newKernel(f Filter, in, out, lo, hi int) kernel {
	k, exact := exactKernel(f, in, out, lo, hi)
	k.weights = make([]int32, len(exact))
	for i, w := range exact {
		if w != 0 {
			k.weights[i] = int32(math.Copysign(0.5, w) + w*(1<<precision))
		}
	}
	return k
}

// exactKernel is the kernel without its weights, and beside it those as they are before they are rounded.
func exactKernel(f Filter, in, out, lo, hi int) (kernel, []float64) {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := f.support() * stretch
	k := kernel{size: int(math.Ceil(support))*2 + 1}
	n := hi - lo
	k.first, k.count = make([]int, n), make([]int, n)
	weights := make([]float64, n*k.size)
	for i := range n {
		center := (float64(lo+i) + 0.5) * scale
		from := max(0, int(center-support+0.5))
		to := min(in, int(center+support+0.5))
		row, sum := weights[i*k.size:][:to-from], 0.0
		for x := range row {
			row[x] = f.weight((float64(x+from) - center + 0.5) / stretch)
			sum += row[x]
		}
		for x := range row {
			if sum != 0 {
				row[x] /= sum
			}
		}
		k.first[i], k.count[i] = from, len(row)
	}
	return k, weights
}

// span is the range of input samples that the kernel reads; from then on first counts from its start.
func (k *kernel) span() (lo, hi int) {
	lo = k.first[0]
	last := len(k.first) - 1
	hi = k.first[last] + k.count[last]
	for i := range k.first {
		k.first[i] -= lo
	}
	return lo, hi
}

// resample gives the part crop of img resized to w x h pixels. Only what the crop needs is computed, and each of
// its pixels is what the whole resized picture would hold there.
func resample(img image.Image, w, h int, crop image.Rectangle, f Filter) raster {
	size := img.Bounds().Size()
	if size.X == w && size.Y == h {
		return load(img, crop)
	}
	if f == Nearest || modeOf(img) == modeP {
		return nearest(img, w, h, crop)
	}
	if modeOf(img) == modeI {
		return resampleWide(img, w, h, crop, f)
	}
	part := crop
	var across, down *kernel
	if size.X != w {
		k := newKernel(f, size.X, w, crop.Min.X, crop.Max.X)
		part.Min.X, part.Max.X = k.span()
		across = &k
	}
	if size.Y != h {
		k := newKernel(f, size.Y, h, crop.Min.Y, crop.Max.Y)
		part.Min.Y, part.Max.Y = k.span()
		down = &k
	}
	r := load(img, part)
	if r.mode == modeRGBA {
		premultiply(r.pix)
	}
	if across != nil {
		r = horizontal(r, *across)
	}
	if down != nil {
		r = vertical(r, *down)
	}
	if r.mode == modeRGBA {
		unpremultiply(r.pix)
	}
	return r
}

// nearest is Pillow's ImagingScaleAffine, with its running sum of positions.
func nearest(img image.Image, w, h int, crop image.Rectangle) raster {
	size := img.Bounds().Size()
	xs := positions(size.X, w, crop.Min.X, crop.Max.X)
	ys := positions(size.Y, h, crop.Min.Y, crop.Max.Y)
	src := load(img, image.Rect(xs[0], ys[0], xs[len(xs)-1]+1, ys[len(ys)-1]+1))
	out := newRaster(src.mode, len(xs), len(ys))
	out.palette = src.palette
	for j, y := range ys {
		for i, x := range xs {
			out.copyPixel(j*out.w+i, src, (y-ys[0])*src.w+x-xs[0])
		}
	}
	return out
}

func positions(in, out, lo, hi int) []int {
	step := float64(in) / float64(out)
	at := step * 0.5
	list := make([]int, 0, hi-lo)
	for i := range hi {
		if i >= lo {
			list = append(list, min(int(at), in-1))
		}
		at += step
	}
	return list
}

// premultiply and unpremultiply are Pillow's RGBA <-> RGBa; below full alpha the way back loses colour.
func premultiply(pix []uint8) {
	for ; len(pix) >= 4; pix = pix[4:] {
		for c := range 3 {
			pix[c] = mulDiv255(pix[c], pix[3])
		}
	}
}

func unpremultiply(pix []uint8) {
	for ; len(pix) >= 4; pix = pix[4:] {
		a := int32(pix[3])
		if a == 0 || a == 255 {
			continue
		}
		for c := range 3 {
			pix[c] = clip8(255 * int32(pix[c]) / a)
		}
	}
}

const half = int32(1) << (precision - 1)

// horizontal applies the kernel along rows and rounds to 8 bits.
func horizontal(r raster, k kernel) raster {
	out := newRaster(r.mode, len(k.first), r.h)
	ch := r.mode.channels()
	for y := range r.h {
		src := r.pix[y*r.w*ch : (y+1)*r.w*ch]
		dst := out.pix[y*out.w*ch : (y+1)*out.w*ch]
		switch ch {
		case 1:
			row1(dst, src, k)
		case 3:
			row3(dst, src, k)
		default:
			row4(dst, src, k)
		}
	}
	return out
}

func row1(dst, src []uint8, k kernel) {
	for i := range dst {
		weights := k.weights[i*k.size:][:k.count[i]]
		p := src[k.first[i]:][:len(weights)]
		a := half
		for j, w := range weights {
			a += int32(p[j]) * w
		}
		dst[i] = clip8(a >> precision)
	}
}

func row3(dst, src []uint8, k kernel) {
	for i := range k.first {
		weights := k.weights[i*k.size:][:k.count[i]]
		p := src[3*k.first[i]:]
		a, b, c := half, half, half
		for _, w := range weights {
			if len(p) < 3 {
				break
			}
			a += int32(p[0]) * w
			b += int32(p[1]) * w
			c += int32(p[2]) * w
			p = p[3:]
		}
		q := dst[3*i : 3*i+3]
		q[0], q[1], q[2] = clip8(a>>precision), clip8(b>>precision), clip8(c>>precision)
	}
}

func row4(dst, src []uint8, k kernel) {
	for i := range k.first {
		weights := k.weights[i*k.size:][:k.count[i]]
		p := src[4*k.first[i]:]
		a, b, c, d := half, half, half, half
		for _, w := range weights {
			if len(p) < 4 {
				break
			}
			a += int32(p[0]) * w
			b += int32(p[1]) * w
			c += int32(p[2]) * w
			d += int32(p[3]) * w
			p = p[4:]
		}
		q := dst[4*i : 4*i+4]
		q[0], q[1], q[2], q[3] = clip8(a>>precision), clip8(b>>precision), clip8(c>>precision), clip8(d>>precision)
	}
}

// vertical applies the kernel along columns, a whole row at a time, and rounds to 8 bits.
func vertical(r raster, k kernel) raster {
	out := newRaster(r.mode, r.w, len(k.first))
	n := r.w * r.mode.channels()
	sums := make([]int32, n)
	for y := range out.h {
		weights := k.weights[y*k.size:][:k.count[y]]
		src := r.pix[k.first[y]*n:]
		for i := range sums {
			sums[i] = half
		}
		for ; len(weights) >= 4; weights, src = weights[4:], src[4*n:] {
			add4(sums, src, weights)
		}
		for ; len(weights) > 0; weights, src = weights[1:], src[n:] {
			w, row := weights[0], src[:len(sums)]
			for i, v := range row {
				sums[i] += int32(v) * w
			}
		}
		dst := out.pix[y*n : (y+1)*n]
		for i := range dst {
			dst[i] = clip8(sums[i] >> precision)
		}
	}
	return out
}

// add4 adds four weighted rows at once: the sums are read and written a quarter as often.
func add4(sums []int32, src []uint8, weights []int32) {
	n := len(sums)
	a, b, c, d := src[:n], src[n:2*n], src[2*n:3*n], src[3*n:4*n]
	wa, wb, wc, wd := weights[0], weights[1], weights[2], weights[3]
	for i := range sums {
		sums[i] += int32(a[i])*wa + int32(b[i])*wb + int32(c[i])*wc + int32(d[i])*wd
	}
}
