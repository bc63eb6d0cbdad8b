package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// source is a notebook's JSON with all that it holds, whatever this package knows of it.
type source map[string]any

func parseSource(path string, text []byte) (source, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // so that numbers come out as they stand there
	var s source
	if err := decoder.Decode(&s); err != nil {
		return nil, fmt.Errorf("expected a notebook (JSON, nbformat 4) in %s, found something else: %w", path, err)
	}
	if format := fmt.Sprint(s["nbformat"]); format != "4" {
		return nil, fmt.Errorf("expected a notebook of nbformat 4 in %s, found nbformat %s", path, format)
	}
	if cells, ok := s["cells"].([]any); ok {
		for i, cell := range cells {
			if _, ok := cell.(map[string]any); !ok {
				return nil, fmt.Errorf("expected cells in %s, found something else as number %d", path, i+1)
			}
		}
		return s, nil
	}
	return nil, fmt.Errorf("expected a list of cells in %s, found none", path)
}

func (s source) cells() []map[string]any {
	var cells []map[string]any
	for _, cell := range s["cells"].([]any) {
		cells = append(cells, cell.(map[string]any))
	}
	return cells
}

// format writes the notebook as Jupyter does: keys in order, one space a level, and a text as a list of its lines.
func (s source) format() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(s); err != nil {
		return nil, fmt.Errorf("cannot write the notebook: %w", err)
	}
	return out.Bytes(), nil
}

// splitLines is a text as a notebook holds it: a list of lines, each with its end.
func splitLines(text string) []any {
	out := []any{}
	for line := range strings.Lines(text) {
		out = append(out, line)
	}
	return out
}

// joinLines is a text that a notebook holds as one string or as a list of lines.
func joinLines(text any) string {
	switch text := text.(type) {
	case string:
		return text
	case []any:
		var all strings.Builder
		for _, line := range text {
			fmt.Fprint(&all, line)
		}
		return all.String()
	}
	return ""
}
