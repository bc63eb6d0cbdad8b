package contrastive

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Locked is a model of clip/lit together with the locked tower that its pictures go through.
type Locked struct {
	*clip.LiT
	env   *experiments.Env
	tower tower
}

// IsLiT says whether the folder is a run of clip/lit with its model.
func IsLiT(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "model", clip.LiTFile))
	return err == nil
}

// OpenLiT opens the model of a run of clip/lit. The run's manifest says which tower it was trained with.
func OpenLiT(b *backend.Backend, dir string, messages io.Writer) (*Locked, error) {
	run, err := experiments.OpenRun(dir)
	if err != nil {
		return nil, err
	}
	var cfg LiTConfig
	if err := json.Unmarshal(run.Manifest.Config, &cfg); err != nil || run.Manifest.Experiment != "clip/lit" {
		return nil, fmt.Errorf("expected a run of clip/lit in %s, found one of %s", dir, run.Manifest.Experiment)
	}
	m := &Locked{env: &experiments.Env{Backend: b, Messages: messages}}
	if m.LiT, err = clip.LoadLiT(run.Path("model")); err != nil {
		return nil, err
	}
	if m.tower, err = openTower(m.env, cfg.Tower, cfg.Size); err != nil {
		return nil, err
	}
	if m.tower.inputs() != m.Config.Reader.Inputs {
		m.tower.close()
		return nil, fmt.Errorf("%s: expected a model that reads the %d numbers of the tower %s, found one that reads %d", dir, m.tower.inputs(), cfg.Tower, m.Config.Reader.Inputs)
	}
	return m, nil
}

// Embed encodes every picture, in both views, and every caption of a data set. A picture that cannot be read is an error.
func (m *Locked) Embed(ctx context.Context, set datasets.Dataset) (*evaluate.Embedded, error) {
	return embedThrough(ctx, m.env, m.tower, m.LiT, set)
}

// Close frees what was compiled.
func (m *Locked) Close() { m.tower.close() }
