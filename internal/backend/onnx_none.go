//go:build !(cgo && onnx && linux)

package backend

// HasONNX says whether this program was built with ONNX Runtime support (build tag onnx, with cgo).
const HasONNX = false

func openONNX() (*Backend, error) {
	return nil, &absentError{text: "this program was built without ONNX Runtime", quiet: true}
}

func openONNXWith(options, reason string) (*Backend, error) {
	return nil, &absentError{text: "this program was built without ONNX Runtime; `make build` with a C compiler on Linux adds it"}
}
