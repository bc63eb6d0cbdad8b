package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"unicode/utf8"
)

// Limits of a pickle. CLIP ViT-L/14's takes about 20,000 steps.
const (
	maxPickle = 16 << 20 // bytes
	maxSteps  = 2_000_000
)

// What a pickle is made of, as Go values: nil, bool, int64, *big.Int, float64, string, raw, *tuple, *list, *dict, *object,
// global, storage and tensor.
type (
	raw    []byte
	tuple  struct{ items []any }
	list   struct{ items []any }
	global struct{ module, name string }
	mark   struct{}

	// dict keeps the order in which keys came.
	dict struct {
		keys   []any // string, int64 or bool
		values map[any]any
	}

	// object is a TorchScript module: its attributes are its state.
	object struct {
		class global
		state *dict
	}
)

func (g global) String() string { return g.module + "." + g.name }

func newDict() *dict { return &dict{values: map[any]any{}} }

func (d *dict) set(key, value any) error {
	switch key.(type) {
	case string, int64, bool:
	default:
		return fmt.Errorf("expected texts or numbers as keys of a dictionary, found %s", kindOf(key))
	}
	if _, twice := d.values[key]; twice {
		return fmt.Errorf("expected every key of a dictionary once, found %v again", key)
	}
	d.keys = append(d.keys, key)
	d.values[key] = value
	return nil
}

// machine runs one pickle.
type machine struct {
	code  []byte
	at    int
	stack []any
	memo  map[uint32]any
	steps int // operations, and pairs that a call put into a dictionary

	// persistent resolves a reference to something outside of the pickle: a storage.
	persistent func(id any) (any, error)
}

// errEnd is a pickle that is cut.
var errEnd = errors.New("expected more of the pickle, found its end")

// run executes the program and returns what it leaves.
func (m *machine) run() (any, error) {
	if len(m.code) > maxPickle {
		return nil, fmt.Errorf("expected a pickle of at most %d bytes, found %d", maxPickle, len(m.code))
	}
	m.memo = map[uint32]any{}
	for ; m.steps < maxSteps; m.steps++ {
		op, err := m.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return m.pop()
		}
		if err := m.step(op); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("expected a pickle of at most %d steps, found more", maxSteps)
}

// step executes one operation.
func (m *machine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		if v, err := m.byte(); err != nil || v > 5 {
			return fmt.Errorf("expected a pickle of protocol 5 or less, found %d", v)
		}
	case 0x95: // FRAME
		_, err := m.take(8)
		return err
	case '(':
		m.push(mark{})
	case '0': // POP
		_, err := m.pop()
		return err
	case '1': // POP_MARK
		_, err := m.sinceMark()
		return err
	case 'q', 'r', 0x94, 'h', 'j':
		return m.remember(op)
	case 'c', 0x93:
		return m.global(op)
	case 'R', 0x81, 'b', 'Q':
		return m.call(op)
	case ')', 't', 0x85, 0x86, 0x87, ']', 'l', 'a', 'e', '}', 's', 'u':
		return m.collect(op)
	default:
		return m.constant(op)
	}
	return nil
}

// constant pushes a number, a text or the like.
func (m *machine) constant(op byte) error {
	le := binary.LittleEndian
	switch op {
	case 'N':
		m.push(nil)
		return nil
	case 0x88, 0x89:
		m.push(op == 0x88)
		return nil
	}
	width, known := map[byte]int{'K': 1, 'M': 2, 'J': 4, 'G': 8, 0x8a: 1, 0x8c: 1, 'X': 4, 0x8d: 8, 'C': 1, 'B': 4, 0x8e: 8}[op]
	if !known {
		return fmt.Errorf("expected operations that tensors need, found the pickle operation %#02x at byte %d; nothing was run", op, m.at-1)
	}
	b, err := m.take(width)
	if err != nil {
		return err
	}
	switch op {
	case 'K':
		m.push(int64(b[0]))
	case 'M':
		m.push(int64(le.Uint16(b)))
	case 'J':
		m.push(int64(int32(le.Uint32(b))))
	case 'G':
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	default:
		return m.counted(op, b)
	}
	return nil
}

// counted pushes what has its length in front.
func (m *machine) counted(op byte, length []byte) error {
	var wide [8]byte
	copy(wide[:], length)
	n := binary.LittleEndian.Uint64(wide[:])
	if n > uint64(len(m.code)) {
		return errEnd
	}
	b, err := m.take(int(n))
	if err != nil {
		return err
	}
	switch op {
	case 0x8a:
		m.push(integer(b))
	case 0x8c, 'X', 0x8d:
		if !utf8.Valid(b) {
			return fmt.Errorf("expected text in UTF-8, found %.40q", b)
		}
		m.push(string(b))
	default:
		m.push(raw(b))
	}
	return nil
}

