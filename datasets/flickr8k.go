package datasets

import (
	"bufio"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// Flickr8k opens a split ("train", "dev" or "val", "test") of Flickr8k (Hodosh, Young and Hockenmaier 2013) in the
// layout its authors published: Flicker8k_Dataset/*.jpg, Flickr8k_text/Flickr8k.token.txt with lines
// NAME#0<TAB>caption, and Flickr8k_text/Flickr_8k.{train,dev,test}Images.txt with one name a line. Captions are
// in the order of their numbers; they are tokenised and in their original case. Listed pictures that are not
// there or have no caption, and captions of pictures that are not there, are among its Problems.
func Flickr8k(dir, split string) (Dataset, error) {
	file, ok := map[string]string{"train": "train", "dev": "dev", "val": "dev", "test": "test"}[split]
	if !ok {
		return nil, unknownSplit("Flickr8k", split, "train", "dev", "test")
	}
	pictures, err := filesIn(filepath.Join(dir, "Flicker8k_Dataset"))
	if err != nil {
		return nil, fmt.Errorf("Flickr8k: expected the photographs in a folder Flicker8k_Dataset: %w", err)
	}
	captions, problems, err := flickrCaptions(filepath.Join(dir, "Flickr8k_text", "Flickr8k.token.txt"))
	if err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(captions) {
		if !pictures[name] {
			problems = append(problems, Problem{name, "expected this picture, which has captions, in Flicker8k_Dataset, found none; its captions are left out"})
		}
	}
	listing := "Flickr_8k." + file + "Images.txt"
	lines, err := readLines(filepath.Join(dir, "Flickr8k_text", listing))
	if err != nil {
		return nil, fmt.Errorf("Flickr8k: expected the names of the split's pictures: %w", err)
	}
	var examples []Example
	seen := map[string]bool{}
	for i, name := range lines {
		where := fmt.Sprintf("%s line %d", listing, i+1)
		switch name = strings.TrimSpace(name); {
		case name == "":
		case seen[name]:
			problems = append(problems, Problem{where, fmt.Sprintf("expected each picture once, found %s again; the second is left out", name)})
		case !pictures[name]:
			problems = append(problems, Problem{where, fmt.Sprintf("expected %s in Flicker8k_Dataset, found none; the picture is left out", name)})
		case len(captions[name]) == 0:
			problems = append(problems, Problem{where, fmt.Sprintf("expected captions of %s in Flickr8k.token.txt, found none; the picture is left out", name)})
		default:
			path := filepath.Join(dir, "Flicker8k_Dataset", name)
			examples = append(examples, Example{ID: name, Captions: captions[name], Open: openFile(path)})
		}
		seen[name] = true
	}
	if len(examples) == 0 {
		return nil, nothingLeft("Flickr8k/"+file, dir, problems)
	}
	return newList("flickr8k/"+file, examples, problems, func(i int) int64 {
		return fileSize(filepath.Join(dir, "Flicker8k_Dataset", examples[i].ID))
	}), nil
}

// flickrCaptions reads Flickr8k.token.txt.
func flickrCaptions(path string) (map[string][]string, []Problem, error) {
	lines, err := readLines(path)
	if err != nil {
		return nil, nil, fmt.Errorf("Flickr8k: expected the captions: %w", err)
	}
	type numbered struct {
		number int
		text   string
	}
	found := map[string][]numbered{}
	var problems []Problem
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, text, tab := strings.Cut(line, "\t")
		hash := strings.LastIndexByte(key, '#')
		number, err := strconv.Atoi(key[hash+1:])
		text = strings.TrimSpace(text)
		if !tab || hash < 1 || err != nil || text == "" {
			problems = append(problems, Problem{fmt.Sprintf("%s line %d", filepath.Base(path), i+1),
				fmt.Sprintf("expected NAME#NUMBER, a tab and a caption, found %q; the line is left out", shorten(line))})
			continue
		}
		found[key[:hash]] = append(found[key[:hash]], numbered{number, text})
	}
	captions := make(map[string][]string, len(found))
	for name, list := range found {
		slices.SortStableFunc(list, func(a, b numbered) int { return a.number - b.number })
		for _, c := range list {
			captions[name] = append(captions[name], c.text)
		}
	}
	return captions, problems, nil
}

// openFile makes an Example's Open for a picture in a file of its own.
func openFile(path string) func() (image.Image, error) {
	return func() (image.Image, error) { return picture.DecodeFile(path, picture.Limits{}) }
}

// filesIn is the set of names in a folder.
func filesIn(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names, nil
}

// readLines reads a text file, without line ends of either kind and without a byte order mark.
func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, strings.TrimSuffix(scanner.Text(), "\r"))
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("%s line %d: %w", path, len(lines)+1, err)
	}
	if len(lines) > 0 {
		lines[0] = strings.TrimPrefix(lines[0], "\ufeff")
	}
	return lines, nil
}
