package history

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Change is one key in which two runs differ. A value is JSON, or "" where the run has none.
type Change struct {
	Part string `json:"part"` // of what: settings, code, data, versions, machine
	Key  string `json:"key"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Diff lists what differs in the manifests of two runs, by parts and in the order of names: everything but when and under what
// command line they were started. Keys that this version does not know are compared too.
func Diff(a, b *experiments.Run) ([]Change, error) {
	x, err := manifest(a)
	if err != nil {
		return nil, err
	}
	y, err := manifest(b)
	if err != nil {
		return nil, err
	}
	keys := maps.Clone(x)
	maps.Copy(keys, y)
	var changes []Change
	for key := range keys {
		if x[key] != y[key] {
			part, name := partOf(key)
			changes = append(changes, Change{part, name, x[key], y[key]})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		if d := slices.Index(parts, a.Part) - slices.Index(parts, b.Part); d != 0 {
			return d
		}
		return strings.Compare(a.Key, b.Key)
	})
	return changes, nil
}

func manifest(run *experiments.Run) (map[string]string, error) {
	data, err := os.ReadFile(run.Path("manifest.json"))
	if err != nil {
		return nil, fmt.Errorf("cannot read what was run: %w", err)
	}
	flat := experiments.Flat(data)
	for _, key := range []string{"started", "command", "format", "attempts"} {
		delete(flat, key)
	}
	for i, attempt := range run.Manifest.Attempts { // of which only the time says nothing
		text, _ := json.Marshal(attempt.Commit + " on " + attempt.Machine)
		flat[fmt.Sprintf("resumed.%d", i+1)] = string(text)
	}
	return flat, nil
}

// parts are those of a difference, in the order they are shown.
var parts = []string{"settings", "code", "data", "versions", "machine"}

// partOf says to what a key of a manifest belongs.
func partOf(key string) (part, name string) {
	top, rest, _ := strings.Cut(key, ".")
	switch {
	case top == "config":
		return "settings", rest
	case top == "experiment" || top == "form" || top == "seed" || top == "parent":
		return "settings", key
	case top == "versions":
		return "versions", rest
	case strings.HasPrefix(top, "data"):
		return "data", key
	case top == "backend" || top == "devices" || top == "machine":
		return "machine", key
	}
	return "code", key
}

// longestValue is how many letters of a value are shown.
const longestValue = 160

// Short is a value as a line shows it: a long one, such as a patch, by its length and its hash.
func Short(value string) string {
	if len(value) <= longestValue {
		return value
	}
	return fmt.Sprintf("%s... (%d bytes, sha256 %.12x)", strings.ToValidUTF8(value[:40], ""), len(value), sha256.Sum256([]byte(value)))
}
