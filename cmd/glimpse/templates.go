package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets"
)

// prompts are the templates of a command: those of --template and those of --templates, one after the other.
type prompts struct {
	single []string
	file   string
}

func (p *prompts) add(cmd *cobra.Command, class string) {
	cmd.Flags().StringArrayVar(&p.single, "template", nil, "a `prompt` in which {} stands for the "+class+"; may be repeated (default: several)")
	cmd.Flags().StringVar(&p.file, "templates", "", "`file` of prompts: one a line, or JSON; FILE#NAME chooses among published lists, such as clip-prompts#CIFAR10")
}

// read gathers the templates; none when no flag names any.
func (p *prompts) read(cmd *cobra.Command) ([]string, error) {
	for _, t := range p.single {
		if !strings.Contains(t, "{}") {
			return nil, usagef(cmd, `expected a template with {} in it, such as "a photo of a {}", found %q`, t)
		}
	}
	if p.file == "" {
		return p.single, nil
	}
	fromFile, err := readTemplates(p.file)
	return slices.Concat(p.single, fromFile), err
}

// readTemplates reads a list of prompts, FILE or FILE#NAME, in any of the forms of [datasets.ReadPrompts]. FILE may also be
// the name of a known data set, clip-prompts.
func readTemplates(path string) ([]string, error) {
	name := ""
	if _, err := os.Stat(path); err != nil {
		if at := strings.LastIndex(path, "#"); at > 0 {
			path, name = path[:at], path[at+1:]
		}
		if _, err := os.Stat(path); err != nil {
			if _, known := datasets.Lookup(path); known != nil {
				return nil, fmt.Errorf("cannot read the prompts of %s: %w", path, reason(err))
			}
			if path, err = datasets.Find(path); err != nil {
				return nil, err
			}
		}
	}
	lists, err := datasets.ReadPrompts(path)
	if err != nil {
		return nil, err
	}
	if len(lists) == 1 && name == "" {
		return lists[0].Templates, nil
	}
	var names []string
	for _, list := range lists {
		if strings.EqualFold(list.Dataset, name) {
			return list.Templates, nil
		}
		names = append(names, list.Dataset)
	}
	if name == "" {
		return nil, fmt.Errorf("%s: expected the name of one of its %d lists after a #, as in FILE#%s; they are %s", path, len(names), names[0], strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("%s: expected one of the lists %s, found %q%s", path, strings.Join(names, ", "), name, didYouMean("", name, names))
}

// mostText is the largest file of templates, labels or names that is read.
const mostText = 16 << 20

// readText reads a small file of text.
func readText(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, reason(err))
	}
	if info.IsDir() || info.Size() > mostText {
		return nil, fmt.Errorf("expected a file of text of at most %d MB at %s, found a folder or a larger file", mostText>>20, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, reason(err))
	}
	if !utf8.Valid(data) || strings.ContainsRune(string(data), 0) {
		return nil, fmt.Errorf("expected text in UTF-8 in %s, found something else", path)
	}
	return data, nil
}

// parseList reads a list of texts: a JSON array, or one text a line, where empty lines and those that begin with # do not
// count. It is an error when there is none.
func parseList(data []byte) ([]string, error) {
	text := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
	var list []string
	if strings.HasPrefix(text, "[") {
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, fmt.Errorf("expected a JSON array of texts: %w", err)
		}
		return nonEmpty(list)
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return nonEmpty(list)
}

// nonEmpty is the texts that are not empty, without blanks around them; there must be one.
func nonEmpty(list []string) ([]string, error) {
	var out []string
	for _, text := range list {
		if text = strings.TrimSpace(text); text != "" {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("expected at least one text, found none")
	}
	return out, nil
}

// readNames reads a file of names: a JSON object from a class to its name or to a list of names.
func readNames(path string) (map[string][]string, error) {
	data, err := readText(path)
	if err != nil {
		return nil, err
	}
	names, err := parseNames(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return names, nil
}

func parseNames(data []byte) (map[string][]string, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf(`expected a JSON object such as {"Tshirts": ["T-shirt", "tee"]}: %w`, err)
	}
	names := map[string][]string{}
	for class, value := range raw {
		var list []string
		var one string
		if json.Unmarshal(value, &one) == nil {
			list = []string{one}
		} else if err := json.Unmarshal(value, &list); err != nil {
			return nil, fmt.Errorf("expected a name or a list of names for %q, found %s", class, value)
		}
		var err error
		if names[class], err = nonEmpty(list); err != nil {
			return nil, fmt.Errorf("the names of %q: %w", class, err)
		}
	}
	return names, nil
}
