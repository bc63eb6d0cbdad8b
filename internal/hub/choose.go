package hub

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/shell"
)

// companions are the small files that a CLIP checkpoint may have beside its weights.
var companions = []string{
	"config.json", "preprocessor_config.json", "open_clip_config.json",
	"vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
}

const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
	torchIndex = "pytorch_model.bin.index.json" // of PyTorch's archives, where there are no safetensors files
)

// shards are the files beside an index that are called as its shards are: model-00001-of-00002.safetensors, pytorch_model-00001-of-00002.bin.
func shards(index string, files []string) (parts []string) {
	whole := strings.TrimSuffix(index, ".index.json")
	ending := path.Ext(whole)
	for _, name := range files {
		if strings.HasPrefix(name, strings.TrimSuffix(whole, ending)+"-") && strings.HasSuffix(name, ending) && !strings.Contains(name, "/") {
			parts = append(parts, name)
		}
	}
	return parts
}

// choose picks what CLIP needs of a repository's files, the weights last.
func choose(m Model, files []string) ([]string, error) {
	var chosen []string
	for _, name := range companions {
		if slices.Contains(files, name) {
			chosen = append(chosen, name)
		}
	}
	var weights []string
	for _, name := range files {
		if strings.HasSuffix(name, ".safetensors") && !strings.Contains(name, "/") {
			weights = append(weights, name)
		}
	}
	switch {
	case slices.Contains(files, singleFile):
		return append(chosen, singleFile), nil
	case slices.Contains(files, indexFile):
		return append(append(chosen, indexFile), shards(indexFile, files)...), nil
	case len(weights) == 1:
		return append(chosen, weights[0]), nil
	case len(weights) > 1:
		return nil, fmt.Errorf("expected one set of weights in %s, found %s; choose with --include, such as: %s --include '*.json' --include '*.txt' --include %s",
			m, listed(weights), m.command(), shell.Quote(weights[0]))
	case slices.Contains(files, torchIndex):
		return append(append(chosen, torchIndex), shards(torchIndex, files)...), nil
	}
	return nil, nil // the caller says what to do
}

// match picks the files whose path or, for a pattern without a slash, whose last part matches one of the patterns.
func match(m Model, files, patterns []string) ([]string, error) {
	var chosen []string
	for _, pattern := range patterns {
		found := false
		for _, name := range files {
			subject := name
			if !strings.Contains(pattern, "/") {
				subject = path.Base(name)
			}
			ok, err := path.Match(pattern, subject)
			if err != nil {
				return nil, fmt.Errorf("expected a pattern such as *.json, found %q", pattern)
			}
			if ok {
				found = true
				if !slices.Contains(chosen, name) {
					chosen = append(chosen, name)
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("expected files of %s that match %q, found none among %s", m, pattern, listed(files))
		}
	}
	return chosen, nil
}

func listed(names []string) string {
	if len(names) > 12 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:12], ", "), len(names)-12)
	}
	if len(names) == 0 {
		return "no files"
	}
	return strings.Join(names, ", ")
}
