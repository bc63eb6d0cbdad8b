package captioner

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// In a dry run the first 64 pictures stand for all, frozen features or pixels, and no features are kept on disk.
func TestPrepareInADryRun(t *testing.T) {
	c := frozenCaptioner(t)
	pixels, err := OpenEncoder(c.backend.Backend, "cnn", 16, 0)
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	cfg := scenes.Pairs()
	cfg.Count, cfg.Size = 70, 67
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defaults := func(experiments.Form, backend.Kind) struct{} { return struct{}{} }
	e := experiments.New("prepare", "", defaults, func(ctx context.Context, env *experiments.Env, _ struct{}) (experiments.Result, error) {
		for _, encoder := range []*Encoder{c.Encoder, pixels} {
			inputs, errs, err := encoder.inputSet(ctx, env, set, View{})
			if err != nil {
				return experiments.Result{}, err
			}
			if len(errs) != 70 || slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
				t.Errorf("found the errors %v", errs)
			}
			if !slices.Equal(inputs(65), inputs(1)) || slices.Equal(inputs(0), inputs(1)) || len(inputs(69)) != encoder.inputSize() {
				t.Error("picture 65 is not seen as picture 1, or all are the same")
			}
		}
		return experiments.Result{}, nil
	})
	if _, err := e.DryRun(t.Context(), c.backend, experiments.Options{}); err == nil || !strings.Contains(err.Error(), "without a training") {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) > 0 {
		t.Errorf("a dry run left %v (%v)", left, err)
	}
}
