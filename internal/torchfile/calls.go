package torchfile

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// storageTypes are the classes of storages, by the name that they have in the module torch.
var storageTypes = map[string]safetensors.DType{
	"DoubleStorage": safetensors.F64, "FloatStorage": safetensors.F32, "HalfStorage": safetensors.F16, "BFloat16Storage": safetensors.BF16,
	"LongStorage": safetensors.I64, "IntStorage": safetensors.I32, "ShortStorage": safetensors.I16, "CharStorage": safetensors.I8,
	"ByteStorage": safetensors.U8, "BoolStorage": safetensors.Bool,
}

// callables are the functions and classes that a pickle may call, each a pure function of its arguments.
var callables = map[global]func(args []any) (any, error){
	{"collections", "OrderedDict"}:            orderedDict,
	{"torch._utils", "_rebuild_tensor"}:       rebuildTensor,
	{"torch._utils", "_rebuild_tensor_v2"}:    rebuildTensor,
	{"torch._utils", "_rebuild_parameter"}:    first,
	{"torch", "Size"}:                         first,
	{"torch", "device"}:                       first,
	{"torch.jit._pickle", "build_intlist"}:    first,
	{"torch.jit._pickle", "build_doublelist"}: first,
	{"torch.jit._pickle", "build_boollist"}:   first,
	{"torch.jit._pickle", "build_tensorlist"}: first,
	{"torch.jit._pickle", "restore_type_tag"}: first,
}

// isModule says whether a class is one of a TorchScript archive's own, of which only the attributes matter here.
func (g global) isModule() bool {
	return g.module == "__torch__" || strings.HasPrefix(g.module, "__torch__.")
}

// allowed says whether a pickle may name g.
func (g global) allowed() bool {
	_, call := callables[g]
	_, store := storageTypes[g.name]
	return call || (store || elementTypes[g.name]) && g.module == "torch" || g.isModule()
}

// elementTypes are values of torch.dtype, which checkpoints keep among their settings; they hold no weights.
var elementTypes = map[string]bool{
	"float64": true, "float32": true, "float16": true, "bfloat16": true, "int64": true, "int32": true, "int16": true, "int8": true, "uint8": true, "bool": true,
}

// global pushes a function or class that the program names, when it is one of those that are known.
func (m *machine) global(op byte) error {
	var g global
	if op == 'c' {
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		g = global{module, name}
	} else {
		names, err := m.popMany(2)
		if err != nil {
			return err
		}
		module, ok1 := names[0].(string)
		name, ok2 := names[1].(string)
		if !ok1 || !ok2 || len(module)+len(name) > 2000 {
			return errStack
		}
		g = global{module, name}
	}
	if !g.allowed() {
		return refused(g)
	}
	m.push(g)
	return nil
}

// refused is the error for what would need Python code to be run.
func refused(g global) error {
	return fmt.Errorf("expected tensors, lists and dictionaries, found the Python object %.200q, which only running code could make; "+
		"nothing was run. Load the file in Python, if you trust it, and save its state dict alone: torch.save(model.state_dict(), \"weights.pt\")", g.String())
}

// call makes an object, calls one of the callables, sets an object's state, or resolves a storage.
func (m *machine) call(op byte) error {
	if op == 'Q' {
		id, err := m.pop()
		if err != nil {
			return err
		}
		value, err := m.persistent(id)
		if err != nil {
			return err
		}
		m.push(value)
		return nil
	}
	items, err := m.popMany(2)
	if err != nil {
		return err
	}
	if op == 'b' {
		return m.build(items[0], items[1])
	}
	g, ok := items[0].(global)
	args, isTuple := items[1].(*tuple)
	if !ok || !isTuple {
		return fmt.Errorf("expected a call of a known function with its arguments, found one of %s with %s; nothing was run", kindOf(items[0]), kindOf(items[1]))
	}
	if g.isModule() && op == 0x81 && len(args.items) == 0 {
		m.push(&object{class: g})
		return nil
	}
	function, ok := callables[g]
	if !ok || op == 0x81 {
		return refused(g)
	}
	if len(args.items) > 0 {
		if pairs, ok := args.items[0].(*list); ok {
			m.steps += len(pairs.items) // a list that is remembered can be copied again and again
		}
	}
	value, err := function(args.items)
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	m.push(value)
	return nil
}

// build gives a module its attributes. Of the other values it is Python's own attributes beside the content, such as
// the _metadata of a state dict, which hold no tensors.
func (m *machine) build(target, state any) error {
	switch target := target.(type) {
	case *object:
		attributes, ok := state.(*dict)
		if !ok || target.state != nil {
			return fmt.Errorf("expected the attributes of %s once and as a dictionary, found %s: its class saves itself by code, which is not run", target.class, kindOf(state))
		}
		target.state = attributes
	case *dict, tensor:
	default:
		return fmt.Errorf("expected attributes of a module, found some of %s", kindOf(target))
	}
	m.push(target)
	return nil
}

