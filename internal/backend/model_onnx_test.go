//go:build cgo && onnx && linux

package backend

import (
	"fmt"
	"testing"

	onnx "github.com/gomlx/compute-onnx/support/protos"
	"google.golang.org/protobuf/proto"
)

func initializer(name string, dims []int64, numbers ...float32) *onnx.TensorProto {
	return &onnx.TensorProto{Name: name, Dims: dims, DataType: int32(onnx.TensorProto_FLOAT), RawData: bytesOf(numbers)}
}

// A model with a constant outside names its file, and max(x, 0) is Relu in it; all else stays, and so does a model without one.
func TestOutside(t *testing.T) {
	node := func(op string, inputs ...string) *onnx.NodeProto { return &onnx.NodeProto{OpType: op, Input: inputs} }
	model := func(large *onnx.TensorProto) *onnx.ModelProto {
		return &onnx.ModelProto{Graph: &onnx.GraphProto{
			Initializer: []*onnx.TensorProto{large, initializer("zero", nil, 0), initializer("one", nil, 1), initializer("row", []int64{2}, 0, 0)},
			Node:        []*onnx.NodeProto{node("Max", "x", "zero"), node("Max", "x", "one"), node("Max", "x", "row"), node("Max", "zero", "x"), node("Min", "x", "zero")},
		}}
	}
	encoded := func(m *onnx.ModelProto) []byte {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if changed, _ := outside(encoded(model(initializer("w", []int64{2}, 1, 2)))); changed != nil {
		t.Error("a model without markers was changed")
	}
	changed, folder := outside(encoded(model(initializer("w", []int64{3, 100}, marker("/some/folder/file", 64, 1200)...))))
	var got onnx.ModelProto
	if err := proto.Unmarshal(changed, &got); err != nil || folder != "/some/folder" {
		t.Fatal(err, folder)
	}
	want := model(&onnx.TensorProto{Name: "w", Dims: []int64{3, 100}, DataType: int32(onnx.TensorProto_FLOAT), DataLocation: onnx.TensorProto_EXTERNAL,
		ExternalData: []*onnx.StringStringEntryProto{{Key: "location", Value: "file"}, {Key: "offset", Value: "64"}, {Key: "length", Value: "1200"}}})
	want.Graph.Node[0] = node("Relu", "x")
	if !proto.Equal(&got, want) {
		t.Errorf("got %v, expected %v", fmt.Sprint(&got), want)
	}
}
