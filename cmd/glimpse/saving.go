package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/glimpse-ml/glimpse/experiments"
)

// savingFlags say when checkpoints are written and which stay.
type savingFlags struct {
	every    string
	keep     int
	best     string
	smallest bool
}

func (s *savingFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&s.every, "checkpoint-every", "1m", "`time` between checkpoints, such as 30s, or a number of steps")
	flags.IntVar(&s.keep, "keep", 2, "`number` of newest checkpoints that stay while a training goes on")
	flags.StringVar(&s.best, "keep-best", "", "keep the checkpoint of the best evaluation too, by the `metric` of that name; larger is better")
	flags.BoolVar(&s.smallest, "smallest", false, "with --keep-best: smaller is better")
}

// saving reads the flags.
func (s savingFlags) saving(cmd *cobra.Command) (experiments.Saving, error) {
	out := experiments.Saving{Keep: s.keep, Best: experiments.Best{Metric: s.best, Smallest: s.smallest}}
	if s.keep < 1 {
		return out, usagef(cmd, "--keep: expected 1 or more, found %d", s.keep)
	}
	if s.smallest && s.best == "" {
		return out, usagef(cmd, "expected --smallest together with --keep-best")
	}
	if steps, err := strconv.Atoi(s.every); err == nil && steps > 0 {
		out.Steps = steps
		return out, nil
	}
	if d, err := time.ParseDuration(s.every); err == nil && d > 0 {
		out.Every = d
		return out, nil
	}
	return out, usagef(cmd, "--checkpoint-every: expected a time such as 30s or a number of steps, found %q", s.every)
}
