package experiments

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// Settings are what a YAML file says of a configuration: some of its settings, or all of them.
//
//	batch_size: 64
//	train:
//	  steps: 800
//	  optimizer: {lr: 1e-3}
//
// A key with dots, such as train.steps, is short for the names one below the other.
type Settings struct {
	File   string
	list   []setting
	places places
}

// setting is one of them: a number, text, true, false, null, a list, or an empty map.
type setting struct {
	path  string // names with dots
	value any    // as [decode] gives it
	found string // as it was written
}

// places are where in a file a setting stands, as FILE:LINE:COLUMN, by its path; parts of lists are at PATH[i].
type places map[string]string

// The largest file of settings, and how deep settings may lie in it. A whole configuration has a few KiB.
const (
	maxSettingsBytes = 64 << 10
	maxSettingsDepth = 20
	maxSettingsSigns = 4096
)

// ReadSettings reads a YAML file. What is no plain list of settings is an error with its line and column: keys that come twice, anchors, tags,
// several documents, numbers that are none or are not decimal. The file may have 64 KiB; reading it takes at most 32 MiB of memory.
func ReadSettings(file string) (*Settings, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the settings: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("expected a YAML file with settings at %s, found a folder", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSettingsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the settings: %w", err)
	}
	return parseSettings(file, data)
}

// into puts the settings into a configuration's tree. A nil file says nothing.
func (s *Settings) into(tree map[string]any) (places, error) {
	if s == nil {
		return places{}, nil
	}
	where := places{}
	for path, place := range s.places {
		where[path] = place
	}
	for _, one := range s.list {
		wrong := put(tree, strings.Split(one.path, "."), 0, func(old any) (any, string, error) {
			branch, isBranch := one.value.(map[string]any)
			if sub, ok := old.(map[string]any); ok && isBranch && len(branch) == 0 {
				return sub, "", nil // a name with nothing below changes nothing
			}
			return one.value, one.found, nil
		})
		if wrong == nil {
			continue
		}
		if _, known := where[wrong.path]; !known { // it is a part of a key with dots
			wrong.path = one.path
		}
		return nil, where.locate(wrong)
	}
	return where, nil
}

// locate says where in the file a value stands that does not fit. What is not of the file stays as it is.
func (p places) locate(m *misfit) error {
	if place, ok := p[m.path]; ok {
		return fmt.Errorf("%s: %w", place, m.err)
	}
	return m.err
}

// parent is the path that a path is part of; "" for none.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// forget drops what lies at a path and below it: something else than the file has set it.
func (p places) forget(path string) {
	for at := range p {
		for above := at; above != ""; above = parent(above) {
			if above == path {
				delete(p, at)
			}
		}
	}
}

// decimal is how numbers are written here.
var decimal = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

// leadingZero is what some take for octal and some for decimal.
var leadingZero = regexp.MustCompile(`^[-+]?0[0-9]`)

// plainNumber is a number as it may stand in a file, or false for text.
func plainNumber(text string) (json.Number, bool) {
	if !decimal.MatchString(text) {
		return "", false
	}
	return numberOf(text)
}
