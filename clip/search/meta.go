package search

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/shell"
)

// MetaFile is the file that makes a folder an index.
const MetaFile = "meta.json"

const (
	metaFormat  = "glimpse index"
	metaVersion = 1

	maxDims = 1 << 16
	maxRows = 1 << 32
)

// DType is the type of the numbers in an index.
type DType string

// The types that an index can hold. Float16 takes half the room and half the time, and moves a cosine by less than 0.001.
const (
	Float16 DType = "float16"
	Float32 DType = "float32"
)

// Size is the number of bytes of a number, 0 for a type that an index cannot hold.
func (d DType) Size() int {
	switch d {
	case Float16:
		return 2
	case Float32:
		return 4
	}
	return 0
}

// Meta says what an index holds.
type Meta struct {
	Format     string `json:"format"`
	Version    int    `json:"version"`
	Generation int    `json:"generation"` // counts the states of an index
	Model      string `json:"model"`      // the folder that the model was loaded from
	Identity   string `json:"identity"`   // what tells the model from every other: see [Encoder]
	Pictures   string `json:"pictures"`   // the folder that was indexed
	Dims       int    `json:"dims"`
	DType      DType  `json:"dtype"`
	Rows       int    `json:"rows"`
	Bad        int    `json:"bad"` // files that could not be read as pictures
	Vectors    part   `json:"vectors"`
	Files      part   `json:"files"`
	Checksum   string `json:"checksum"` // CRC-32C of this object with an empty checksum
}

// part is a file of an index, with the CRC-32C of every chunk of it.
type part struct {
	File   string   `json:"file"`
	Bytes  int64    `json:"bytes"`
	Chunks []string `json:"crc32c"`
}

// chunkSize is the number of bytes that one checksum is for.
const chunkSize = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(data, castagnoli)) }

// encode is the content of meta.json.
func (m Meta) encode() ([]byte, error) {
	m.Format, m.Version, m.Checksum = metaFormat, metaVersion, ""
	bare, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	m.Checksum = checksum(bare)
	out, err := json.MarshalIndent(m, "", "  ")
	return append(out, '\n'), err
}

// readMeta reads the meta.json of the index in dir.
func readMeta(dir string) (Meta, error) {
	path := filepath.Join(dir, MetaFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Meta{}, notAnIndex(dir, err)
	}
	m, err := parseMeta(data)
	if err != nil {
		return Meta{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// notAnIndex says what is in dir instead of an index, given why its meta.json cannot be read.
func notAnIndex(dir string, err error) error {
	info, statErr := os.Stat(dir)
	switch _, partErr := os.Stat(workFolder(dir)); {
	case os.IsNotExist(statErr) && partErr == nil:
		return fmt.Errorf("expected an index at %s, found one that is not finished; give the command that began it again, it goes on where it was stopped", dir)
	case os.IsNotExist(statErr):
		return fmt.Errorf("expected an index at %s, found nothing there; `glimpse index PICTURES --model DIR --out %s` makes one", dir, shell.Quote(dir))
	case statErr == nil && !info.IsDir():
		return fmt.Errorf("expected the folder of an index at %s, found a file", dir)
	case os.IsNotExist(err):
		return fmt.Errorf("expected an index at %s, found a folder without %s; `glimpse index PICTURES --model DIR --out INDEX` makes one", dir, MetaFile)
	}
	return fmt.Errorf("cannot read the index at %s: %w", dir, err)
}

// parseMeta reads and checks the content of a meta.json.
func parseMeta(data []byte) (Meta, error) {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Format != metaFormat {
		return Meta{}, fmt.Errorf("expected what an index holds as JSON, with the format %q, found something else; is this an index?", metaFormat)
	}
	if head.Version > metaVersion {
		return Meta{}, fmt.Errorf("expected an index of version %d, found version %d, which a newer glimpse has written; take that one, or index anew", metaVersion, head.Version)
	}
	var m Meta
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return Meta{}, damaged("%s", err)
	}
	bare := m
	bare.Checksum = ""
	again, err := json.Marshal(bare)
	if err != nil {
		return Meta{}, err
	}
	if want := checksum(again); m.Checksum != want {
		return Meta{}, damaged("its checksum is %s and not %q", want, m.Checksum)
	}
	return m, m.check()
}

// check finds numbers that cannot be, before anything is believed that follows from them.
func (m Meta) check() error {
	switch {
	case m.Version != metaVersion:
		return damaged("the version is %d", m.Version)
	case m.DType.Size() == 0:
		return damaged("the type of numbers is %q", m.DType)
	case m.Dims < 1 || m.Dims > maxDims:
		return damaged("the vectors have %d numbers", m.Dims)
	case m.Rows < 0 || m.Rows > maxRows || m.Bad < 0 || m.Bad > maxRows || m.Generation < 0:
		return damaged("there are %d rows and %d bad files of generation %d", m.Rows, m.Bad, m.Generation)
	case m.Vectors.Bytes != int64(m.Rows)*int64(m.Dims*m.DType.Size()):
		return damaged("%d rows have %d bytes", m.Rows, m.Vectors.Bytes)
	}
	for _, p := range []part{m.Vectors, m.Files} {
		if p.File != filepath.Base(p.File) || strings.ContainsAny(p.File, `/\`) || p.File == "." || p.File == ".." {
			return damaged("a file of it is called %q", p.File)
		}
		if p.Bytes < 0 || int64(len(p.Chunks)) != (p.Bytes+chunkSize-1)/chunkSize {
			return damaged("%s has %d bytes and %d checksums", p.File, p.Bytes, len(p.Chunks))
		}
	}
	return nil
}

// damaged is the sentence for bytes that are not as they were written.
func damaged(format string, args ...any) error {
	return fmt.Errorf("expected an index as it was written, found a damaged one: %s; delete it and index again", fmt.Sprintf(format, args...))
}

// workFolder is where an index that is being made or brought up to date keeps what is done so far: beside it, so that one
// rename gives the whole its name.
func workFolder(dir string) string {
	dir = filepath.Clean(dir)
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".part")
}
