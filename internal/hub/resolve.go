package hub

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Resolve gives the folder that a --model flag means: a folder that is there, or the snapshot in the cache of a model on
// the hub, ORG/NAME or ORG/NAME@REVISION. It never uses the network; the error for a model that is not in the cache has
// the command that brings it.
func Resolve(ref string) (string, error) {
	if isFolder(ref) {
		return ref, nil
	}
	if isFile(ref) {
		return "", fmt.Errorf("expected the folder of a model, found the file %s; its folder is %s", ref, filepath.Dir(ref))
	}
	repo, revision, at := strings.Cut(ref, "@")
	if !at {
		revision = "main"
	}
	m, err := ParseModel(repo, revision)
	if err != nil {
		return "", fmt.Errorf("expected the folder of a model or a name on the hub such as openai/clip-vit-base-patch32, found %q, which is neither", ref)
	}
	s, err := FromEnvironment()
	if err != nil {
		return "", err
	}
	c := &cache{dir: filepath.Join(s.Cache, m.folder())}
	commit, err := c.commit(m.Revision)
	if err == nil {
		if err = whole(c.snapshot(commit)); err == nil {
			return c.snapshot(commit), nil
		}
		err = fmt.Errorf("the cache has a part of it only: %w", err)
	}
	return "", fmt.Errorf("expected the folder of a model or a model of the hub that is in the cache, found no folder %s here, and %w; get it with: %s", ref, err, m.command())
}

// whole tests that a snapshot has weights, all shards of them when an index lists some.
func whole(dir string) error {
	if isFile(filepath.Join(dir, singleFile)) {
		return nil
	}
	if isFile(filepath.Join(dir, indexFile)) {
		return wholeIndex(dir, indexFile)
	}
	for _, ending := range []string{"*.safetensors", torchIndex, "*.bin", "*.pt"} {
		files, err := filepath.Glob(filepath.Join(dir, ending))
		if err != nil {
			return err
		}
		for _, file := range files {
			switch {
			case !isFile(file):
			case ending == torchIndex:
				return wholeIndex(dir, torchIndex)
			default:
				return nil
			}
		}
	}
	return errors.New("expected a file with weights in " + dir + ", found none")
}
