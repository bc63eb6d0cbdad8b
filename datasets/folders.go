package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// Folders opens labelled pictures laid out as one folder per class, DIR/CLASS/*.jpg (or another format), as
// torchvision's ImageFolder does: classes and pictures in the order of their names, ID = CLASS/NAME, Label =
// CLASS. Files that are no pictures by their ending and classes without pictures are among its Problems.
func Folders(dir string) (Dataset, error) {
	classes, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("expected a folder with one folder per class: %w", err)
	}
	var examples []Example
	var problems []Problem
	for _, class := range classes {
		name := class.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if !isFolder(filepath.Join(dir, name)) {
			problems = append(problems, Problem{name, "expected folders named after classes, found a file; it is left out"})
			continue
		}
		files, more, err := picturesIn(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for _, p := range more {
			problems = append(problems, Problem{name + "/" + p.Where, p.What})
		}
		if len(files) == 0 {
			problems = append(problems, Problem{name, "expected pictures of this class, found none"})
		}
		for _, file := range files {
			examples = append(examples, Example{ID: name + "/" + file, Label: name, Open: openFile(filepath.Join(dir, name, file))})
		}
	}
	if len(examples) == 0 {
		return nil, nothingLeft("labelled pictures", dir, problems)
	}
	return newList(shortName(dir), examples, problems, func(i int) int64 {
		return fileSize(filepath.Join(dir, filepath.FromSlash(examples[i].ID)))
	}), nil
}

// Pictures opens a folder of pictures without any text, in the order of their names: what is searched or captioned.
func Pictures(dir string) (Dataset, error) {
	files, problems, err := picturesIn(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, nothingLeft("pictures", dir, problems)
	}
	examples := make([]Example, len(files))
	for i, file := range files {
		examples[i] = Example{ID: file, Open: openFile(filepath.Join(dir, file))}
	}
	return newList(shortName(dir), examples, problems, func(i int) int64 { return fileSize(filepath.Join(dir, files[i])) }), nil
}

// Captioned opens a folder of pictures with their captions beside them: NAME.txt, one caption a line, for
// NAME.jpg. A picture without captions and a text without its picture are among its Problems.
func Captioned(dir string) (Dataset, error) {
	files, others, err := picturesIn(dir)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	texts := map[string]bool{}
	for _, p := range others {
		if strings.HasSuffix(p.Where, ".txt") {
			texts[strings.TrimSuffix(p.Where, ".txt")] = true
		} else {
			problems = append(problems, p)
		}
	}
	var examples []Example
	for _, file := range files {
		stem := strings.TrimSuffix(file, filepath.Ext(file))
		delete(texts, stem)
		data, err := os.ReadFile(filepath.Join(dir, stem+".txt"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot read the captions of %s: %w", file, err)
		}
		captions := captionLines(data)
		if len(captions) == 0 {
			problems = append(problems, Problem{file, fmt.Sprintf("expected captions in %s.txt, found none; the picture is left out", stem)})
			continue
		}
		examples = append(examples, Example{ID: file, Captions: captions, Open: openFile(filepath.Join(dir, file))})
	}
	for _, stem := range sortedKeys(texts) {
		problems = append(problems, Problem{stem + ".txt", "expected a picture of this name beside the captions, found none; they are left out"})
	}
	if len(examples) == 0 {
		return nil, nothingLeft("captioned pictures", dir, problems)
	}
	return newList(shortName(dir), examples, problems, func(i int) int64 { return fileSize(filepath.Join(dir, examples[i].ID)) }), nil
}

// picturesIn lists the pictures in a folder by their ending, and what else is there as problems.
func picturesIn(dir string) (files []string, others []Problem, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("expected a folder of pictures: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."):
		case isFolder(filepath.Join(dir, name)):
			others = append(others, Problem{name, "expected pictures, found a folder; it is left out"})
		case picture.IsPictureName(name):
			files = append(files, name)
		default:
			others = append(others, Problem{name, "expected a picture (.jpg, .png, .gif, .webp, .bmp), found another ending; it is left out"})
		}
	}
	return files, others, nil
}

// isFolder follows links, because data sets often lie on another disk.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// shortName names a data set after its folder and the folder above: cifar10/test.
func shortName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(dir)), filepath.Base(dir)))
}
