package export_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/export"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// A run, and what TensorBoard reads of it.
func ExampleTensorBoard() {
	type config struct{}
	e := experiments.New("example", "nothing of use", func(experiments.Form, backend.Kind) (c config) { return c },
		func(_ context.Context, env *experiments.Env, _ config) (experiments.Result, error) {
			return experiments.Result{Metrics: map[string]float64{"accuracy": 0.75}}, env.Run.Record(experiments.Step{Step: 1, Loss: 2})
		})
	dir, err := os.MkdirTemp("", "export-")
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
	run, _, err := e.Start(context.Background(), b, experiments.Options{Out: filepath.Join(dir, "run")})
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := export.TensorBoard(run, filepath.Join(dir, "tb"), "first")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(filepath.Base(filepath.Dir(file)), strings.HasPrefix(filepath.Base(file), "events.out.tfevents."))
	// Output: first true
}
