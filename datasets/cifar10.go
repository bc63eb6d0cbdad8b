package datasets

import (
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// A record of CIFAR-10's binary version: one byte of label, then 32x32 red, green and blue values, each plane row
// by row (https://www.cs.toronto.edu/~kriz/cifar.html).
const (
	cifarSide   = 32
	cifarPixels = cifarSide * cifarSide
	cifarRecord = 1 + 3*cifarPixels
)

// CIFAR10Binary opens a split ("train" or "test") of CIFAR-10 (Krizhevsky 2009) in its published binary version:
// data_batch_{1..5}.bin, test_batch.bin and batches.meta.txt with the names of the ten classes, in dir or in
// dir/cifar-10-batches-bin. ID = FILE:RECORD, Label = the class.
func CIFAR10Binary(dir, split string) (Dataset, error) {
	var files []string
	switch split {
	case "train":
		for i := range 5 {
			files = append(files, fmt.Sprintf("data_batch_%d.bin", i+1))
		}
	case "test":
		files = []string{"test_batch.bin"}
	default:
		return nil, unknownSplit("CIFAR-10", split, "train", "test")
	}
	if sub := filepath.Join(dir, "cifar-10-batches-bin"); isFolder(sub) {
		dir = sub
	}
	names, err := readLines(filepath.Join(dir, "batches.meta.txt"))
	if err != nil {
		return nil, fmt.Errorf("CIFAR-10: expected the names of the classes: %w", err)
	}
	var classes []string
	for _, name := range names {
		if name = strings.TrimSpace(name); name != "" {
			classes = append(classes, name)
		}
	}
	var examples []Example
	var problems []Problem
	for _, file := range files {
		more, bad, err := cifarFile(filepath.Join(dir, file), classes)
		if err != nil {
			return nil, err
		}
		examples, problems = append(examples, more...), append(problems, bad...)
	}
	if len(examples) == 0 {
		return nil, nothingLeft("cifar10/"+split, dir, problems)
	}
	return newList("cifar10/"+split, examples, problems, func(int) int64 { return cifarRecord }), nil
}

// cifarFile lists the records of one file. Only their labels are read.
func cifarFile(path string, classes []string) (examples []Example, problems []Problem, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("CIFAR-10: expected a file of records: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("CIFAR-10: cannot read %s: %w", path, err)
	}
	if rest := info.Size() % cifarRecord; rest != 0 || info.Size() == 0 {
		return nil, nil, fmt.Errorf("CIFAR-10: expected %s to be whole records of %d bytes, found %d bytes; the file is cut at record %d, get it again",
			path, cifarRecord, info.Size(), info.Size()/cifarRecord)
	}
	label := make([]byte, 1)
	for i := range info.Size() / cifarRecord {
		if _, err := f.ReadAt(label, i*cifarRecord); err != nil {
			return nil, nil, fmt.Errorf("CIFAR-10: cannot read record %d of %s: %w", i, path, err)
		}
		id := fmt.Sprintf("%s:%d", filepath.Base(path), i)
		if int(label[0]) >= len(classes) {
			problems = append(problems, Problem{id, fmt.Sprintf("expected a label below %d, found %d; the record is left out", len(classes), label[0])})
			continue
		}
		examples = append(examples, Example{ID: id, Label: classes[label[0]], Open: func() (image.Image, error) {
			return cifarPicture(path, i)
		}})
	}
	return examples, problems, nil
}

func cifarPicture(path string, record int64) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("expected CIFAR-10's records, found: %w", err)
	}
	defer f.Close()
	planes := make([]byte, 3*cifarPixels)
	if _, err := f.ReadAt(planes, record*cifarRecord+1); err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s record %d: cannot read the picture: %w", path, record, err)
	} else if err == io.EOF {
		return nil, fmt.Errorf("%s record %d: expected %d bytes, found the end of the file; it has changed since it was opened", path, record, len(planes))
	}
	p := picture.NewRGB(cifarSide, cifarSide)
	for i := range cifarPixels {
		p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2] = planes[i], planes[cifarPixels+i], planes[2*cifarPixels+i]
	}
	return p, nil
}
