package memo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Key names everything that a result depends on.
type Key struct {
	Name    string // of what is computed, such as "final loss"
	Version string // of the code that computes it, by its author: another one when the code is another
	Inputs  []any  // written as JSON; see [File] for files
	Code    string // of the lab; "" for [CodeVersion]
}

// Of is the key of a result of that name and version, from inputs.
func Of(name, version string, inputs ...any) Key {
	return Key{Name: name, Version: version, Inputs: inputs}
}

// File is an input that stands for the content of the file at path, by its sha256. Where the file lies does not matter.
func File(path string) json.Marshaler { return file(path) }

type file string

func (path file) MarshalJSON() ([]byte, error) {
	sum, err := hashFile(string(path))
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"sha256": sum})
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot read an input: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("cannot read an input: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// header is what a result's file has to say in its first line.
type header struct {
	name string // as JSON: on one line, whatever is in it
	key  string // sha256 of all parts of the key
}

const (
	ending     = ".memo"
	lockEnding = ".lock"
)

func newHeader(key Key) (header, error) {
	if key.Name == "" || key.Version == "" {
		return header{}, fmt.Errorf("expected a name and a version of what is computed, found %q and %q; change the version when you change the code", key.Name, key.Version)
	}
	if key.Code == "" {
		code, err := CodeVersion()
		if err != nil {
			return header{}, err
		}
		key.Code = code
	}
	hash := sha256.New()
	part := func(text []byte) { fmt.Fprintf(hash, "%d:%s", len(text), text) }
	part([]byte(key.Name))
	part([]byte(key.Version))
	part([]byte(key.Code))
	for i, input := range key.Inputs {
		data, err := canonical(input)
		if err != nil {
			return header{}, fmt.Errorf("input %d of %q: expected a value that can be written as JSON, found: %w", i+1, key.Name, err)
		}
		part(fmt.Appendf(nil, "%T", input)) // 1 and 1.0 are two inputs, as far as Go can tell them apart
		part(data)
	}
	name, err := json.Marshal(key.Name)
	return header{string(name), hex.EncodeToString(hash.Sum(nil))}, err
}

// canonical is a value as JSON with the names of its parts in order, so that the same settings are the same bytes whether they come
// as a struct's fields or as a file's.
func canonical(input any) ([]byte, error) {
	data, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

func (h header) file() string { return h.key[:32] + ending }

// whole is a file with the result data.
func (h header) whole(data []byte) []byte {
	sum := sha256.Sum256(data)
	var b strings.Builder
	fmt.Fprintf(&b, "glimpse memo 1: %s, %d bytes, key %s, sha256 %x\n", h.name, len(data), h.key, sum)
	return append([]byte(b.String()), data...)
}
