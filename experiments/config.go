package experiments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/spelling"
)

// Form is how much of an experiment is run.
type Form string

const (
	Quick Form = "quick" // seconds: what tests run
	Full  Form = "full"  // minutes: what results are recorded from
)

// Override sets one field of a configuration: Key is the path of JSON names with dots, such as
// "train.optimizer.lr"; Value is JSON, or plain text for a string.
type Override struct{ Key, Value string }

// ParseOverride reads "key=value".
func ParseOverride(text string) (Override, error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return Override{}, fmt.Errorf("expected a setting as key=value, found %q", text)
	}
	return Override{key, value}, nil
}

// Apply returns a copy of config with the overrides set. An unknown key is an error that names the nearest one, and so
// is a value of the wrong type or with more or fewer parts than the field has.
func Apply[C any](config C, overrides []Override) (C, error) { return apply(config, nil, overrides) }

// apply sets what a file says, then the overrides. Errors about what the file says name the place in it.
func apply[C any](config C, file *Settings, overrides []Override) (C, error) {
	tree, err := treeOf(config)
	if err != nil {
		return config, err
	}
	places, err := file.into(tree)
	if err != nil {
		return config, err
	}
	for _, o := range overrides {
		if wrong := set(tree, o); wrong != nil {
			return config, wrong.err
		}
		places.forget(o.Key)
	}
	if wrong := fits(reflect.TypeFor[C](), tree, ""); wrong != nil {
		return config, places.locate(wrong)
	}
	data, err := json.Marshal(tree)
	if err != nil {
		return config, err
	}
	var changed C
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&changed); err != nil {
		return config, fmt.Errorf("a setting does not fit: %w", err)
	}
	return changed, nil
}

// treeOf is a configuration as JSON sees it, numbers as they are written: a seed has more digits than a float64.
func treeOf(config any) (map[string]any, error) {
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	value, err := decode(data)
	if err != nil {
		return nil, err
	}
	tree, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("expected a configuration with named settings, found %s", data)
	}
	return tree, nil
}

// decode reads exactly one JSON value.
func decode(data []byte) (value any, err error) {
	if !json.Valid(data) {
		return nil, fmt.Errorf("expected JSON, found %q", data)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// set puts the value of an override into the tree.
func set(tree map[string]any, o Override) *misfit {
	return put(tree, strings.Split(o.Key, "."), 0, func(old any) (value any, found string, err error) {
		value, err = decode([]byte(o.Value))
		if _, isText := old.(string); isText {
			if _, quoted := value.(string); !quoted {
				value = o.Value
			}
			return value, "", nil
		}
		if number, ok := numberOf(o.Value); ok {
			value, err = number, nil
		}
		return value, strconv.Quote(o.Value), err
	})
}

// put replaces what lies at path, of which tree is depth names deep, by what value makes of the old one, if it is of the old
// one's type. found is the new one as it was written.
func put(tree map[string]any, path []string, depth int, value func(old any) (v any, found string, err error)) *misfit {
	name, here, key := path[depth], strings.Join(path[:depth+1], "."), strings.Join(path, ".")
	old, ok := tree[name]
	if !ok {
		return &misfit{here, unknownKey(key, name, slices.Sorted(maps.Keys(tree)))}
	}
	if depth+1 < len(path) {
		sub, ok := old.(map[string]any)
		if !ok {
			return &misfit{here, fmt.Errorf("setting %s: %q has no parts; give it a value of its own", key, name)}
		}
		return put(sub, path, depth+1, value)
	}
	v, found, err := value(old)
	if err != nil || old != nil && fmt.Sprintf("%T", v) != fmt.Sprintf("%T", old) {
		return &misfit{here, fmt.Errorf("setting %s: expected a value like %s, found %s", key, compact(old), found)}
	}
	tree[name] = v
	return nil
}

// numberOf reads a number in any of the ways people write one, such as .5, 1e3 or +7, as JSON has it.
func numberOf(text string) (json.Number, bool) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && (whole != 0 || !strings.HasPrefix(text, "-")) {
		return json.Number(strconv.FormatInt(whole, 10)), true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return "", false
	}
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 && !(v == 0 && math.Signbit(v)) {
		return json.Number(strconv.FormatInt(int64(v), 10)), true
	}
	return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), true
}

// compact is a value for a sentence, which holds the beginning of a long one.
func compact(v any) string {
	data, _ := json.Marshal(v)
	return shortened(string(data))
}

func shortened(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func unknownKey(path, key string, known []string) error {
	if len(known) == 0 {
		return fmt.Errorf("unknown setting %s: there is no %q, and nothing else here", path, key)
	}
	return fmt.Errorf("unknown setting %s: there is no %q; did you mean %q? (known here: %s)",
		path, key, spelling.Nearest(key, known), strings.Join(known, ", "))
}
