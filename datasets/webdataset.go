package datasets

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// maxText bounds the .txt, .json and .cls members, which are read into memory when the shards are scanned.
const maxText = 1 << 20

// WebDataset opens tar shards in the webdataset layout: members that share a name up to its first dot make one
// example. KEY.jpg, .jpeg, .png, .webp, .gif or .bmp is the picture, KEY.txt its captions (one a line), KEY.json its
// attributes (and its caption, when there is no .txt and it has a key "caption"), KEY.cls its label.
//
// The shards' headers are scanned once; pictures are read later, by their offset, in any order. A shard that
// is cut is an error that names the offset; an example without a picture or without any text is a Problem. A key that
// occurs in two shards gets the shard's name before it.
func WebDataset(name string, shards []string) (Dataset, error) {
	if len(shards) == 0 {
		return nil, fmt.Errorf("%s: expected at least one tar shard, found none", name)
	}
	d := &webDataset{owner: map[string]int{}}
	for _, shard := range shards {
		if err := d.scan(shard); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	entries := d.whole()
	if len(entries) == 0 {
		return nil, nothingLeft(name, strings.Join(shards, ", "), d.problems)
	}
	examples := make([]Example, len(entries))
	for i, e := range entries {
		id := e.key
		if d.owner[id] > 1 {
			id = strings.TrimSuffix(filepath.Base(e.shard), ".tar") + ":" + id
		}
		examples[i] = Example{ID: id, Captions: e.captions, Label: e.label, Attributes: e.attributes, Open: e.open}
	}
	return newList(name, examples, d.problems, func(i int) int64 { return entries[i].size }), nil
}

// Shards lists the tar shards of a split in a folder, SPLIT-*.tar or SPLIT.tar, in the order of their names.
func Shards(dir, split string) ([]string, error) {
	names, err := filesIn(dir)
	if err != nil {
		return nil, fmt.Errorf("expected a folder of tar shards: %w", err)
	}
	var shards, others []string
	for _, name := range sortedKeys(names) {
		prefix, isTar := strings.CutSuffix(name, ".tar")
		switch {
		case !isTar:
		case prefix == split, strings.HasPrefix(prefix, split+"-"):
			shards = append(shards, filepath.Join(dir, name))
		default:
			others = append(others, name)
		}
	}
	if len(shards) == 0 {
		return nil, fmt.Errorf("expected shards named %s-*.tar in %s, found %s", split, dir, orNone(others))
	}
	return shards, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no tar file"
	}
	return strings.Join(names, ", ")
}

// webDataset is the state of the scan.
type webDataset struct {
	entries  []*webEntry
	owner    map[string]int // how many shards have a key
	problems []Problem
}

// webEntry is one example: its texts, and where its picture lies.
type webEntry struct {
	shard, key, member string
	offset, size       int64 // of the picture's bytes in the shard
	captions           []string
	label              string
	attributes         map[string]string
	text               bool // has any text member
}

func (e *webEntry) open() (image.Image, error) {
	name := e.shard + " member " + e.member
	if e.size > picture.MaxBytes {
		return nil, fmt.Errorf("%s: expected a picture of at most %d bytes, found %d; it was not read", name, picture.MaxBytes, e.size)
	}
	f, err := os.Open(e.shard)
	if err != nil {
		return nil, fmt.Errorf("%s: expected the shard that was there when the data set was opened: %w", name, err)
	}
	defer f.Close()
	data := make([]byte, e.size)
	if _, err := f.ReadAt(data, e.offset); err != nil {
		return nil, fmt.Errorf("%s: expected %d bytes at offset %d of the shard, found fewer; it has changed since it was opened: %w", name, e.size, e.offset, err)
	}
	return picture.Decode(name, data, picture.Limits{})
}

// scan reads one shard's headers and texts.
func (d *webDataset) scan(shard string) error {
	f, err := os.Open(shard)
	if err != nil {
		return fmt.Errorf("expected a tar shard: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", shard, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("expected a tar shard, found that %s is a folder or a special file", shard)
	}
	keys := map[string]*webEntry{}
	r := tar.NewReader(f) // reads headers block by block, so that the file's offset after Next is the content's
	next := int64(0)      // where the next header is expected
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return brokenShard(shard, next, info.Size(), err)
		}
		offset, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", shard, err)
		}
		next = offset + (header.Size+511)&^511
		if header.Typeflag != tar.TypeReg {
			if header.Typeflag != tar.TypeDir {
				d.problem(shard, header.Name, "expected a plain file, found a link or a special file; it is left out")
			}
			continue
		}
		if offset+header.Size > info.Size() {
			return fmt.Errorf("%s is cut: expected %d bytes of %s at offset %d, found %d up to the end of the file; get the shard again",
				shard, header.Size, header.Name, offset, info.Size()-offset)
		}
		if err := d.member(shard, keys, header, offset, r); err != nil {
			return err
		}
	}
	if !endsWithMark(f, info.Size()) {
		d.problem(shard, fmt.Sprintf("offset %d", next), "expected the archive's end mark, found the end of the file; the shard may have been cut between two members")
	}
	for key := range keys {
		d.owner[key]++
	}
	return nil
}

