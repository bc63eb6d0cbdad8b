package main

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// A store that GoMLX's Adam has trained and GoMLX's checkpoint has written: the weights come out alone, or all of it.
func TestModelImport(t *testing.T) {
	store, dir := model.NewStore(), t.TempDir()
	handler, err := checkpoint.Build(store).Dir(dir).Done()
	if err != nil {
		t.Fatal(err)
	}
	step := model.MustNewExec(backendtest.Go(t), store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.Store().SetTraining(x.Graph(), true)
		w := scope.In("layer").VariableWithShape("w", x.Shape()).NodeValue(x)
		loss := graph.ReduceAllSum(graph.Square(graph.Sub(w, x)))
		optimizer.Adam().Done().UpdateGraph(scope, x.Graph(), loss)
		return loss
	})
	step.MustCall1(tensors.FromValue([]float32{1, 2}))
	if err := handler.Save(); err != nil {
		t.Fatal(err)
	}
	names := func(args ...string) []string {
		out := filepath.Join(t.TempDir(), "out.safetensors")
		var stdout, stderr bytes.Buffer
		if code := run(append([]string{"model", "import", dir, "--out", out}, args...), nil, &stdout, &stderr); code != 0 {
			t.Fatalf("exit code %d: %s", code, &stderr)
		}
		file, err := safetensors.Load(out)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(file.Tensors))
	}
	if found := names(); !slices.Equal(found, []string{"layer.w"}) {
		t.Errorf("found the tensors %q", found)
	}
	if found := names("--all"); len(found) < 4 || !slices.Contains(found, "layer.w") {
		t.Errorf("with --all found the tensors %q", found)
	}
}
