package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// part is a download in the making: DEST.part holds the bytes, DEST.part.json what they belong to.
type part struct {
	path  string
	size  int64 // bytes on disk
	total int64 // of the whole file, -1 while it is not known
	origin
}

// origin identifies the content that a part is the beginning of.
type origin struct {
	URL       string `json:"url"`
	SHA256    string `json:"sha256,omitempty"`
	Blob      string `json:"blob,omitempty"`
	Validator string `json:"validator,omitempty"` // strong ETag, or Last-Modified, for If-Range
}

// loadPart takes up an earlier download of the same source; anything else in its place is overwritten.
func loadPart(dest string, src Source) *part {
	p := &part{path: dest + ".part", total: -1, origin: origin{URL: src.URL, SHA256: src.SHA256, Blob: src.Blob}}
	if src.Size > 0 {
		p.total = src.Size
	}
	data, err := os.ReadFile(p.path + ".json")
	if err != nil {
		return p
	}
	var old origin
	info, statErr := os.Stat(p.path)
	if json.Unmarshal(data, &old) != nil || statErr != nil || old.URL != src.URL || old.SHA256 != src.SHA256 || old.Blob != src.Blob {
		return p
	}
	p.Validator = old.Validator
	if p.resumable() && (src.Size == 0 || info.Size() <= src.Size) {
		p.size = info.Size()
	}
	return p
}

// resumable says whether more bytes can be added without mixing two versions of the file: the server is told which
// one we have, or the sum shows it in the end.
func (p *part) resumable() bool { return p.Validator != "" || p.SHA256 != "" || p.Blob != "" }

// begin starts over, with the identity that the server's answer gives.
func (p *part) begin(header http.Header) error {
	p.size = 0
	p.Validator = validator(header)
	data, err := json.Marshal(p.origin)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.path, nil, 0o644); err != nil {
		return err
	}
	return os.WriteFile(p.path+".json", data, 0o644)
}

func validator(header http.Header) string {
	if tag := header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return header.Get("Last-Modified")
}

// open gives the file to append to.
func (p *part) open() (*os.File, error) {
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err = f.Truncate(p.size); err == nil {
		_, err = f.Seek(p.size, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (p *part) discard() {
	os.Remove(p.path)
	os.Remove(p.path + ".json")
	p.size, p.Validator = 0, ""
}

// commit makes the bytes durable and gives them their final name.
func (p *part) commit(dest string) error {
	f, err := os.OpenFile(p.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write %s to disk: %w", p.path, err)
	}
	if err := os.Rename(p.path, dest); err != nil {
		return err
	}
	os.Remove(p.path + ".json")
	if dir, err := os.Open(filepath.Dir(dest)); err == nil {
		_ = dir.Sync() // not every file system can; the rename has happened
		dir.Close()
	}
	return nil
}
