package datasets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Karpathy opens a split ("train", "val" or "dev", "test") of COCO, Flickr8k or Flickr30k as Karpathy and Fei-Fei 2015 ("Deep
// Visual-Semantic Alignments for Generating Image Descriptions") divided them, from their file dataset_coco.json,
// dataset_flickr8k.json or dataset_flickr30k.json in the folder dir. Papers on captioning report figures on these splits.
//
// Pictures are looked for where their publishers put them: COCO's in the folder that the file names (train2014, val2014), those
// of Flickr in Flicker8k_Dataset or Flickr8k_Dataset, flickr30k-images or flickr30k_images, Images or images, or dir itself.
// COCO has a fourth split, restval: the pictures of val2014 that are in neither val nor test. They belong to train, as is usual;
// the split "restval" is these alone.
//
// Captions are the raw sentences. COCO's numbers are attributes ([ImageID]). Pictures that are not there, that have no sentences,
// an unknown split or a name of another folder, and sentences without text are among its Problems.
func Karpathy(dir, split string) (Dataset, error) {
	path, err := karpathyFile(dir)
	if err != nil {
		return nil, err
	}
	file, err := readKarpathy(path)
	if err != nil {
		return nil, err
	}
	wanted, ok := map[string][]string{"train": {"train", "restval"}, "val": {"val"}, "dev": {"val"}, "test": {"test"}, "restval": {"restval"}}[split]
	if !ok {
		return nil, unknownSplit(file.Dataset, split, "train", "val", "test", "restval")
	}
	name := fmt.Sprintf("%s/karpathy-%s", file.Dataset, wanted[0])
	r := karpathyReader{dir: dir, folders: map[string]map[string]bool{}, seen: map[string]bool{}}
	for i, image := range file.Images {
		if err := r.read(i, image, wanted); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(r.examples) == 0 {
		return nil, nothingLeft(name, dir, r.problems)
	}
	return newList(name, r.examples, r.problems, func(i int) int64 { return fileSize(r.paths[i]) }), nil
}

// karpathySplits are the splits that pictures may have.
var karpathySplits = []string{"train", "restval", "val", "test"}

type karpathyImage struct {
	FilePath  string `json:"filepath"` // of COCO alone: the folder
	FileName  string `json:"filename"`
	Split     string `json:"split"`
	COCOID    *int64 `json:"cocoid"`
	Sentences []struct {
		Raw string `json:"raw"`
	} `json:"sentences"`
}

type karpathyDataset struct {
	Dataset string          `json:"dataset"` // coco, flickr8k or flickr30k
	Images  []karpathyImage `json:"images"`
}

// karpathyFile finds the one file dataset_*.json.
func karpathyFile(dir string) (string, error) {
	names, err := filesIn(dir)
	if err != nil {
		return "", fmt.Errorf("expected a folder with a data set: %w", err)
	}
	var found []string
	for _, name := range sortedKeys(names) {
		if IsKarpathyFile(name) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("expected one file dataset_*.json of Karpathy's splits in %s, found %d%s", dir, len(found), inBrackets(found))
	}
	return filepath.Join(dir, found[0]), nil
}

func inBrackets(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// IsKarpathyFile knows the files of Karpathy's splits by the names under which they were published.
func IsKarpathyFile(name string) bool {
	return name == "dataset_coco.json" || name == "dataset_flickr8k.json" || name == "dataset_flickr30k.json"
}

func readKarpathy(path string) (*karpathyDataset, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("expected Karpathy's splits: %w", err)
	}
	file := &karpathyDataset{}
	if err := json.Unmarshal(data, file); err != nil {
		return nil, fmt.Errorf("%s: expected Karpathy's JSON with dataset and images, found: %w", path, err)
	}
	if file.Dataset == "" { // the file's name says it too
		file.Dataset = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "dataset_"), ".json")
	}
	if len(file.Images) == 0 {
		return nil, fmt.Errorf("%s: expected Karpathy's JSON with a list of images, found none", path)
	}
	return file, nil
}

// karpathyReader makes examples of the images of a split.
type karpathyReader struct {
	dir      string
	folders  map[string]map[string]bool // names of the files in folders that were looked into
	seen     map[string]bool
	examples []Example
	paths    []string
	problems []Problem
}

func (r *karpathyReader) read(i int, image karpathyImage, wanted []string) error {
	problem := func(format string, args ...any) {
		where := image.FileName
		if where == "" {
			where = fmt.Sprintf("image %d", i)
		}
		r.problems = append(r.problems, Problem{where, fmt.Sprintf(format, args...) + "; the picture is left out"})
	}
	switch {
	case !slices.Contains(karpathySplits, image.Split):
		problem("expected its split to be one of %s, found %q", strings.Join(karpathySplits, ", "), image.Split)
		return nil
	case !slices.Contains(wanted, image.Split):
		return nil
	case image.FileName == "" || image.FileName != filepath.Base(image.FileName) || image.FilePath != "" && !filepath.IsLocal(image.FilePath):
		problem("expected the name of a file in the data set's folder, found filepath %q and filename %q", image.FilePath, image.FileName)
		return nil
	}
	id := filepath.ToSlash(filepath.Join(image.FilePath, image.FileName))
	path, err := r.find(image)
	captions := r.captions(image)
	switch {
	case err != nil:
		return err
	case r.seen[id]:
		problem("expected each picture once, found %s again", id)
	case path == "":
		problem("expected this picture, which the file lists in the split %s, found none", image.Split)
	case len(captions) == 0:
		problem("expected sentences about this picture, found none")
	default:
		example := Example{ID: image.FileName, Captions: captions, Open: openFile(path)}
		if image.COCOID != nil {
			example.Attributes = map[string]string{ImageID: strconv.FormatInt(*image.COCOID, 10)}
		}
		r.examples, r.paths = append(r.examples, example), append(r.paths, path)
	}
	r.seen[id] = true
	return nil
}

// captions are the sentences with something in them.
func (r *karpathyReader) captions(image karpathyImage) (captions []string) {
	for k, sentence := range image.Sentences {
		text := strings.TrimSpace(sentence.Raw)
		if text == "" {
			r.problems = append(r.problems, Problem{image.FileName, fmt.Sprintf("expected words in its sentence %d, found none; the sentence is left out", k)})
			continue
		}
		captions = append(captions, text)
	}
	return captions
}

// flickrFolders are where the pictures of Flickr8k and Flickr30k lie: as published, as others pack them, or beside the file.
var flickrFolders = []string{"Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images", "flickr30k_images", "Images", "images", "."}

// find is the path of a picture, "" when it is not there.
func (r *karpathyReader) find(image karpathyImage) (string, error) {
	folders := flickrFolders
	if image.FilePath != "" {
		folders = []string{image.FilePath}
	}
	for _, folder := range folders {
		names, known := r.folders[folder]
		if !known {
			var err error
			if names, err = filesIn(filepath.Join(r.dir, folder)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("expected a folder of pictures: %w", err)
			}
			r.folders[folder] = names
		}
		if names[image.FileName] {
			return filepath.Join(r.dir, folder, image.FileName), nil
		}
	}
	return "", nil
}
