package nn

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// nativeConv is the backend's own convolution.
func nativeConv(x, kernel *graph.Node, geo geometry) *graph.Node {
	if geo.stride == 1 { // with a stride, rows that no position needs are left out anyway
		x = padEdges(x, 0, min(geo.top, 0), min(geo.bottom, 0), min(geo.left, 0), min(geo.right, 0))
	}
	axes := compute.ConvolveAxesConfig{
		InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
		KernelOutputChannels: 0, KernelInputChannels: 1, KernelSpatial: []int{2, 3},
		OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
	}
	return graph.Convolve(x, kernel).AxesConfig(axes).Strides(geo.stride).PaddingPerDim([][2]int{
		{max(geo.top, 0), max(geo.bottom, 0)}, {max(geo.left, 0), max(geo.right, 0)}}).Done()
}

// loweredConv computes the values with what the pure Go backend does fast: it copies a slice one element at a time,
// but pads and concatenates whole rows.
func loweredConv(x, kernel *graph.Node, geo geometry) *graph.Node {
	switch {
	case geo.kh == 1 && geo.kw == 1:
		x = geo.taps(x)[0]
		return graph.Reshape(timesTransposed(x, graph.Reshape(kernel, geo.out, geo.c)), geo.n, geo.ho, geo.wo, geo.out)
	case geo.stride > 1 || geo.out > 2*geo.c:
		y := product(geo.columns(x), columnWeights(kernel))
		return graph.Reshape(y, geo.n, geo.ho, geo.wo, geo.out)
	}
	// y = sum over kernel rows i of [shifted left, middle, right] * W_i, shifted up or down by i. Both shifts are
	// pads that keep every position the kernel can touch ("full"); the last line cuts out those that were asked for.
	wide := geo.wideRows(x) // [N, H, W+kw-1, kw*C]
	weights := graph.Reshape(graph.TransposeAllAxes(kernel, 2, 3, 1, 0), geo.kh, geo.kw*geo.c, geo.out)
	fullW := geo.w + geo.kw - 1
	rows := graph.Reshape(wide, geo.n*geo.h*fullW, geo.kw*geo.c)
	var full *graph.Node
	for i := range geo.kh {
		w := graph.Reshape(graph.Slice(weights, graph.AxisRange(i, i+1)), geo.kw*geo.c, geo.out)
		z := graph.Reshape(product(rows, w), geo.n, geo.h, fullW, geo.out)
		z = padEdges(z, 0, geo.kh-1-i, i, 0, 0)
		if full == nil {
			full = z
		} else {
			full = graph.Add(full, z)
		}
	}
	return padEdges(full, 0, geo.top-(geo.kh-1), geo.bottom-(geo.kh-1), geo.left-(geo.kw-1), geo.right-(geo.kw-1))
}

// wideRows puts side by side, for each column j of the kernel, the picture shifted by j: [N, H, W+kw-1, kw*C],
// position u holding x[u-(kw-1) .. u].
func (geo geometry) wideRows(x *graph.Node) *graph.Node {
	shifted := make([]*graph.Node, geo.kw)
	for j := range shifted {
		shifted[j] = padEdges(x, 0, 0, 0, geo.kw-1-j, j)
	}
	return graph.Concatenate(shifted, 3)
}

// taps returns, for each cell of the kernel in row order, what it sees: kh*kw matrices [N*H'*W', C].
// They have no gradient on ONNX Runtime when the stride is above 1.
func (geo geometry) taps(x *graph.Node) []*graph.Node {
	x = padEdges(x, 0, geo.top, max(geo.bottom, 0), geo.left, max(geo.right, 0))
	taps := make([]*graph.Node, 0, geo.kh*geo.kw)
	for i := range geo.kh {
		for j := range geo.kw {
			t := x
			if geo.kh > 1 || geo.kw > 1 || geo.stride > 1 {
				t = graph.Slice(x, graph.AxisRange(),
					graph.AxisRange(i, i+(geo.ho-1)*geo.stride+1).Stride(geo.stride),
					graph.AxisRange(j, j+(geo.wo-1)*geo.stride+1).Stride(geo.stride))
			}
			taps = append(taps, graph.Reshape(t, geo.n*geo.ho*geo.wo, geo.c))
		}
	}
	return taps
}

// columns is the matrix known as im2col: [N*H'*W', kh*kw*C].
func (geo geometry) columns(x *graph.Node) *graph.Node { return graph.Concatenate(geo.taps(x), 1) }

// columnWeights lays the kernel [out, C, kh, kw] out for [geometry.columns]: [kh*kw*C, out].
func columnWeights(kernel *graph.Node) *graph.Node {
	k := kernel.Shape().Dimensions
	return graph.Reshape(graph.TransposeAllAxes(kernel, 2, 3, 1, 0), k[2]*k[3]*k[1], k[0])
}

// plainConv is made of operations with gradients on every backend: a stride is a reshape and a slice.
func plainConv(x, kernel *graph.Node, geo geometry) *graph.Node {
	s := geo.stride
	x = padEdges(x, 0, geo.top, geo.ho*s+geo.kh-1-geo.h-geo.top, geo.left, geo.wo*s+geo.kw-1-geo.w-geo.left)
	taps := make([]*graph.Node, 0, geo.kh*geo.kw)
	for i := range geo.kh {
		for j := range geo.kw {
			t := graph.Slice(x, graph.AxisRange(), graph.AxisRange(i, i+geo.ho*s), graph.AxisRange(j, j+geo.wo*s))
			t = graph.Reshape(t, geo.n, geo.ho, s, geo.wo, s, geo.c)
			t = graph.Slice(t, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, 1), graph.AxisRange(), graph.AxisRange(0, 1))
			taps = append(taps, graph.Reshape(t, geo.n*geo.ho*geo.wo, geo.c))
		}
	}
	return graph.Reshape(product(graph.Concatenate(taps, 1), columnWeights(kernel)), geo.n, geo.ho, geo.wo, geo.out)
}

