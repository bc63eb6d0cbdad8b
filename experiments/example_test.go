package experiments_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// counting is the configuration of an experiment: each field is a setting.
type counting struct {
	Words []string `json:"words"`
}

// An experiment is a configuration and a function. It is run in a folder that keeps what came out. docs/examples/devise has one that trains.
func Example() {
	defaults := func(experiments.Form, backend.Kind) counting { return counting{Words: []string{"a", "dog"}} }
	count := experiments.New("count", "how many words there are", defaults, func(_ context.Context, env *experiments.Env, c counting) (experiments.Result, error) {
		return experiments.Result{Metrics: map[string]float64{"words": float64(len(c.Words))}}, nil
	})
	dir, err := os.MkdirTemp("", "experiments-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	b, err := backend.OpenNamed("go")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Finalize()
	options := experiments.Options{Form: experiments.Quick, Out: filepath.Join(dir, "run"), Overrides: []experiments.Override{{Key: "words", Value: `["a","dog","runs"]`}}}
	run, result, err := count.Start(context.Background(), b, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Manifest.Experiment, string(run.Manifest.Config), result.Metrics["words"])

	options.Overrides = []experiments.Override{{Key: "wrods", Value: "[]"}}
	_, _, err = count.Start(context.Background(), b, options)
	fmt.Println(err)
	// Output:
	// count {"words":["a","dog","runs"]} 3
	// unknown setting wrods: there is no "wrods"; did you mean "words"? (known here: words)
}