// orderedDict is a dictionary, empty or made of pairs.
func orderedDict(args []any) (any, error) {
	d := newDict()
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*list)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("expected no arguments or a list of pairs, found %s", kindOf(args[0]))
	}
	for _, item := range pairs.items {
		key, value, ok := pair(item)
		if !ok {
			return nil, fmt.Errorf("expected pairs, found %s", kindOf(item))
		}
		if err := d.set(key, value); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func pair(item any) (key, value any, ok bool) {
	var two []any
	switch item := item.(type) {
	case *tuple:
		two = item.items
	case *list:
		two = item.items
	}
	if len(two) != 2 {
		return nil, nil, false
	}
	return two[0], two[1], true
}

// first is a function that adds nothing we need to its first argument: a parameter is its tensor, a typed list is the list.
func first(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("expected an argument, found none")
	}
	return args[0], nil
}

// storage is one run of numbers in the archive.
type storage struct {
	record string // the name of the zip entry
	dtype  safetensors.DType
	len    int64
}

// tensor is a view of a storage: element i, j, ... lies at offset + i strides[0] + j strides[1] + ...
type tensor struct {
	storage        storage
	offset         int64
	shape, strides []int64
}

// rebuildTensor takes (storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata). Hooks say how training goes
// on; metadata may say that the numbers mean others (their negatives, say), so there must be none.
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("expected storage, offset, size and stride, found %d arguments", len(args))
	}
	if len(args) > 6 && !(len(args) == 7 && isEmpty(args[6])) {
		return nil, fmt.Errorf("expected a plain tensor without metadata, found %s for the arguments from the seventh on; save it in Python as a copy: t.clone()", kindOf(args[6]))
	}
	s, ok1 := args[0].(storage)
	offset, ok2 := args[1].(int64)
	shape, ok3 := integers(args[2])
	strides, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, fmt.Errorf("expected storage, offset, size and stride, found %s, %s, %s and %s", kindOf(args[0]), kindOf(args[1]), kindOf(args[2]), kindOf(args[3]))
	}
	t := tensor{storage: s, offset: offset, shape: shape, strides: strides}
	return t, t.check()
}

// isEmpty says whether v is None or a dictionary without keys.
func isEmpty(v any) bool {
	d, ok := v.(*dict)
	return v == nil || ok && len(d.keys) == 0
}

func integers(v any) ([]int64, bool) {
	var items []any
	switch v := v.(type) {
	case *tuple:
		items = v.items
	case *list:
		items = v.items
	default:
		return nil, false
	}
	if len(items) > safetensors.MaxRank {
		return nil, false
	}
	numbers := make([]int64, len(items))
	for i, item := range items {
		n, ok := item.(int64)
		if !ok {
			return nil, false
		}
		numbers[i] = n
	}
	return numbers, true
}

// check tests that every element lies in the storage.
func (t tensor) check() error {
	bad := fmt.Errorf("expected a tensor within its storage of %d numbers, found size %v, stride %v and offset %d", t.storage.len, t.shape, t.strides, t.offset)
	if len(t.shape) != len(t.strides) || t.offset < 0 || t.offset > t.storage.len {
		return bad
	}
	n, last := int64(1), t.offset
	for i, d := range t.shape {
		if d < 0 || d > math.MaxInt32 || t.strides[i] < 0 || t.strides[i] > math.MaxInt32<<8 {
			return bad
		}
		if d == 0 {
			n = 0
		}
	}
	if n == 0 {
		return nil
	}
	for i, d := range t.shape {
		if n > math.MaxInt64/d || d > 1 && t.strides[i] > (math.MaxInt64-last)/(d-1) {
			return bad
		}
		n *= d
		last += (d - 1) * t.strides[i]
	}
	if last >= t.storage.len || n > t.storage.len { // fewer numbers than elements: an expanded tensor, no weight
		return bad
	}
	return nil
}

// storageOf reads the reference ("storage", torch.FloatStorage, "0", "cpu", 12) to the entry NAME/data/0.
func storageOf(id any) (any, error) {
	t, ok := id.(*tuple)
	if !ok || len(t.items) != 5 || t.items[0] != any("storage") {
		return nil, fmt.Errorf("expected a reference to a storage, found %s", kindOf(id))
	}
	class, ok1 := t.items[1].(global)
	key, ok2 := t.items[2].(string)
	n, ok3 := t.items[4].(int64)
	dtype, ok4 := storageTypes[class.name]
	if !ok1 || !ok2 || !ok3 || !ok4 || class.module != "torch" {
		return nil, fmt.Errorf("expected a storage of a known type with its key and size, found %s, %s and %s", kindOf(t.items[1]), kindOf(t.items[2]), kindOf(t.items[4]))
	}
	if key == "" || len(key) > 100 || !utf8.ValidString(key) || strings.ContainsAny(key, "/\\\x00") || n < 0 || n > math.MaxInt64/8 {
		return nil, fmt.Errorf("expected the key of a storage and its size, found %.40q and %d", key, n)
	}
	return storage{record: key, dtype: dtype, len: n}, nil
}
