package nn

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// Pool says how [MaxPool2D] moves its window.
type Pool struct {
	Size    int  // of the window, in both directions
	Stride  int  // 0 means Size
	Padding int  // on every side, below every value
	Ceil    bool // keep a last window that reaches over the edge, as PyTorch's ceil_mode and Caffe do
	Frozen  bool // no gradient is wanted: none flows through
}

// MaxPool2D takes the largest value of each window of pictures [N, H, W, C]: [N, H', W', C], where
// H' = (H + 2*padding - size)/stride + 1, rounded down, or up with Ceil. Of equal values in a window the first one
// gets the gradient.
func MaxPool2D(x *graph.Node, cfg Pool) *graph.Node {
	if cfg.Stride == 0 {
		cfg.Stride = cfg.Size
	}
	if x.Rank() != 4 || cfg.Size < 1 || cfg.Padding < 0 || 2*cfg.Padding > cfg.Size {
		panic(fmt.Errorf("MaxPool2D: expected pictures [N, height, width, channels], a window of at least 1 and a padding of at most "+
			"half of it, found %s and %+v", x.Shape(), cfg))
	}
	d := x.Shape().Dimensions
	h, w := cfg.positions(d[1]), cfg.positions(d[2])
	if h < 1 || w < 1 {
		panic(fmt.Errorf("MaxPool2D: expected pictures of at least %dx%d, found %dx%d; the input is too small for this network",
			cfg.Size, cfg.Size, d[1], d[2]))
	}
	native := func() *graph.Node {
		return graph.MaxPool(x).Window(cfg.Size).Strides(cfg.Stride).PaddingPerDim([][2]int{
			{cfg.Padding, cfg.after(d[1], h)}, {cfg.Padding, cfg.after(d[2], w)}}).Done()
	}
	family := familyOf(x)
	if cfg.Size == 1 { // ONNX Runtime's pool of windows of 1 ignores the stride
		family = familyGo
	}
	switch {
	case family == familyXLA && !cfg.Frozen:
		return native()
	case family != familyGo && cfg.Frozen:
		return graph.StopGradient(native())
	case family == familyONNX:
		y, _ := graph.InternalFusedOpCaller(native, func() *graph.Node { return slicedMaxPool(x, cfg, h, w) }, true)
		return y
	}
	y := slicedMaxPool(x, cfg, h, w)
	if cfg.Frozen {
		y = graph.StopGradient(y)
	}
	return y
}

// positions is the number of windows along an axis. A last one that would lie in the padding alone is left out.
func (p Pool) positions(size int) int {
	room := size + 2*p.Padding - p.Size
	if p.Ceil {
		room += p.Stride - 1
	}
	n := floorDiv(room, p.Stride) + 1
	if p.Ceil && (n-1)*p.Stride >= size+p.Padding {
		n--
	}
	return n
}

// after is the padding behind an axis that n windows read.
func (p Pool) after(size, n int) int { return max((n-1)*p.Stride+p.Size-size-p.Padding, 0) }

func floorDiv(a, b int) int {
	if a < 0 {
		return -1
	}
	return a / b
}

// slicedMaxPool takes the largest of size slices along the rows, then along the columns.
func slicedMaxPool(x *graph.Node, cfg Pool, h, w int) *graph.Node {
	d := x.Shape().Dimensions
	if bottom, right := cfg.after(d[1], h), cfg.after(d[2], w); max(cfg.Padding, bottom, right) > 0 {
		lowest := graph.ConstAs(x, x.DType().LowestValue())
		x = graph.Pad(x, lowest, graph.PadAxis{}, graph.PadAxis{Start: cfg.Padding, End: bottom},
			graph.PadAxis{Start: cfg.Padding, End: right}, graph.PadAxis{})
	}
	for axis, n := range []int{1: h, 2: w} {
		if axis == 0 {
			continue
		}
		largest := every(x, axis, 0, cfg.Stride, n)
		for i := 1; i < cfg.Size; i++ {
			largest = graph.Max(largest, every(x, axis, i, cfg.Stride, n))
		}
		x = largest
	}
	return x
}

// every takes n positions of an axis, from first on, stride apart, in a way that has a gradient on every backend.
func every(x *graph.Node, axis, first, stride, n int) *graph.Node {
	end := first + (n-1)*stride + 1
	if stride == 1 || familyOf(x) != familyONNX {
		return graph.SliceAxis(x, axis, graph.AxisRange(first, end).Stride(stride))
	}
	// ONNX Runtime has no gradient of a slice with a stride: cut whole strides, and take the first of each.
	d := append([]int(nil), x.Shape().Dimensions...)
	if missing := first + n*stride - d[axis]; missing > 0 {
		pads := make([]graph.PadAxis, len(d))
		pads[axis].End = missing
		x = graph.Pad(x, graph.ScalarZero(x.Graph(), x.DType()), pads...)
	}
	x = graph.SliceAxis(x, axis, graph.AxisRange(first, first+n*stride))
	split := append(append(append([]int(nil), d[:axis]...), n, stride), d[axis+1:]...)
	x = graph.SliceAxis(graph.Reshape(x, split...), axis+1, graph.AxisRange(0, 1))
	d[axis] = n
	return graph.Reshape(x, d...)
}

// AvgPool2D takes the mean of each size x size block of pictures [N, H, W, C]: [N, H/size, W/size, C]. Rows and columns
// that fill no block are left out.
func AvgPool2D(x *graph.Node, size int) *graph.Node {
	d := x.Shape().Dimensions
	if x.Rank() != 4 || size < 1 || d[1] < size || d[2] < size {
		panic(fmt.Errorf("AvgPool2D: expected pictures [N, height, width, channels] of at least %dx%d, found %s; "+
			"the input is too small for this network", size, size, x.Shape()))
	}
	if size == 1 {
		return x
	}
	h, w := d[1]/size, d[2]/size
	x = padEdges(x, 0, 0, h*size-d[1], 0, w*size-d[2])
	blocks := func() *graph.Node { return graph.ReduceMean(graph.Reshape(x, d[0], h, size, w, size, d[3]), 2, 4) }
	if familyOf(x) != familyONNX {
		return blocks()
	}
	// Its pool stays in the layout of the convolutions around it; it has no gradient, which is that of the means.
	y, _ := graph.InternalFusedOpCaller(func() *graph.Node { return graph.MeanPool(x).Window(size).Done() }, blocks, true)
	return y
}

// GlobalMean is the mean over all positions: [N, H, W, C] to [N, C].
func GlobalMean(x *graph.Node) *graph.Node { return graph.ReduceMean(x, 1, 2) }
