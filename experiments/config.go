package experiments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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

// Apply returns a copy of config with the overrides set. An unknown key is an error that names the nearest one.
func Apply[C any](config C, overrides []Override) (C, error) {
	var tree map[string]any
	data, err := json.Marshal(config)
	if err == nil {
		err = json.Unmarshal(data, &tree)
	}
	if err != nil {
		return config, err
	}
	for _, o := range overrides {
		if err := set(tree, strings.Split(o.Key, "."), o); err != nil {
			return config, err
		}
	}
	if data, err = json.Marshal(tree); err != nil {
		return config, err
	}
	var changed C
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&changed); err != nil {
		return config, fmt.Errorf("a setting has the wrong type: %w", err)
	}
	return changed, nil
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
	if _, isText := old.(string); isText {
		tree[path[0]] = o.Value
		return nil
	}
	var value any
	if err := json.Unmarshal([]byte(o.Value), &value); err != nil {
		if number, nerr := strconv.ParseFloat(o.Value, 64); nerr == nil {
			value = number
		} else {
			return fmt.Errorf("setting %s: expected a value like %s, found %q", o.Key, compact(old), o.Value)
		}
	}
	if fmt.Sprintf("%T", value) != fmt.Sprintf("%T", old) && old != nil {
		return fmt.Errorf("setting %s: expected a value like %s, found %s", o.Key, compact(old), o.Value)
	}
	tree[path[0]] = value
	return nil
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
