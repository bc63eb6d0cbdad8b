package safetensors

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Index is what model.safetensors.index.json says of a checkpoint in several files:
// {"metadata": {"total_size": 123}, "weight_map": {"tensor": "model-00001-of-00002.safetensors"}}. PyTorch's
// pytorch_model.bin.index.json is the same, of files NAME.bin.
type Index struct {
	Shard    map[string]string // the file of each tensor, beside the index
	Metadata map[string]string // as written, numbers in digits
}

// Shards returns the names of the files, sorted.
func (x *Index) Shards() []string {
	return slices.Compact(slices.Sorted(maps.Values(x.Shard)))
}

// Gather opens every shard once, and holds what is in them against the index: each tensor lies in the shard that the index
// says, and in no other.
func (x *Index) Gather(open func(shard string) (map[string]Tensor, error)) (map[string]Tensor, error) {
	all := make(map[string]Tensor, len(x.Shard))
	for _, shard := range x.Shards() {
		part, err := open(shard)
		if err != nil {
			return nil, err
		}
		for name, t := range part {
			if want, ok := x.Shard[name]; !ok {
				return nil, fmt.Errorf("%s holds the tensor %s, of which the index knows nothing", shard, shown(name))
			} else if want != shard {
				return nil, fmt.Errorf("%s holds the tensor %s, which the index says is in %s", shard, shown(name), want)
			}
			all[name] = t
		}
	}
	for _, name := range slices.Sorted(maps.Keys(x.Shard)) {
		if _, ok := all[name]; !ok {
			return nil, fmt.Errorf("expected the tensor %s in %s, as the index says, found none of that name", shown(name), x.Shard[name])
		}
	}
	return all, nil
}

// ReadIndex reads an index of shards whose names end in ending, such as ".safetensors". The shards need not be there.
func ReadIndex(path, ending string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the index of a checkpoint: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxHeader+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the index of a checkpoint: %w", err)
	}
	if len(text) > MaxHeader {
		return nil, fmt.Errorf("%s is no index of a checkpoint: expected at most %d bytes, found more", path, MaxHeader)
	}
	index, err := ParseIndex(text, ending)
	if err != nil {
		return nil, fmt.Errorf("%s is no index of a checkpoint: %w; fetch or make it again", path, err)
	}
	return index, nil
}

// ParseIndex reads an index's bytes. A shard's name may not lead out of the index's folder.
func ParseIndex(text []byte, ending string) (*Index, error) {
	s := &scanner{text: text}
	x := &Index{}
	seen := map[string]bool{}
	err := s.object(func(field string) (err error) {
		if seen[field] {
			return fmt.Errorf("expected every field once, found %s again", shown(field))
		}
		seen[field] = true
		switch field {
		case "weight_map":
			x.Shard, err = s.weightMap(ending)
		case "metadata":
			x.Metadata, err = s.plainValues()
		default:
			err = fmt.Errorf("expected the fields metadata and weight_map, found %s", shown(field))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.blanks(); s.at < len(s.text) {
		return nil, errors.New("expected nothing but blanks after the JSON object, found more")
	}
	if len(x.Shard) == 0 {
		return nil, errors.New("expected a weight_map with tensors, found none")
	}
	return x, nil
}

func (s *scanner) weightMap(ending string) (map[string]string, error) {
	shards := map[string]string{}
	once := map[string]string{} // one copy of each shard's name
	err := s.object(func(tensor string) error {
		shard, err := s.string()
		if err != nil {
			return err
		}
		if _, twice := shards[tensor]; twice {
			return fmt.Errorf("expected every tensor once, found %s again", shown(tensor))
		}
		if len(shards) == MaxTensors {
			return fmt.Errorf("expected at most %d tensors, found more", MaxTensors)
		}
		if err := checkShard(shard, ending); err != nil {
			return err
		}
		if known, ok := once[shard]; ok {
			shard = known
		}
		once[shard], shards[tensor] = shard, shard
		return nil
	})
	return shards, err
}

// checkShard lets names of files in the index's own folder pass and nothing else.
func checkShard(name, ending string) error {
	if strings.ContainsAny(name, "/\\:\x00") || name == "" || !filepath.IsLocal(name) || !strings.HasSuffix(name, ending) {
		return fmt.Errorf("expected shards NAME%s in the folder of the index, found %s", ending, shown(name))
	}
	return nil
}

// plainValues reads an object of texts, numbers, true, false and null, numbers and words as they are written.
func (s *scanner) plainValues() (map[string]string, error) {
	values := map[string]string{}
	err := s.object(func(name string) error {
		if _, twice := values[name]; twice || len(values) == MaxTensors {
			return fmt.Errorf("expected every name of the metadata once and not too many, found %s", shown(name))
		}
		s.blanks()
		if s.at < len(s.text) && s.text[s.at] == '"' {
			text, err := s.string()
			values[name] = text
			return err
		}
		start := s.at
		for s.at < len(s.text) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", s.text[s.at]) >= 0 {
			s.at++
		}
		if s.at == start || s.at-start > 40 {
			s.at = start
			return s.expected("a text or a number")
		}
		values[name] = string(s.text[start:s.at])
		return nil
	})
	return values, err
}
