package glimpse_test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/glimpse-ml/glimpse/"

// The direction of imports is the lesson's (docs/architecture.md).
func TestDirectionOfImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		imports[strings.TrimPrefix(fields[0], module)] = fields[1:]
	}
	never := []struct{ who, what string }{
		{"", module + "cmd/"},
		{"plots", module + "datasets"}, {"plots", module + "clip"}, {"plots", module + "captioning"}, {"plots", "github.com/gomlx/"},
		{"datasets", module + "clip"}, {"datasets", module + "captioning"}, {"datasets", "github.com/gomlx/"}, {"datasets", module + "plots"},
		{"attention", module + "captioning"}, {"attention", module + "clip"}, {"attention", module + "experiments"},
		{"captioning", module + "clip"}, {"captioning", module + "experiments"}, {"captioning", module + "plots"},
		{"clip", module + "captioning"}, {"clip", module + "experiments"}, {"clip", module + "plots"},
		{"experiments", "github.com/janpfeifer/"}, {"experiments/contrastive/learning", "github.com/gomlx/"}, {"experiments/contrastive/learning", module + "clip"},
		{"internal", module + "experiments"}, {"internal/nn", module + "datasets"},
	}
	for who, whats := range imports {
		for _, rule := range never {
			if rule.who != "" && who != rule.who && !strings.HasPrefix(who, rule.who+"/") {
				continue
			}
			for _, what := range whats {
				if strings.HasPrefix(what, rule.what) {
					t.Errorf("%s imports %s, which the architecture rules out", who, what)
				}
			}
		}
	}
	if len(imports) < 15 {
		t.Errorf("only %d packages were looked at", len(imports))
	}
}
