package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// createOnce writes a file that did not exist, whole or not at all. It returns false where the file exists, which is then left
// as it is. Of several callers, on any machines that share the folder, one is told true.
func createOnce(path string, v any) (mine bool, err error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return false, fmt.Errorf("cannot write %s: %w", path, err)
	}
	return atomicfile.WriteOnce(path, append(data, '\n'))
}

// readJSON reads a file that was written once. ok is false where there is none.
func readJSON(path string, v any) (ok bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return true, nil
}
