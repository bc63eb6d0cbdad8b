package runpage_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/runpage"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// A run, and its page.
func ExampleWrite() {
	type config struct{}
	e := experiments.New("example", "nothing of use", func(experiments.Form, backend.Kind) (c config) { return c },
		func(_ context.Context, env *experiments.Env, _ config) (experiments.Result, error) {
			return experiments.Result{Metrics: map[string]float64{"accuracy": 0.75}}, env.Run.Record(experiments.Step{Step: 1, Loss: 2})
		})
	dir, err := os.MkdirTemp("", "runpage-")
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
	if err == nil {
		err = runpage.Write(run)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := os.ReadFile(run.Path(runpage.Name))
	fmt.Println(runpage.Name, strings.Contains(string(page), "accuracy"), err)
	// Output: report.html true <nil>
}
