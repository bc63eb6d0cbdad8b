package datasets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// CacheDir is the user's own folder of data sets, into which data is downloaded unless GLIMPSE_DATA names another.
func CacheDir() (string, error) {
	if dirs := filepath.SplitList(os.Getenv("GLIMPSE_DATA")); len(dirs) > 0 {
		return dirs[0], nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("expected a cache folder of yours to keep data sets in, found none (%w); set GLIMPSE_DATA to a folder", err)
	}
	return filepath.Join(cache, "glimpse", "data"), nil
}

// SearchPath lists the folders in which Find looks for data sets, in order: those that GLIMPSE_DATA names, the folder
// shared/data beside the checkout (found from the current folder and from where the program lies), and the
// user's cache folder.
func SearchPath() []string {
	dirs := filepath.SplitList(os.Getenv("GLIMPSE_DATA"))
	if cwd, err := os.Getwd(); err == nil {
		dirs = append(dirs, besideCheckout(cwd), filepath.Join(cwd, "..", "shared", "data"))
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dirs = append(dirs, besideCheckout(filepath.Dir(exe)), filepath.Join(filepath.Dir(exe), "..", "..", "shared", "data"))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "glimpse", "data"))
	}
	var once []string
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if dir = filepath.Clean(dir); !slices.Contains(once, dir) {
			once = append(once, dir)
		}
	}
	return once
}

// besideCheckout is shared/data beside the folder with go.mod that holds dir, "" when there is none.
func besideCheckout(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "data")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// Find is the folder of the data set of that name, such as "flickr8k", in the first folder of [SearchPath] that
// has one which is not empty.
func Find(name string) (string, error) {
	if !validName(name) {
		return "", fmt.Errorf("expected the name of a data set, such as flickr8k, found %q; glimpse data list shows the names", name)
	}
	path := SearchPath()
	entry, _ := Lookup(name) // data of one's own is in no catalogue
	for _, dir := range path {
		candidates := []string{filepath.Join(dir, name)}
		if entry.Also != "" {
			candidates = append(candidates, filepath.Join(dir, entry.Also))
		}
		for _, candidate := range candidates {
			if entries, err := os.ReadDir(candidate); err == nil && len(entries) > 0 {
				return candidate, nil
			}
		}
	}
	return "", fmt.Errorf("expected the data set %s in one of these folders, found it in none: %s; get it with: glimpse data get %s, or set GLIMPSE_DATA to the folder that holds a folder %s",
		name, strings.Join(path, ", "), name, name)
}

// validName keeps names from leaving the folders they are looked for in.
func validName(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, `/\:`)
}

// Open opens a split of the data in dir, whatever its layout: Flickr8k's, Karpathy's splits of COCO, Flickr8k and Flickr30k
// ([Karpathy]), webdataset shards (SPLIT-*.tar), CIFAR-10's binary files, COCO's (annotations/captions_SPLIT*.json beside the
// folder SPLIT*), folders of classes (DIR/SPLIT/CLASS/*, or DIR/CLASS/* for the split ""), or pictures with captions beside
// them (in DIR/SPLIT or DIR). Where a folder has both, Flickr8k's own text files go before Karpathy's, whose splits are the same;
// of COCO, Karpathy's train, val and test go before COCO's own, which have the names of their years (val2014).
func Open(dir, split string) (Dataset, error) {
	names, err := filesIn(dir)
	if err != nil {
		return nil, fmt.Errorf("expected a folder with a data set: %w", err)
	}
	sub := filepath.Join(dir, split)
	karpathy := slices.ContainsFunc(sortedKeys(names), IsKarpathyFile)
	switch {
	case names["Flickr8k_text"] || names["Flicker8k_Dataset"] && !karpathy:
		return Flickr8k(dir, split)
	case karpathy && !(names["annotations"] && strings.ContainsAny(split, "0123456789")):
		return Karpathy(dir, split)
	case names["batches.meta.txt"], names["cifar-10-batches-bin"]:
		return CIFAR10Binary(dir, split)
	case slices.ContainsFunc(sortedKeys(names), func(n string) bool { return strings.HasSuffix(n, ".tar") }):
		shards, err := Shards(dir, split)
		if err != nil {
			return nil, err
		}
		return WebDataset(filepath.Base(dir)+"/"+split, shards)
	case names["annotations"]:
		return openCOCO(dir, split)
	case split == "" || isFolder(sub):
		return openPlain(sub)
	}
	for name := range names {
		if picture.IsPictureName(name) {
			return openPlain(dir)
		}
	}
	return nil, fmt.Errorf("expected a data set with a split %q in %s (Flickr8k's files, %s-*.tar, folders of classes in %s, or pictures with captions), found %s",
		split, dir, split, split, listing(names))
}

// openCOCO finds the one annotations file of a split, such as captions_val2014.json for "val" or "val2014".
func openCOCO(dir, split string) (Dataset, error) {
	files, err := filepath.Glob(filepath.Join(dir, "annotations", "captions_"+split+"*.json"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("expected one file captions_%s*.json in %s, found %d", split, filepath.Join(dir, "annotations"), len(files))
	}
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(files[0]), "captions_"), ".json")
	return COCOCaptions(filepath.Join(dir, name), files[0])
}

// openPlain opens folders of classes or pictures with captions.
func openPlain(dir string) (Dataset, error) {
	files, _, err := picturesIn(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return Folders(dir)
	}
	return Captioned(dir)
}

func listing(names map[string]bool) string {
	all := sortedKeys(names)
	switch {
	case len(all) == 0:
		return "an empty folder"
	case len(all) > 8:
		return fmt.Sprintf("%s and %d more", strings.Join(all[:8], ", "), len(all)-8)
	}
	return strings.Join(all, ", ")
}
