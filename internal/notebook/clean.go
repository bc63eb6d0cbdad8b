package notebook

import (
	"bytes"
	"fmt"
	"os"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Clean is a notebook as it is kept in the repository, so that its changes can be read: without outputs and execution counts, without
// what Jupyter notes about windows and times, and in the one form of JSON that Jupyter writes. path names it in errors.
func Clean(path string, text []byte) ([]byte, error) {
	s, err := parseSource(path, text)
	if err != nil {
		return nil, err
	}
	for i, cell := range s.cells() {
		cell["source"] = splitLines(joinLines(cell["source"]))
		if cell["cell_type"] == "code" {
			cell["outputs"], cell["execution_count"] = []any{}, nil
		} else {
			delete(cell, "outputs")
			delete(cell, "execution_count")
		}
		kept := map[string]any{}
		if metadata, ok := cell["metadata"].(map[string]any); ok {
			for _, name := range []string{"glimpse", "tags"} {
				if value, there := metadata[name]; there {
					kept[name] = value
				}
			}
		}
		cell["metadata"] = kept
		if id, _ := cell["id"].(string); id == "" {
			cell["id"] = fmt.Sprintf("cell-%02d", i+1)
		}
	}
	s["metadata"] = map[string]any{
		"kernelspec":    map[string]any{"display_name": DisplayName, "language": "go", "name": Name},
		"language_info": map[string]any{"name": "go"},
	}
	s["nbformat_minor"] = 5 // the first in which cells have ids
	return s.format()
}

// CleanFile cleans a notebook where it lies, and says whether there was anything to clean.
func CleanFile(path string) (changed bool, err error) {
	before, after, err := cleaned(path)
	if err != nil || bytes.Equal(before, after) {
		return false, err
	}
	return true, atomicfile.WriteFile(path, after)
}

// NeedsCleaning says whether [CleanFile] would change a notebook.
func NeedsCleaning(path string) (bool, error) {
	before, after, err := cleaned(path)
	return !bytes.Equal(before, after), err
}

func cleaned(path string) (before, after []byte, err error) {
	if before, err = os.ReadFile(path); err != nil {
		return nil, nil, fmt.Errorf("cannot read the notebook: %w", err)
	}
	after, err = Clean(path, before)
	return before, after, err
}
