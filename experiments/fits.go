package experiments

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// misfit is a value at a path of a configuration that its field cannot take.
type misfit struct {
	path string
	err  error
}

// fits holds a value, as [decode] gives it, against the type that it is for, to the last part of a list. It is stricter than
// encoding/json, which takes names in any case, fills up and cuts arrays of fixed length, and passes over null.
func fits(t reflect.Type, value any, path string) *misfit {
	if readsItself(t) {
		return nil // the decoder asks it
	}
	wrong := func(format string, args ...any) *misfit { return &misfit{path, fmt.Errorf(format, args...)} }
	expected := func(what string) *misfit {
		return wrong("setting %s: expected %s, found %s", path, what, compact(value))
	}
	if value == nil {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
			return nil
		}
		return expected("a value of type " + t.String())
	}
	switch t.Kind() {
	case reflect.Pointer:
		return fits(t.Elem(), value, path)
	case reflect.Interface:
		return nil
	case reflect.Struct, reflect.Map:
		tree, ok := value.(map[string]any)
		if !ok {
			return expected("named settings")
		}
		return partsFit(t, tree, path)
	case reflect.Slice, reflect.Array:
		list, ok := value.([]any)
		if !ok {
			return expected("a list")
		}
		if t.Kind() == reflect.Array && len(list) != t.Len() {
			return wrong("setting %s: expected %d values, found %d", path, t.Len(), len(list))
		}
		for i, v := range list {
			if bad := fits(t.Elem(), v, fmt.Sprintf("%s[%d]", path, i)); bad != nil {
				return bad
			}
		}
		return nil
	}
	if !scalarFits(t, value) {
		return expected("a value of type " + t.String())
	}
	return nil
}

// partsFit is [fits] for a structure or a map.
func partsFit(t reflect.Type, tree map[string]any, path string) *misfit {
	var fields map[string]reflect.Type
	if t.Kind() == reflect.Struct {
		fields = fieldsOf(t)
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		below := strings.TrimPrefix(path+"."+name, ".")
		of, ok := fields[name]
		if t.Kind() == reflect.Map {
			of, ok = t.Elem(), true
		}
		if !ok {
			return &misfit{below, unknownKey(below, name, slices.Sorted(maps.Keys(fields)))}
		}
		if bad := fits(of, tree[name], below); bad != nil {
			return bad
		}
	}
	return nil
}

// fieldsOf are the fields of a structure under their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[name] = f.Type
	}
	return fields
}

func scalarFits(t reflect.Type, value any) bool {
	number, isNumber := value.(json.Number)
	switch kind := t.Kind(); {
	case kind == reflect.String:
		_, ok := value.(string)
		return ok
	case kind == reflect.Bool:
		_, ok := value.(bool)
		return ok
	case kind >= reflect.Int && kind <= reflect.Int64:
		_, err := strconv.ParseInt(number.String(), 10, t.Bits())
		return isNumber && err == nil
	case kind >= reflect.Uint && kind <= reflect.Uint64:
		_, err := strconv.ParseUint(number.String(), 10, t.Bits())
		return isNumber && err == nil
	case kind == reflect.Float32 || kind == reflect.Float64:
		_, err := strconv.ParseFloat(number.String(), t.Bits())
		return isNumber && err == nil
	}
	return false
}

// readsItself says whether a type has its own way of being read from JSON.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
