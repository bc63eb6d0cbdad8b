package torchfile

import (
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Limits of what a pickle's values may hold. Values may share parts, so that few bytes can stand for very many paths.
const (
	maxDepth  = 32
	maxVisits = 500_000
	maxName   = 1000      // bytes of a tensor's dotted name
	maxNames  = 256 << 10 // bytes of all names of tensors and of what holds them, beside as many as the pickle has
)

// walker collects the tensors of nested dictionaries and modules under dotted names, as state_dict() names them.
type walker struct {
	tensors map[string]tensor
	visits  int
	names   int // bytes of names that may still be made
}

// flatten names the tensors of what a pickle holds. Of a training checkpoint, {"epoch": 3, "state_dict": {...}, "optimizer":
// ...}, it is the state dict alone.
// It makes no more names than a pickle of size bytes may need.
func flatten(root any, size int) (map[string]tensor, error) {
	if d, ok := root.(*dict); ok {
		if state, ok := d.values["state_dict"].(*dict); ok {
			root = state
		}
	}
	switch root.(type) {
	case *dict, *object:
	default:
		return nil, fmt.Errorf("expected a state dict or a TorchScript module, found %s", kindOf(root))
	}
	w := &walker{tensors: map[string]tensor{}, names: maxNames + size}
	if err := w.walk(root, "", 0); err != nil {
		return nil, err
	}
	if len(w.tensors) == 0 {
		return nil, fmt.Errorf("expected tensors, found none among %d values", w.visits)
	}
	return w.tensors, nil
}

func (w *walker) walk(value any, name string, depth int) error {
	if err := w.visit(); err != nil {
		return err
	}
	if depth > maxDepth || len(name) > maxName {
		return fmt.Errorf("expected modules at most %d deep with names of at most %d bytes, found one that begins with %.60q", maxDepth, maxName, name)
	}
	switch value := value.(type) {
	case tensor:
		if _, twice := w.tensors[name]; twice {
			return fmt.Errorf("expected every name once, found two tensors %q", name)
		}
		if len(w.tensors) == safetensors.MaxTensors {
			return fmt.Errorf("expected at most %d tensors, found more", safetensors.MaxTensors)
		}
		w.tensors[name] = value
	case *object:
		if value.state != nil {
			return w.walk(value.state, name, depth)
		}
	case *dict:
		for _, key := range value.keys {
			if err := w.below(value.values[key], name, key, depth); err != nil {
				return err
			}
		}
	case *list:
		return w.each(value.items, name, depth)
	case *tuple:
		return w.each(value.items, name, depth)
	}
	return nil
}

func (w *walker) visit() error {
	if w.visits++; w.visits > maxVisits {
		return fmt.Errorf("expected at most %d values, found more", maxVisits)
	}
	return nil
}

func (w *walker) each(items []any, name string, depth int) error {
	for i, item := range items {
		if err := w.below(item, name, i, depth); err != nil {
			return err
		}
	}
	return nil
}

// below walks on into what can hold tensors.
func (w *walker) below(value any, name string, key any, depth int) error {
	switch value.(type) {
	case tensor, *object, *dict, *list, *tuple:
	default:
		return w.visit() // a number, a text
	}
	below := join(name, fmt.Sprint(key))
	if w.names -= len(below); w.names < 0 {
		return fmt.Errorf("expected names of tensors that the pickle has room for, found more and longer ones, such as one that begins with %.60q", below)
	}
	return w.walk(value, below, depth+1)
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// contiguous says whether the elements lie one after the other in row-major order.
func (t tensor) contiguous() bool {
	want := int64(1)
	for i, d := range slices.Backward(t.shape) {
		if d == 0 {
			return true
		}
		if d > 1 && t.strides[i] != want {
			return false
		}
		want *= d
	}
	return true
}

// bytes gives the elements in row-major order: a part of the storage's bytes where they lie so, else a copy.
func (t tensor) bytes(data []byte) []byte {
	size := int64(t.storage.dtype.Size())
	n := int64(1)
	for _, d := range t.shape {
		n *= d
	}
	if t.contiguous() {
		from, to := t.offset*size, (t.offset+n)*size
		return data[from:to:to]
	}
	out := make([]byte, 0, n*size)
	index := make([]int64, len(t.shape))
	at := t.offset
	for range n {
		out = append(out, data[at*size:(at+1)*size]...)
		for axis := len(index) - 1; axis >= 0; axis-- { // the next element: count up as an odometer does
			index[axis]++
			at += t.strides[axis]
			if index[axis] < t.shape[axis] {
				break
			}
			at -= index[axis] * t.strides[axis]
			index[axis] = 0
		}
	}
	return out
}
