package experiments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
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
func Apply[C any](config C, overrides []Override) (C, error) {
	tree, err := treeOf(config)
	if err != nil {
		return config, err
	}
	for _, o := range overrides {
		if err := set(tree, strings.Split(o.Key, "."), o); err != nil {
			return config, err
		}
	}
	data, err := json.Marshal(tree)
	if err != nil {
		return config, err
	}
	var changed C
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&changed); err != nil {
		return config, misfit(err)
	}
	result, err := treeOf(changed)
	if err != nil {
		return config, err
	}
	// JSON fills up and cuts arrays of fixed length without a word.
	if path, want, got := firstDifference("", result, tree); path != "" {
		return config, fmt.Errorf("setting %s: expected %d values, found %d", path, want, got)
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

// misfit words what encoding/json says of a value that a field cannot take.
func misfit(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("setting %s: expected a value of type %s, found %s", wrong.Field, wrong.Type, wrong.Value)
	}
	return fmt.Errorf("a setting does not fit: %w", err)
}

// firstDifference is the path of the first array that is not as long in both trees, and its two lengths.
func firstDifference(path string, a, b any) (string, int, int) {
	switch a := a.(type) {
	case map[string]any:
		b, _ := b.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(a)) {
			if path, m, n := firstDifference(strings.TrimPrefix(path+"."+key, "."), a[key], b[key]); path != "" {
				return path, m, n
			}
		}
	case []any:
		b, _ := b.([]any)
		if len(a) != len(b) {
			return path, len(a), len(b)
		}
		for i := range a {
			if path, m, n := firstDifference(fmt.Sprintf("%s[%d]", path, i), a[i], b[i]); path != "" {
				return path, m, n
			}
		}
	}
	return "", 0, 0
}

func set(tree map[string]any, path []string, o Override) error {
	old, ok := tree[path[0]]
	if !ok {
		return unknownKey(tree, path[0], o)
	}
	if len(path) > 1 {
		sub, ok := old.(map[string]any)
		if !ok {
			return fmt.Errorf("setting %s: %q has no parts; give it a value of its own", o.Key, path[0])
		}
		return set(sub, path[1:], o)
	}
	value, err := decode([]byte(o.Value))
	if _, isText := old.(string); isText {
		if _, quoted := value.(string); !quoted {
			value = o.Value
		}
		tree[path[0]] = value
		return nil
	}
	if number, ok := numberOf(o.Value); ok {
		value, err = number, nil
	}
	if err != nil || old != nil && fmt.Sprintf("%T", value) != fmt.Sprintf("%T", old) {
		return fmt.Errorf("setting %s: expected a value like %s, found %q", o.Key, compact(old), o.Value)
	}
	tree[path[0]] = value
	return nil
}

// numberOf reads a number in any of the ways people write one, such as .5, 1e3 or +7, as JSON has it.
func numberOf(text string) (json.Number, bool) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return json.Number(strconv.FormatInt(whole, 10)), true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return "", false
	}
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return json.Number(strconv.FormatInt(int64(v), 10)), true
	}
	return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), true
}

func compact(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func unknownKey(tree map[string]any, key string, o Override) error {
	known := slices.Sorted(maps.Keys(tree))
	return fmt.Errorf("unknown setting %s: there is no %q; did you mean %q? (known here: %s)",
		o.Key, key, Nearest(key, known), strings.Join(known, ", "))
}

// Nearest is the candidate with the fewest changed letters (Levenshtein distance) from word; "" without candidates.
func Nearest(word string, candidates []string) string {
	best, nearest := -1, ""
	for _, c := range candidates {
		if d := distance(word, c); best < 0 || d < best {
			best, nearest = d, c
		}
	}
	return nearest
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
