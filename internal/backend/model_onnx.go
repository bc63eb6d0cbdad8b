//go:build cgo && onnx && linux

package backend

// #include <stddef.h>
import "C"

import (
	"bytes"
	"path/filepath"
	"strconv"
	"unsafe"

	onnx "github.com/gomlx/compute-onnx/support/protos"
	"google.golang.org/protobuf/proto"
)

// glimpseOutside returns the model of size bytes with every marker of [spill] made what ONNX calls external data, in memory that C frees, and the
// folder that its files are in; nil where there is no marker.
//
//export glimpseOutside
func glimpseOutside(model unsafe.Pointer, size C.size_t, changedSize *C.size_t, folder **C.char) unsafe.Pointer {
	changed, dir := outside(unsafe.Slice((*byte)(model), int(size)))
	if changed == nil {
		return nil
	}
	*changedSize, *folder = C.size_t(len(changed)), C.CString(dir)
	return C.CBytes(changed)
}

// outside is [glimpseOutside] in Go. All markers of a model name one file.
func outside(model []byte) (changed []byte, folder string) {
	if !bytes.Contains(model, markerMagic) {
		return nil, ""
	}
	var m onnx.ModelProto
	if err := proto.Unmarshal(model, &m); err != nil {
		return nil, "" // ONNX Runtime will say what is wrong with it
	}
	for _, t := range m.GetGraph().GetInitializer() {
		path, offset, size, ok := readMarker(t.GetRawData())
		if !ok {
			continue
		}
		folder = filepath.Dir(path)
		t.RawData, t.DataLocation = nil, onnx.TensorProto_EXTERNAL
		t.ExternalData = []*onnx.StringStringEntryProto{
			{Key: "location", Value: filepath.Base(path)},
			{Key: "offset", Value: strconv.FormatInt(offset, 10)},
			{Key: "length", Value: strconv.FormatInt(size, 10)},
		}
	}
	useReLU(m.GetGraph())
	changed, err := proto.Marshal(&m)
	if err != nil || folder == "" {
		return nil, ""
	}
	return changed, folder
}

// useReLU writes max(x, 0) as what ONNX calls Relu, which ONNX Runtime computes inside the convolution before it: compute-onnx has no such operation. It is
// for models with constants outside alone, frozen networks and the like: what is not a number stays so in Max.
func useReLU(g *onnx.GraphProto) {
	zeros := map[string]bool{}
	for _, t := range g.GetInitializer() {
		if len(t.GetDims()) == 0 && onnx.TensorProto_DataType(t.GetDataType()) == onnx.TensorProto_FLOAT && bytes.Equal(t.GetRawData(), make([]byte, 4)) {
			zeros[t.GetName()] = true
		}
	}
	for _, n := range g.GetNode() {
		if n.GetOpType() == "Max" && len(n.GetInput()) == 2 && zeros[n.Input[1]] {
			n.OpType, n.Input = "Relu", n.Input[:1]
		}
	}
}
