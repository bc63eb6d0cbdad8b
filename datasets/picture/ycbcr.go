package picture

import "image"

// libjpeg's conversion (jdcolor.c): ITU-R BT.601, full range, 16 bits of fixed point.
var crToR, cbToB [256]int32
var crToG, cbToG [256]int32

func init() {
	const half = 1 << 15
	for i := range 256 {
		x := int32(i) - 128
		crToR[i] = (91881*x + half) >> 16
		cbToB[i] = (116130*x + half) >> 16
		crToG[i] = -46802 * x
		cbToG[i] = -22554*x + half
	}
}

func clip8(v int32) uint8 {
	if uint32(v) < 256 {
		return uint8(v)
	}
	if v < 0 {
		return 0
	}
	return 255
}

// ycbcrRows converts the columns x0..x1 of the rows y0..y1 to RGB as libjpeg does, with its "fancy" upsampling of
// chroma for 4:2:0 and 4:2:2 (jdsample.c): Go's own At repeats chroma, which is several grey levels off at edges.
func ycbcrRows(dst []uint8, m *image.YCbCr, x0, y0, x1, y1 int) {
	w := x1 - x0
	cb, cr := make([]uint8, m.Rect.Dx()+1), make([]uint8, m.Rect.Dx()+1)
	for y := y0; y < y1; y++ {
		luma := m.Y[m.YOffset(m.Rect.Min.X+x0, m.Rect.Min.Y+y):]
		upsampleChroma(m, m.Cb, cb, x0, x1, y)
		upsampleChroma(m, m.Cr, cr, x0, x1, y)
		row := dst[3*w*(y-y0) : 3*w*(y-y0+1)]
		luma, b, r := luma[:w], cb[x0:x1], cr[x0:x1]
		for i, l := range luma {
			yy, u, v := int32(l), b[i], r[i]
			p := row[3*i : 3*i+3 : 3*i+3]
			p[0] = clip8(yy + crToR[v]) // the tables are indexed by bytes: no bounds to check
			p[1] = clip8(yy + (cbToG[u]+crToG[v])>>16)
			p[2] = clip8(yy + cbToB[u])
		}
	}
}

// upsampleChroma fills dst[x0:x1] with one chroma plane at row y, in full horizontal resolution.
func upsampleChroma(m *image.YCbCr, plane, dst []uint8, x0, x1, y int) {
	cw, ch := (m.Rect.Dx()+1)/2, (m.Rect.Dy()+1)/2
	aligned := m.Rect.Min.X%2 == 0 && m.Rect.Min.Y%2 == 0
	row := func(c int) []uint8 {
		return plane[m.COffset(m.Rect.Min.X, m.Rect.Min.Y)+c*m.CStride:][:cw]
	}
	switch {
	case m.SubsampleRatio == image.YCbCrSubsampleRatio444:
		at := m.COffset(m.Rect.Min.X+x0, m.Rect.Min.Y+y)
		copy(dst[x0:x1], plane[at:at+x1-x0])
	case m.SubsampleRatio == image.YCbCrSubsampleRatio420 && cw > 2 && aligned:
		other := y/2 + 1
		if y%2 == 0 {
			other = y/2 - 1
		}
		fancy420(dst, row(y/2), row(max(0, min(other, ch-1))), x0, x1)
	case m.SubsampleRatio == image.YCbCrSubsampleRatio422 && cw > 2 && aligned:
		fancy422(dst, row(y), x0, x1)
	default: // libjpeg repeats the samples too
		for x := x0; x < x1; x++ {
			dst[x] = plane[m.COffset(m.Rect.Min.X+x, m.Rect.Min.Y+y)]
		}
	}
}

// fancy420 is libjpeg's triangle filter in both directions: 3/4 of the nearer, 1/4 of the farther sample, with
// its alternating rounding. At the ends, where libjpeg has a case of its own, repeating the sample is the same.
func fancy420(dst, near, far []uint8, x0, x1 int) {
	far = far[:len(near)]
	first, last := x0/2, (x1-1)/2
	sum := func(c int) uint32 { return 3*uint32(near[c]) + uint32(far[c]) }
	before, this := sum(max(0, first-1)), sum(first)
	for c := first; c <= last; c++ {
		after := sum(min(c+1, len(near)-1))
		pair := dst[2*c : 2*c+2 : 2*c+2]
		pair[0] = uint8((3*this + before + 8) >> 4)
		pair[1] = uint8((3*this + after + 7) >> 4)
		before, this = this, after
	}
}

// fancy422 is the same filter in the horizontal direction alone.
func fancy422(dst, in []uint8, x0, x1 int) {
	for c := x0 / 2; c <= (x1-1)/2; c++ {
		this := 3 * uint32(in[c])
		dst[2*c] = uint8((this + uint32(in[max(0, c-1)]) + 1) >> 2)
		dst[2*c+1] = uint8((this + uint32(in[min(c+1, len(in)-1)]) + 2) >> 2)
	}
}
