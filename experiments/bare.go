package experiments

import (
	"context"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Bare runs steps of a task in a loop that does nothing else: no run, no record, no checkpoint, no look at the clock or at the numbers. It
// calls each after every step. Benchmarks hold [Env.Train] against it.
func Bare(ctx context.Context, b *backend.Backend, store *model.Store, task Task, source Source, cfg TrainConfig, each func()) error {
	trainer, err := newTrainer(b, store, task, cfg)
	if err != nil {
		return err
	}
	defer trainer.close()
	for step := 1; step <= cfg.Steps; step++ {
		batch, err := source.Next(ctx)
		if err != nil {
			return err
		}
		if _, _, err := runStep(trainer, batch, step, cfg); err != nil {
			return err
		}
		each()
	}
	return nil
}