// inputGradient is the gradient with respect to x [N, H, W, C], given v [N, H', W', out]: the convolution of v with
// the flipped kernel (Dumoulin and Visin 2016, relationship 9 and 14). With a stride s the rows and columns of x fall
// into s*s classes, each of which sees its own cells of the kernel only.
func (geo geometry) inputGradient(v, kernel *graph.Node, form Form) *graph.Node {
	s := geo.stride
	flipped := graph.TransposeAllAxes(graph.Reverse(kernel, 2, 3), 1, 0, 2, 3) // [C, out, kh, kw]
	if s == 1 {
		back := geometry{n: geo.n, h: geo.ho, w: geo.wo, c: geo.out, out: geo.c, kh: geo.kh, kw: geo.kw, stride: 1,
			top: geo.kh - 1 - geo.top, bottom: geo.kh - 1 - geo.bottom, left: geo.kw - 1 - geo.left, right: geo.kw - 1 - geo.right,
			ho: geo.h, wo: geo.w}
		return back.forward(v, flipped, form)
	}
	// Kernel cells of class (a, b) are those at (a + s*i, b + s*j). Padded to whole strides, the kernel has mh*mw of each.
	mh, mw := (geo.kh+s-1)/s, (geo.kw+s-1)/s
	back := geometry{n: geo.n, h: geo.ho, w: geo.wo, c: geo.out, out: s * geo.c, kh: mh, kw: mw, stride: 1,
		top: mh - 1, bottom: mh - 1, left: mw - 1, right: mw - 1, ho: geo.ho + mh - 1, wo: geo.wo + mw - 1}
	whole := pad(kernel, 0, graph.PadAxis{}, graph.PadAxis{}, graph.PadAxis{End: mh*s - geo.kh}, graph.PadAxis{End: mw*s - geo.kw})
	whole = graph.TransposeAllAxes(graph.Reshape(whole, geo.out, geo.c, mh, s, mw, s), 3, 5, 1, 0, 2, 4) // [a, b, C, out, mh, mw]
	classes := make([]*graph.Node, s)
	for a := range s {
		k := graph.Reverse(graph.Reshape(graph.Slice(whole, graph.AxisRange(a, a+1)), s*geo.c, geo.out, mh, mw), 2, 3)
		classes[a] = graph.Reshape(back.forward(v, k, form), geo.n, back.ho, 1, back.wo*s*geo.c)
	}
	dx := graph.Reshape(graph.Concatenate(classes, 2), geo.n, back.ho*s, back.wo*s, geo.c)
	return padEdges(dx, 0, -geo.top, geo.h+geo.top-back.ho*s, -geo.left, geo.w+geo.left-back.wo*s)
}

// kernelGradient is the gradient with respect to the kernel [out, C, kh, kw]: for each of its cells, the product of v
// with what the cell saw.
func (geo geometry) kernelGradient(x, v *graph.Node, form Form) *graph.Node {
	switch {
	case form == Native:
		return geo.nativeKernelGradient(x, v)
	case form == Lowered && geo.stride == 1 && geo.kh > 1 && geo.out <= 2*geo.c:
		return geo.wideKernelGradient(x, v)
	}
	dk := transposedTimes(graph.Reshape(v, geo.n*geo.ho*geo.wo, geo.out), geo.columns(x)) // [out, kh*kw*C]
	return graph.TransposeAllAxes(graph.Reshape(dk, geo.out, geo.kh, geo.kw, geo.c), 0, 3, 1, 2)
}

// nativeKernelGradient is a convolution of x with v, in which the pictures of the batch take the place of the channels and
// a stride becomes a dilation.
func (geo geometry) nativeKernelGradient(x, v *graph.Node) *graph.Node {
	axes := compute.ConvolveAxesConfig{
		InputBatch: 3, InputSpatial: []int{1, 2}, InputChannels: 0,
		KernelOutputChannels: 3, KernelInputChannels: 0, KernelSpatial: []int{1, 2},
		OutputBatch: 1, OutputSpatial: []int{2, 3}, OutputChannels: 0,
	}
	x = padEdges(x, 0, 0, min(geo.bottom, 0), 0, min(geo.right, 0))
	return graph.Convolve(x, v).AxesConfig(axes).Dilations(geo.stride).PaddingPerDim([][2]int{
		{geo.top, max(geo.bottom, 0)}, {geo.left, max(geo.right, 0)}}).Done()
}

// wideKernelGradient goes back through loweredConv, whose shifts are pads.
func (geo geometry) wideKernelGradient(x, v *graph.Node) *graph.Node {
	full := padEdges(v, 0, geo.kh-1-geo.top, geo.kh-1-geo.bottom, geo.kw-1-geo.left, geo.kw-1-geo.right)
	d := full.Shape().Dimensions
	vt := transposed(graph.Reshape(full, d[0]*d[1]*d[2], geo.out))
	wide := geo.wideRows(x)
	rows := make([]*graph.Node, geo.kh)
	for i := range rows {
		seen := graph.Reshape(padEdges(wide, 0, geo.kh-1-i, i, 0, 0), d[0]*d[1]*d[2], geo.kw*geo.c)
		rows[i] = graph.Reshape(product(vt, seen), geo.out, 1, geo.kw, geo.c)
	}
	return graph.TransposeAllAxes(graph.Concatenate(rows, 1), 0, 3, 1, 2)
}
