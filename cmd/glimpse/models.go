package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/hub"
)

// manyInputs is for commands that encode a whole set.
const manyInputs = math.MaxInt

// fewInputs is up to how many pictures and texts laying a model's weights out costs more than it saves: half a second a tower of ViT-B/32.
const fewInputs = 32

// openCLIP loads a CLIP model from its folder, a run's, or by the name that it has on the hub, to encode about so many pictures and texts.
func openCLIP(ref string, inputs int) (*clip.Model, error) {
	dir, err := modelFolder(ref)
	if err != nil {
		return nil, err
	}
	if err := checkModel(dir, clip.ConfigFile, captioner.ConfigFile, "a CLIP model, found a captioner, which `glimpse caption` and `glimpse eval captions` take"); err != nil {
		return nil, err
	}
	if inputs <= fewInputs {
		return clip.Load(dir)
	}
	return clip.LoadFrozen(dir)
}

// modelFolder is the folder that a --model flag means. Where there is none, ORG/NAME is taken for a model of the hub that is
// in the cache.
func modelFolder(ref string) (string, error) {
	if _, err := os.Stat(ref); err == nil || strings.Count(ref, "/") != 1 || filepath.Clean(ref) != ref {
		return ref, nil
	}
	return hub.Resolve(ref)
}

// uncut says what to do about a text that is too long, in commands that cut none.
func uncut(err error) error {
	var long *clip.TooLongError
	if errors.As(err, &long) {
		return fmt.Errorf("%s; shorten it", long.Found())
	}
	return err
}

// openCaptioner loads a captioner from its folder or a run's.
func openCaptioner(ctx context.Context, b *backend.Backend, dir string) (*captioner.Model, error) {
	if err := checkModel(dir, captioner.ConfigFile, clip.ConfigFile, "a captioner, found a CLIP model, which `glimpse classify` and `glimpse eval zeroshot` take"); err != nil {
		return nil, err
	}
	return captioner.Open(ctx, b, dir)
}

// openEnsemble loads a captioner, together with others as an ensemble where there are any.
func openEnsemble(ctx context.Context, b *backend.Backend, dir string, with []string) (*captioner.Model, error) {
	var members []*captioner.Model
	fail := func(err error) (*captioner.Model, error) {
		for _, m := range members {
			m.Close()
		}
		return nil, err
	}
	for _, dir := range append([]string{dir}, with...) {
		m, err := openCaptioner(ctx, b, dir)
		if err != nil {
			return fail(err)
		}
		members = append(members, m)
	}
	if len(with) == 0 {
		return members[0], nil
	}
	e, err := captioner.Ensemble(members...)
	if err != nil {
		return fail(fmt.Errorf("%s together with %s: %w", dir, strings.Join(with, ", "), err))
	}
	return e, nil
}

// checkModel tells a model of another kind and a run without a model from a folder that holds none at all, which
// the one who loads it finds out.
func checkModel(dir, want, other, found string) error {
	has := func(name ...string) bool {
		_, err := os.Stat(filepath.Join(append([]string{dir}, name...)...))
		return err == nil
	}
	switch {
	case has(want), has("model", want):
		return nil
	case has(other), has("model", other):
		return fmt.Errorf("%s: expected %s", dir, found)
	case has(clip.LiTFile), has("model", clip.LiTFile):
		return fmt.Errorf("%s: expected a model that sees pictures itself, found one of clip/lit, whose pictures go through a locked tower; `glimpse eval retrieval` takes it", dir)
	case has("manifest.json") && !has("results.json"):
		return fmt.Errorf("%s: expected a model, found a run that is not complete and has none", dir)
	}
	return nil
}
