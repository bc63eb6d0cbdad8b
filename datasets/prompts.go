package datasets

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Prompts are the words with which a data set's classes are put to CLIP.
type Prompts struct {
	Dataset   string     // its name where the file says one, such as "CIFAR10"
	Classes   [][]string // the names of each class: mostly one; several are a class with synonyms
	Templates []string   // each with {} where the name goes
}

// ReadPrompts reads prompts from a file, or from every file of a folder that it can read (such as that of the data set
// clip-prompts). The forms, told apart by the file's ending:
//
//   - .md: OpenAI's data/prompts.md, headings "## NAME" and below each the Python lists classes and templates
//   - .ipynb: a notebook with Python lists NAME_classes and NAME_templates, such as OpenAI's for ImageNet
//   - .json: ["a photo of a {}.", ...], or {"classes": [...], "templates": [...]}, or {"NAME": {"classes": ...}, ...}
//   - anything else: a template a line; empty lines and those that begin with # are skipped
func ReadPrompts(path string) ([]Prompts, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("expected a file or folder of prompts: %w", err)
	}
	if !info.IsDir() {
		return readPromptsFile(path)
	}
	var all []Prompts
	for _, pattern := range []string{"*.md", "*.ipynb", "*.json", "*.txt"} {
		files, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			found, err := readPromptsFile(file)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("expected files with prompts (.md, .ipynb, .json, .txt) in %s, found none", path)
	}
	return all, nil
}

// mostPromptBytes is far above any list of prompts; OpenAI's have 72 and 59 KB.
const mostPromptBytes = 16 << 20

func readPromptsFile(path string) ([]Prompts, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read prompts: %w", err)
	}
	if info.Size() > mostPromptBytes {
		return nil, fmt.Errorf("%s: expected prompts of at most %d bytes, found %d", path, mostPromptBytes, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read prompts: %w", err)
	}
	prompts, err := parsePrompts(strings.ToLower(filepath.Ext(path)), string(data))
	if err == nil && len(prompts) == 0 {
		err = fmt.Errorf("expected prompts, found none")
	}
	if err == nil {
		err = checkPrompts(prompts)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return prompts, nil
}

func parsePrompts(ending, text string) ([]Prompts, error) {
	switch ending {
	case ".md":
		return markdownPrompts(text)
	case ".ipynb":
		return notebookPrompts(text)
	case ".json":
		return jsonPrompts(text)
	}
	var p Prompts
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			p.Templates = append(p.Templates, line)
		}
	}
	if len(p.Templates) == 0 {
		return nil, nil
	}
	return []Prompts{p}, nil
}

// checkPrompts wants a place for the name in every template, and a name for every class.
func checkPrompts(prompts []Prompts) error {
	for _, p := range prompts {
		of := ""
		if p.Dataset != "" {
			of = " of " + p.Dataset
		}
		if len(p.Templates) == 0 {
			return fmt.Errorf("expected templates%s, found none", of)
		}
		for _, t := range p.Templates {
			if strings.Count(t, "{}") != 1 {
				return fmt.Errorf("expected every template%s to have one {} for the name of a class, found %q", of, t)
			}
		}
		for _, names := range p.Classes {
			if len(names) == 0 || slices.Contains(names, "") {
				return fmt.Errorf("expected every class%s to have a name, found one without", of)
			}
		}
	}
	return nil
}

// markdownPrompts takes the headings of second degree as names; a heading without lists is none.
func markdownPrompts(text string) ([]Prompts, error) {
	var all []Prompts
	for i, section := range strings.Split("\n"+text, "\n## ") {
		heading, body, _ := strings.Cut(section, "\n")
		if i == 0 {
			continue // what stands before the first
		}
		lists, err := pythonLists(body)
		if err != nil {
			return nil, fmt.Errorf("under the heading %q: %w", heading, err)
		}
		p := Prompts{Dataset: strings.TrimSpace(heading), Classes: lists["classes"], Templates: single(lists["templates"])}
		if p.Classes != nil || p.Templates != nil {
			all = append(all, p)
		}
	}
	return all, nil
}

// notebookPrompts takes the lists NAME_classes and NAME_templates of all cells.
func notebookPrompts(text string) ([]Prompts, error) {
	var notebook struct {
		Cells []struct {
			Kind   string          `json:"cell_type"`
			Source json.RawMessage `json:"source"`
		} `json:"cells"`
	}
	if err := json.Unmarshal([]byte(text), &notebook); err != nil {
		return nil, fmt.Errorf("expected a notebook as JSON: %w", err)
	}
	var all []Prompts
	for _, cell := range notebook.Cells {
		if cell.Kind != "code" {
			continue
		}
		lists, err := pythonLists(cellSource(cell.Source))
		if err != nil {
			return nil, err
		}
		for _, variable := range sortedKeys(lists) {
			name, what, _ := strings.Cut(variable, "_")
			i := slices.IndexFunc(all, func(p Prompts) bool { return p.Dataset == name })
			if i < 0 {
				i = len(all)
				all = append(all, Prompts{Dataset: name})
			}
			switch what {
			case "classes":
				all[i].Classes = lists[variable]
			case "templates":
				all[i].Templates = single(lists[variable])
			}
		}
	}
	return slices.DeleteFunc(all, func(p Prompts) bool { return p.Templates == nil && p.Classes == nil }), nil
}

// cellSource is a text, or a list of lines.
func cellSource(raw json.RawMessage) string {
	var lines []string
	if json.Unmarshal(raw, &lines) == nil {
		return strings.Join(lines, "")
	}
	var text string
	_ = json.Unmarshal(raw, &text) // neither of the two: a cell without lists
	return text
}

// jsonPrompts reads the three forms of JSON.
func jsonPrompts(text string) ([]Prompts, error) {
	var templates []string
	if json.Unmarshal([]byte(text), &templates) == nil {
		return []Prompts{{Templates: templates}}, nil
	}
	type lists struct {
		Classes   []names  `json:"classes"`
		Templates []string `json:"templates"`
	}
	prompts := func(name string, l lists) Prompts {
		p := Prompts{Dataset: name, Templates: l.Templates}
		for _, n := range l.Classes {
			p.Classes = append(p.Classes, n)
		}
		return p
	}
	var one lists
	if err := json.Unmarshal([]byte(text), &one); err == nil && one.Templates != nil {
		return []Prompts{prompts("", one)}, nil
	}
	var many map[string]lists
	if err := json.Unmarshal([]byte(text), &many); err != nil {
		return nil, fmt.Errorf("expected a list of templates, or objects with classes and templates, as JSON: %w", err)
	}
	var all []Prompts
	for _, name := range sortedKeys(many) {
		all = append(all, prompts(name, many[name]))
	}
	return all, nil
}

// names is a class: its name, or a list of them.
type names []string

func (n *names) UnmarshalJSON(data []byte) error {
	var name string
	if json.Unmarshal(data, &name) == nil {
		*n = names{name}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// single makes strings of lists of one.
func single(list [][]string) []string {
	var out []string
	for _, names := range list {
		out = append(out, strings.Join(names, ", "))
	}
	return out
}

var pythonList = regexp.MustCompile(`(?m)^([A-Za-z_][A-Za-z0-9_]*) *= *\[`)
