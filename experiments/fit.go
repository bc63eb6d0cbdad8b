package experiments

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/progress"
)

// Fit is [Env.Train] as an experiment wants it: it forgets what an earlier training left of its optimiser,
// shows how training goes, records its steps in the run, and leaves the averaged weights in store. onDev puts what Task.Evaluate has found last into a few words for the progress bar.
func Fit(ctx context.Context, env *Env, name string, store *model.Store, task Task, source Source, cfg TrainConfig, onDev func(found map[string]float64) string) (Trained, error) {
	// Adam's moments belong to the steps they were gathered in: with those of a longer training, whose bias is gone, the first
	// thousand steps of the next one would be up to 30 times too short, and lead where the old loss wanted to go.
	if err := store.DeleteVariablesInScope(optimizerScope); err != nil {
		return Trained{}, fmt.Errorf("cannot forget the optimiser's state: %w", err)
	}
	bar := progress.New(env.Messages, name, int64(cfg.Steps), progress.Options{})
	defer bar.Done()
	var last Step
	dev := ""
	bar.DescribeBy(func() string {
		if last.Step == 0 {
			return ""
		}
		return fmt.Sprintf("%s: loss %.2f%s%s", name, last.Loss, last.pace(), dev)
	})
	trained, err := env.Train(ctx, name, store, task, source, cfg, func(s Step) error {
		if s.Evaluated {
			dev = ", " + onDev(s.Scalars)
		}
		last = s
		bar.Set(int64(s.Step))
		if !cfg.Records(s) {
			return nil
		}
		if err := env.Run.Record(s); err != nil || task.Watch == nil {
			return err
		}
		return task.Watch(s)
	})
	if err != nil {
		return trained, err
	}
	return trained, UseAverage(store)
}

// pace says how fast training goes, and what share of the time it waits for data, where that is worth a word.
func (s Step) pace() string {
	text := ""
	switch each := s.Seconds / float64(max(s.Step, 1)); {
	case each >= 1:
		text = fmt.Sprintf(", %.1f s a step", each)
	case each > 0:
		text = fmt.Sprintf(", %.3g steps a second", 1/each)
	}
	if s.Waiting >= 0.01 {
		text += fmt.Sprintf(", %.0f%% waiting for data", 100*s.Waiting)
	}
	return text
}