func (d *webDataset) problem(shard, where, what string) {
	d.problems = append(d.problems, Problem{filepath.Base(shard) + " " + where, what})
}

// brokenShard tells a cut shard, a compressed one and a damaged header apart.
func brokenShard(shard string, offset, size int64, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s is cut: expected more after offset %d, found the end of the file at %d; get the shard again", shard, offset, size)
	case offset == 0:
		return fmt.Errorf("%s: expected an uncompressed tar archive, found something else (unpack a .tar.gz to a .tar first: pictures are read by offset): %w", shard, err)
	}
	return fmt.Errorf("%s is corrupt: expected a tar header after offset %d, found: %w; get the shard again", shard, offset, err)
}

// endsWithMark says whether the last block of a tar file is zero, as every writer that came to its end leaves it.
func endsWithMark(f *os.File, size int64) bool {
	var block [512]byte
	if size < int64(len(block)) {
		return false
	}
	if _, err := f.ReadAt(block[:], size-int64(len(block))); err != nil {
		return false
	}
	return block == [512]byte{}
}

// member files one member under its key.
func (d *webDataset) member(shard string, keys map[string]*webEntry, header *tar.Header, offset int64, r io.Reader) error {
	base := path.Base(header.Name)
	key, ext, dotted := strings.Cut(base, ".")
	if key == "" { // .DS_Store and the like
		return nil
	}
	if !dotted {
		d.problem(shard, header.Name, "expected a name such as KEY.jpg or KEY.txt, found no ending; it is left out")
		return nil
	}
	if folder := path.Dir(header.Name); folder != "." {
		key = strings.TrimPrefix(folder, "./") + "/" + key
	}
	e := keys[key]
	if e == nil {
		e = &webEntry{shard: shard, key: key}
		keys[key] = e
		d.entries = append(d.entries, e)
	}
	ext = strings.ToLower(ext)
	switch {
	case picture.IsPictureName("x." + ext):
		if e.member != "" {
			d.problem(shard, header.Name, fmt.Sprintf("expected one picture for %s, found a second beside %s; the second is left out", key, e.member))
			return nil
		}
		e.member, e.offset, e.size = header.Name, offset, header.Size
	case ext == "txt", ext == "json", ext == "cls":
		if header.Size > maxText {
			d.problem(shard, header.Name, fmt.Sprintf("expected a text of at most %d bytes, found %d; it is left out", maxText, header.Size))
			return nil
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return brokenShard(shard, offset, offset+int64(len(data)), err)
		}
		if problem := e.addText(ext, data); problem != "" {
			d.problem(shard, header.Name, problem)
		}
	default:
		d.problem(shard, header.Name, fmt.Sprintf("expected a picture, .txt, .json or .cls, found the ending .%s; it is left out", ext))
	}
	return nil
}

// addText takes in a text member and says what is wrong with it, if anything.
func (e *webEntry) addText(ext string, data []byte) (problem string) {
	switch ext {
	case "cls":
		e.label = strings.TrimSpace(string(data))
		e.text = true
	case "txt":
		e.captions = captionLines(data)
		if len(e.captions) == 0 {
			return "expected a caption, found an empty text"
		}
		e.text = true
	case "json":
		attributes, err := scalarAttributes(data)
		if err != nil {
			return fmt.Sprintf("expected a JSON object, found: %v; it is left out", err)
		}
		e.attributes = attributes
		e.text = true
	}
	return ""
}

// whole lists the examples that have a picture and a text, and notes the others as problems.
func (d *webDataset) whole() []*webEntry {
	var entries []*webEntry
	for _, e := range d.entries {
		switch {
		case e.member == "":
			d.problem(e.shard, e.key, "expected a picture beside this example's text, found none; the example is left out")
		case !e.text:
			d.problem(e.shard, e.key, "expected a .txt, .json or .cls beside this picture, found none; the example is left out")
		default:
			if len(e.captions) == 0 && e.attributes["caption"] != "" {
				e.captions = []string{e.attributes["caption"]}
			}
			entries = append(entries, e)
		}
	}
	return entries
}

// captionLines is the captions of a text file, one a line.
func captionLines(data []byte) []string {
	var captions []string
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		if line = strings.TrimSpace(line); line != "" {
			captions = append(captions, line)
		}
	}
	return captions
}

// scalarAttributes takes the strings, numbers and truth values of a JSON object; empty strings and nested values are
// no attributes.
func scalarAttributes(data []byte) (map[string]string, error) {
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	attributes := make(map[string]string, len(fields))
	for key, value := range fields {
		switch v := value.(type) {
		case string:
			if v != "" { // a fact that is not known
				attributes[key] = v
			}
		case float64:
			attributes[key] = strconv.FormatFloat(v, 'g', -1, 64)
		case bool:
			attributes[key] = strconv.FormatBool(v)
		}
	}
	return attributes, nil
}
