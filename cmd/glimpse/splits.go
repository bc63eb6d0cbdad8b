package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// evalData is the data that a model is measured on.
type evalData struct {
	dir, split string
	limit      int
}

func (d *evalData) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.dir, "data", "", "`folder` of the data set, in any of the layouts that data show reads, or the name of a known one, such as flickr8k")
	cmd.Flags().StringVar(&d.split, "split", "", "`name` of the part of the data set (default: test if there is one, else val; \"\": the whole folder)")
	cmd.Flags().IntVar(&d.limit, "limit", 0, "measure on the first `n` pictures alone; 0 for all")
}

// open opens the split that was asked for, or a held-out one. What was found wrong with it is said on standard error.
func (d *evalData) open(cmd *cobra.Command) (datasets.Dataset, error) {
	if d.limit < 0 {
		return nil, usagef(cmd, "expected --limit to be 0 or more, found %d", d.limit)
	}
	var err error
	if d.dir, err = namedFolder(d.dir); err != nil {
		return nil, err
	}
	splits, err := splitsIn(d.dir)
	if err != nil {
		return nil, err
	}
	if d.split, err = chooseSplit(d.dir, d.split, cmd.Flags().Changed("split"), splits); err != nil {
		return nil, err
	}
	set, err := openSplit(cmd, d.dir, d.split)
	if err != nil {
		return nil, err
	}
	if d.limit > 0 {
		set = datasets.Limit(set, d.limit)
	}
	return set, nil
}

// openSplit opens a split of a data set and says what was found wrong with it.
func openSplit(cmd *cobra.Command, dir, split string) (datasets.Dataset, error) {
	set, err := datasets.Open(dir, split)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, p := range datasets.Problems(set) {
		problems = append(problems, p.String())
	}
	printFew(cmd.ErrOrStderr(), problems)
	return set, nil
}

// namedFolder is the folder that --data means: what lies there or, when nothing does, where the data set of that name is
// found.
func namedFolder(data string) (string, error) {
	if _, err := os.Stat(data); err == nil || strings.ContainsAny(data, `/\`) {
		return data, nil
	}
	var names []string
	for _, e := range datasets.Catalogue() {
		if e.Name == data {
			return datasets.Find(data)
		}
		if e.Open != nil {
			names = append(names, e.Name)
		}
	}
	return "", fmt.Errorf("expected a folder with a data set at %s, found: no such file or directory; nor is it one of the known data sets %s%s",
		data, strings.Join(names, ", "), didYouMean("", data, names))
}

// heldOut are the names of splits that a model is not trained on, in the order they are chosen.
var heldOut = []string{"test", "val", "dev", "valid", "validation"}

// chooseSplit is the split to open: the one asked for ("" is the whole folder), else a held-out one, else the whole folder when
// it has no splits.
func chooseSplit(dir, asked string, named bool, splits []string) (string, error) {
	if named {
		fits := func(s string) bool { return s == asked || isYearOf(s, asked) }
		if asked == "" || slices.ContainsFunc(splits, fits) {
			return asked, nil
		}
		if other := map[string]string{"dev": "val", "val": "dev"}[asked]; other != "" { // two names for one thing
			if i := slices.IndexFunc(splits, func(s string) bool { return s == other || isYearOf(s, other) }); i >= 0 {
				return splits[i], nil
			}
		}
		if len(splits) == 0 {
			return "", fmt.Errorf("expected a split %q in %s, found a folder without splits; leave --split out to take all of it", asked, dir)
		}
		return "", fmt.Errorf("expected a split %q in %s, found %s%s", asked, dir, strings.Join(splits, ", "), didYouMean("", asked, splits))
	}
	for _, want := range heldOut {
		if slices.Contains(splits, want) {
			return want, nil
		}
		if i := slices.IndexFunc(splits, func(s string) bool { return isYearOf(s, want) }); i >= 0 {
			return splits[i], nil
		}
	}
	if len(splits) > 0 {
		return "", fmt.Errorf("expected a held-out split (test or val) in %s, found %s; choose one with --split", dir, strings.Join(splits, ", "))
	}
	return "", nil
}

// isYearOf says whether split is COCO's name, such as val2014, for the split that is asked for as val.
func isYearOf(split, asked string) bool {
	year, ok := strings.CutPrefix(split, asked)
	return ok && asked != "" && year != "" && strings.Trim(year, "0123456789") == ""
}

// shardNumber is what follows the split in the name of a webdataset shard.
var shardNumber = regexp.MustCompile(`-\d+\.tar$|\.tar$`)

// splitsIn lists the splits of the data set in dir in the layouts that [datasets.Open] reads: none for pictures or
// classes that lie in dir itself.
func splitsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("expected a folder with a data set at %s, found: %w", dir, reason(err))
	}
	var splits []string
	add := func(split string) {
		if !slices.Contains(splits, split) {
			splits = append(splits, split)
		}
	}
	named := func(pattern, prefix, suffix string) {
		files, _ := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		for _, f := range files {
			add(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), prefix), suffix))
		}
	}
	named("Flickr8k_text/Flickr_8k.*Images.txt", "Flickr_8k.", "Images.txt")
	if len(splits) == 0 && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return datasets.IsKarpathyFile(e.Name()) }) {
		splits = []string{"train", "val", "test"}
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "dataset_coco.json" }) {
			splits = append(splits, "restval")
		}
	}
	named("annotations/captions_*.json", "captions_", ".json")
	if len(splits) > 0 {
		return splits, nil
	}
	var folders []string
	for _, e := range entries {
		name := e.Name()
		info, err := os.Stat(filepath.Join(dir, name)) // follows links
		switch {
		case name == "batches.meta.txt" || name == "cifar-10-batches-bin":
			return []string{"train", "test"}, nil
		case strings.HasSuffix(name, ".tar"):
			add(shardNumber.ReplaceAllString(name, ""))
		case err == nil && info.IsDir() && !strings.HasPrefix(name, "."):
			folders = append(folders, name)
		}
	}
	if len(splits) > 0 {
		return splits, nil
	}
	for _, name := range folders {
		if (name == "train" || slices.Contains(heldOut, name)) && holdsData(filepath.Join(dir, name)) {
			return folders, nil
		}
	}
	return nil, nil
}

// holdsData tells the folder of a split, with folders of classes or captioned pictures in it, from that of a class with such a name.
func holdsData(dir string) bool {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err == nil && info.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			return true
		}
		if !picture.IsPictureName(path) {
			continue
		}
		if _, err := os.Stat(strings.TrimSuffix(path, filepath.Ext(path)) + ".txt"); err == nil {
			return true
		}
	}
	return false
}

// escapeGlob makes a path mean itself in a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
