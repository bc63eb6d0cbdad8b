package captioner

import (
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
)

// Splits opens the pictures to train on and those that are held out. Scenes are drawn: size pixels on a side, as many as asked
// for, at least 100 of each.
func Splits(env *experiments.Env, name string, size, training, heldOut int) (train, held datasets.Dataset, err error) {
	if name == "scenes" {
		s := scenes.Pairs()
		s.Seed, s.Size, s.Split, s.Count = uint64(env.Seed), max(size, 32), scenes.Train, max(training, 100)
		if train, err = scenes.New(s); err != nil {
			return nil, nil, err
		}
		s.Split, s.Count = scenes.Test, max(heldOut, 100)
		held, err = scenes.New(s)
		return train, held, err
	}
	if train, err = env.Open(name, "train", true); err != nil {
		return nil, nil, err
	}
	if held, err = env.Open(name, "test", true); err != nil {
		if val, valErr := env.Open(name, "val", true); valErr == nil { // where there is no test split
			return train, val, nil
		}
	}
	return train, held, err
}
