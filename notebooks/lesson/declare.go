package lesson

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/sweep"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Declare makes an experiment of a cell's own, as [experiments.New] does, with the same settings in every form and on every backend.
func Declare[C any](name, summary string, defaults C, run func(ctx context.Context, env *experiments.Env, config C) (experiments.Result, error)) experiments.Experiment {
	return experiments.New(name, summary, func(experiments.Form, backend.Kind) C { return defaults }, run)
}

// Sweep tries every combination of settings, given as `glimpse sweep --over` takes them ("model.embed_dim=8,32"), with seeds 1 to
// seeds. It is one worker of a sweep that is kept in the user's cache folder: stopped, it goes on where it was; complete, it
// only says what came out.
func Sweep(b *backend.Backend, e experiments.Experiment, seeds int, metric string, over ...string) *sweep.Summary {
	spec := sweep.Spec{Experiment: e.Name, Form: experiments.Quick, Set: []string{}, Method: "grid", Seeds: seeds, FirstSeed: 1,
		Metric: metric, Lease: sweep.DefaultLease.Seconds()}
	for _, text := range over {
		spec.Over = append(spec.Over, Try(sweep.ParseDimension(text)))
	}
	Check(spec.Check(func(overrides []experiments.Override) error {
		_, err := e.Config(b.Kind, experiments.Options{Form: spec.Form, Overrides: overrides})
		return err
	}))
	s := Try(sweep.Create(Try(sweepFolder(b, e, spec)), spec))
	Check(s.Work(context.Background(), sweep.Worker{Run: s.Runner(e, b, nil)}))
	return Try(s.Summarise())
}

// sweepFolder is where a sweep of these settings is kept: one of other settings has another folder.
func sweepFolder(b *backend.Backend, e experiments.Experiment, spec sweep.Spec) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("expected a cache folder of yours for sweeps, found none (%w); set XDG_CACHE_HOME to a folder", err)
	}
	config, err := e.Config(b.Kind, experiments.Options{Form: spec.Form})
	if err != nil {
		return "", err
	}
	asked, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("cannot name the sweep's folder: %w", err)
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s", b.Kind, config, asked))
	return filepath.Join(cache, "glimpse", "lesson", "sweeps", fmt.Sprintf("%s-%.4x", strings.ReplaceAll(e.Name, "/", "-"), hash)), nil
}