// integer reads little-endian two's complement of any length.
func integer(b []byte) any {
	n := new(big.Int)
	for i := len(b) - 1; i >= 0; i-- {
		n.Or(n.Lsh(n, 8), big.NewInt(int64(b[i])))
	}
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// remember moves values between the stack and the memo.
func (m *machine) remember(op byte) error {
	var index uint32
	switch op {
	case 0x94:
		index = uint32(len(m.memo))
	case 'q', 'h':
		b, err := m.byte()
		if err != nil {
			return err
		}
		index = uint32(b)
	default:
		b, err := m.take(4)
		if err != nil {
			return err
		}
		index = binary.LittleEndian.Uint32(b)
	}
	if op == 'h' || op == 'j' {
		value, ok := m.memo[index]
		if !ok {
			return fmt.Errorf("expected a value that was remembered as number %d, found none", index)
		}
		m.push(value)
		return nil
	}
	if len(m.stack) == 0 {
		return errStack
	}
	if _, isMark := m.stack[len(m.stack)-1].(mark); isMark {
		return errStack
	}
	m.memo[index] = m.stack[len(m.stack)-1]
	return nil
}

// collect makes and fills tuples, lists and dictionaries.
func (m *machine) collect(op byte) error {
	switch op {
	case ')':
		m.push(&tuple{})
		return nil
	case ']':
		m.push(&list{})
		return nil
	case '}':
		m.push(newDict())
		return nil
	}
	var items []any
	var err error
	switch op {
	case 0x85, 0x86, 0x87:
		items, err = m.popMany(int(op-0x85) + 1)
	case 'a':
		items, err = m.popMany(1)
	case 's':
		items, err = m.popMany(2)
	default:
		items, err = m.sinceMark()
	}
	if err != nil {
		return err
	}
	switch op {
	case 't', 0x85, 0x86, 0x87:
		m.push(&tuple{items})
		return nil
	case 'l':
		m.push(&list{items})
		return nil
	}
	return m.fill(op, items)
}

// fill adds items to the list or dictionary on top of the stack.
func (m *machine) fill(op byte, items []any) error {
	if len(m.stack) == 0 {
		return errStack
	}
	switch target := m.stack[len(m.stack)-1].(type) {
	case *list:
		if op == 'a' || op == 'e' {
			target.items = append(target.items, items...)
			return nil
		}
	case *dict:
		if (op == 's' || op == 'u') && len(items)%2 == 0 {
			for i := 0; i < len(items); i += 2 {
				if err := target.set(items[i], items[i+1]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return errStack
}

// errStack is a program that no pickler writes.
var errStack = errors.New("expected a well-formed pickle, found an operation without the values it needs")

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

func (m *machine) pop() (any, error) {
	items, err := m.popMany(1)
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

// popMany takes the n topmost values, the topmost last. The slice is a copy.
func (m *machine) popMany(n int) ([]any, error) {
	from := len(m.stack) - n
	if from < 0 {
		return nil, errStack
	}
	items := append([]any(nil), m.stack[from:]...)
	for _, item := range items {
		if _, isMark := item.(mark); isMark {
			return nil, errStack
		}
	}
	m.stack = m.stack[:from]
	return items, nil
}

// sinceMark takes everything above the topmost mark, and the mark.
func (m *machine) sinceMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, isMark := m.stack[i].(mark); isMark {
			items := append([]any(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return items, nil
		}
	}
	return nil, errStack
}

func (m *machine) byte() (byte, error) {
	b, err := m.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (m *machine) take(n int) ([]byte, error) {
	if n > len(m.code)-m.at {
		return nil, errEnd
	}
	b := m.code[m.at : m.at+n]
	m.at += n
	return b, nil
}

// line takes a text up to the next line break.
func (m *machine) line() (string, error) {
	for i, b := range m.code[m.at:] {
		if b == '\n' {
			text := m.code[m.at : m.at+i]
			m.at += i + 1
			if !utf8.Valid(text) || len(text) > 1000 {
				return "", fmt.Errorf("expected the name of a class, found %.40q", text)
			}
			return string(text), nil
		}
	}
	return "", errEnd
}

// kindOf names a value's type for an error, as Python does.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a truth value"
	case int64, *big.Int:
		return "a whole number"
	case float64:
		return "a number"
	case string:
		return "a text"
	case raw:
		return "bytes"
	case *tuple:
		return "a tuple"
	case *list:
		return "a list"
	case *dict:
		return "a dictionary"
	case *object:
		return "an object of class " + v.class.String()
	case global:
		return v.String()
	case storage:
		return "a storage"
	case tensor:
		return "a tensor"
	}
	return "something else"
}
